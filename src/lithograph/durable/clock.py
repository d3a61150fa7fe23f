"""Time and chance, injected, so that tests can set them."""

import random
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

import anyio


class Clock(Protocol):
    """Tells the time of the database's machine and waits."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that time."""
        ...


class SystemClock:
    """The machine's clock: on SQLite it is the database's too."""

    def now(self) -> float:
        """Return seconds since 1970, UTC."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after that time."""
        await anyio.sleep(seconds)


def timestamp(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC with microseconds, which sorts as it passes."""
    whole, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{microseconds:06}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """Return a time without its fraction: thousands of rows are written in a second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]


def seconds_of(text: str) -> float:
    """Return the seconds since 1970 that `timestamp` wrote."""
    return datetime.fromisoformat(text).timestamp()


def system_random() -> random.Random:
    """Return a source of chance for jitter, seeded by the system."""
    return random.Random()  # noqa: S311  # spreads retries, guards nothing
