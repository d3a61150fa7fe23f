"""The database's clock: leases of workers on many machines are compared by it, not by what their machines believe."""

import time
from typing import Final

from sqlalchemy import func, select

from lithograph.durable.clock import Clock, SystemClock
from lithograph.errors import StorageError
from lithograph.storage.open import Storage

_ASK_EVERY: Final = 30.0
"""Seconds that our own clock is trusted for: it drifts by less than a millisecond."""


def clock_of(storage: Storage) -> Clock:
    """Return the clock of a database; a file has its machine's."""
    return SystemClock() if storage.dialect == "sqlite" else ServerClock(storage)


class ServerClock(SystemClock):
    """A server's clock, asked now and then; in between the time goes on as it does here. Safe to share.

    Where this machine sleeps, ours falls behind until it asks again: whoever is behind gives nobody else's lease up.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._ahead = 0.0
        """Seconds that the server's clock is ahead of this process' monotonic one."""
        self._asked: float | None = None

    def now(self) -> float:
        """Return seconds since 1970, UTC. Raises `StorageError` when it cannot be asked the first time."""
        here = time.monotonic()
        if self._asked is None or here - self._asked > _ASK_EVERY:
            try:
                self._ask()
            except StorageError:
                if self._asked is None:
                    raise
                self._asked = here  # whoever wants to know the time must not wait for a server that is away
        return time.monotonic() + self._ahead

    def _ask(self) -> None:
        with self._storage.inspect() as connection:
            before = time.monotonic()
            told = connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one()
            after = time.monotonic()
        self._ahead, self._asked = float(told) - (before + after) / 2, after
