"""Processes that share a minute through the server's own function, on a clock that a test moves: the server's too."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection
from tests.clocks import VirtualClock
from tests.postgres import Server

from lithograph.errors import StorageError
from lithograph.resilience.allowance import Demand, Grant
from lithograph.resilience.limiter import RateLimiter
from lithograph.storage.open import open_storage
from lithograph.workflow.allowance import Terms, take

ALL = 1 << 60
"""The number of the last grant that came, where none was lost."""


@contextmanager
def connected(postgres: Server) -> Iterator[Connection]:
    """Give a connection that commits by itself to a database of its own."""
    with postgres.database() as url, open_storage(url) as storage, storage.engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@dataclass
class Minute:
    """An `Allowance` for one process, which asks the function itself. What is asked and what is answered take up to
    `slowest` seconds each to arrive, and are lost so often.
    """

    connection: Connection
    clock: VirtualClock
    terms: Terms
    process: str = "process"
    key: str = "key"
    slowest: float = 0.0
    lost: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    asked: list[float] = field(default_factory=list)
    """When it was asked."""
    granted: list[int] = field(default_factory=list)
    """The requests that it granted each time."""

    async def take(self, demand: Demand) -> Grant:
        asked = self.clock.now()
        self.asked.append(asked)
        await self._on_its_way()
        grant = self.ask(demand)
        await self._on_its_way()
        return Grant(grant.number, grant.requests, grant.tokens, asked + grant.until, self.clock.now() + grant.again)

    def ask(self, demand: Demand) -> Grant:
        """Return what the function grants at once, its times in seconds from now."""
        moment = datetime.fromtimestamp(1_800_000_000 + self.clock.now(), UTC).isoformat()
        grant = take(self.connection, self.key, self.process, self.terms, demand, moment)
        self.granted.append(grant.requests)
        return grant

    async def _on_its_way(self) -> None:
        if self.slowest:
            await self.clock.sleep(self.chance.uniform(0.0, self.slowest))
        if self.chance.random() < self.lost:
            raise StorageError("the server is away")

    def limiter(self, concurrency: int = 20) -> RateLimiter:
        """Return the limiter of a process that has its room from here."""
        return RateLimiter(
            concurrency=concurrency,
            requests_per_minute=self.terms.requests,
            tokens_per_minute=self.terms.tokens,
            allowance=self,
            now=self.clock.now,
            sleep=self.clock.sleep,
        )


def demand(requests: int, tokens: int = 0, *, first: int | None = None, known: int = ALL) -> Demand:
    return Demand(requests, tokens, tokens // requests if first is None else first, known)
