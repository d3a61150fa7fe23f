"""Allowance on a server: the minute of a provider's key is kept by a function of the database, for all processes.

One statement and one short lock for each lease, whatever the rate of calls. The server's clock decides; what this
process must do in time it does in the time since it began to ask, which is later than the server's answer.
"""

import json
import math
import secrets
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Final

import anyio.to_thread
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from lithograph.errors import UsageError
from lithograph.resilience.alarm import Now
from lithograph.resilience.allowance import LATE, Demand, Grant
from lithograph.resilience.window import MINUTE
from lithograph.storage.open import Storage
from lithograph.storage.tenancy import WORKER

_TAKE: Final = text(
    "SELECT grant_number, grant_requests, grant_tokens, again_in FROM lithograph_allowance("
    ":key, :process, :known, CAST(:spent AS jsonb), CAST(:most_requests AS bigint), CAST(:most_tokens AS bigint), "
    ":requests, :tokens, :first, :lasts, :minute, CAST(:at AS timestamptz))"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every grant of a key's minute: the limits, None for none, and times in seconds."""

    requests: float | None
    tokens: float | None
    lasts: float = 2.0
    """How long what is granted may be begun: longer than the database takes to answer."""
    minute: float = MINUTE


def take(connection: Connection, key: str, process: str, terms: Terms, demand: Demand, at: str | None = None) -> Grant:
    """Return what the server grants, its times in seconds from now; `at` stands in for the server's clock.

    The connection commits by itself: a process that stops for a while must not keep the others waiting.
    """
    asked = {
        "key": key,
        "process": process,
        "known": demand.known,
        "spent": json.dumps([asdict(spent) for spent in demand.spent]),
        "most_requests": terms.requests and math.floor(terms.requests),
        "most_tokens": terms.tokens and math.floor(terms.tokens),
        "requests": demand.requests,
        "tokens": demand.tokens,
        "first": demand.first,
        "lasts": terms.lasts + LATE,
        "minute": terms.minute,
        "at": at,
    }
    number, requests, tokens, again = connection.execute(_TAKE, asked).one()
    return Grant(number or 0, requests, tokens, terms.lasts, again)


@dataclass(slots=True)
class ServerAllowance:
    """An `Allowance` of the minute that `key` names, kept by a PostgreSQL server."""

    storage: Storage
    key: str
    terms: Terms
    now: Now = time.monotonic
    _process: str = field(default_factory=lambda: secrets.token_hex(8))
    _asking: threading.Lock = field(default_factory=threading.Lock, repr=False)

    async def take(self, demand: Demand) -> Grant:
        """Return what is granted; raises as `Allowance.take` does, and `UsageError` when the user may not ask."""
        given_up = threading.Event()
        try:
            return await anyio.to_thread.run_sync(self._take, demand, given_up, abandon_on_cancel=True)
        finally:
            given_up.set()

    def _take(self, demand: Demand, given_up: threading.Event) -> Grant:
        with self._asking, self.storage.translated():  # one after the other: a later demand knows more
            asked = self.now()
            if given_up.is_set():
                return Grant(0, 0, 0, asked, asked)
            with self.storage.engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                try:
                    grant = take(connection, self.key, self._process, self.terms, demand)
                except ProgrammingError as error:
                    if getattr(error.orig, "sqlstate", None) != "42501":
                        raise
                    raise UsageError(
                        f"the database user may not share a provider's limits with others; have it granted {WORKER}"
                    ) from error
        return Grant(grant.number, grant.requests, grant.tokens, asked + grant.until, self.now() + grant.again)
