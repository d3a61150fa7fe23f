"""Group commits on PostgreSQL: a transaction for each organisation, done again where a connection was lost."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

from lithograph.durable.attempt_postgres import Attempt, Known, Place
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Moment, Transaction, reached
from lithograph.durable.group import Verdict, nothing
from lithograph.durable.writes import Write
from lithograph.errors import StorageError
from lithograph.storage.open import Storage
from lithograph.storage.pipeline import Pipeline
from lithograph.storage.steps import TURN, Steps, finished

if TYPE_CHECKING:
    from sqlalchemy import PoolProxiedConnection

_PATIENCE: Final = 30.0
"""Seconds to try to reach a server that is away: a restart takes less."""

_AGAIN: Final = 0.2
"""Seconds between two tries."""

_PASSING: Final = frozenset({"08", "40", "55", "57", "53300", "25006", "25P03", "25P04"})
"""States and classes of them that pass: a lost connection, a deadlock, a restart, a standby, a frozen transaction."""


class PostgresCommit:
    """Commits groups of writes through a connection of its own. Used by one thread at a time."""

    def __init__(self, storage: Storage, clock: Clock, patience: float = _PATIENCE) -> None:
        self._storage, self._clock, self._patience = storage, clock, patience
        self._pooled: PoolProxiedConnection | None = None
        self._pipeline: Pipeline | None = None
        self._known: Known = {}
        self._last = Place()

    def __call__(self, writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> Sequence[Verdict]:
        """Commit `writes`, those of each organisation in one transaction; see `CommitGroup`."""
        waiting()  # for the server, most of the time
        return finished(self.steps(writes))

    def steps(self, writes: Sequence[Write]) -> Steps[Sequence[Verdict]]:
        """Do so in steps, so that a loop can do something else while the server works.

        One group may be begun before the one ahead of it has finished; it waits for that one where it has to.
        """
        ahead, self._last = self._last, Place()
        place = self._last
        if not ahead.followed:
            yield TURN
        until = time.monotonic() + self._patience
        by_organization = [write.owner.organization_id for write in writes]
        return (yield from self._each(writes, by_organization, until, place))

    def _each(
        self, writes: Sequence[Write], parts: Sequence[str], until: float, place: Place, *, whole: bool = True
    ) -> Steps[list[Verdict]]:
        """Commit what belongs together, one part after the other, and return the verdicts in the order of `writes`."""
        verdicts: list[Verdict] = [None] * len(writes)
        names = list(dict.fromkeys(parts))
        for name in names:
            place.followed, place.last_part = False, whole and name == names[-1]
            places = [at for at, part in enumerate(parts) if part == name]
            found = yield from self._commit([writes[at] for at in places], until, place)
            for at, verdict in zip(places, found, strict=True):
                verdicts[at] = verdict
        return verdicts

    def _commit(self, writes: Sequence[Write], until: float, place: Place) -> Steps[Sequence[Verdict]]:
        """Commit writes of one organisation; what keeps them from it is nobody else's affair."""
        reached(Transaction.JOURNAL, Moment.BEFORE)
        try:
            with self._storage.translated():
                verdicts = yield from self._persist(Attempt(writes, self._known, place), until)
        except StorageError as error:
            return [error] * len(writes)
        except Exception as error:
            by_execution = [write.owner.execution_id for write in writes]
            if len(set(by_execution)) == 1:
                return [error] * len(writes)
            # The server takes some of it never: that is one execution's, and must not cost the others what is theirs.
            return (yield from self._each(writes, by_execution, until, place, whole=False))
        reached(Transaction.JOURNAL, Moment.AFTER)
        return verdicts

    def _persist(self, attempt: Attempt, until: float) -> Steps[Sequence[Verdict]]:
        """Try until it is committed, or cannot be; a connection that was lost is made anew at once, then now and then.

        Once it is known that the server cannot be reached, whoever comes after that tries it only once.
        """
        for wait in chain([0.0], repeat(_AGAIN)):
            pipeline = self._pipeline
            try:
                if pipeline is None:
                    yield TURN
                    pipeline = yield from self._connected()
                return (yield from attempt.run(pipeline, timestamp(self._clock.now())))
            except Exception as error:
                yield TURN  # whoever has it waits for an answer on the same connection
                self._drop(pipeline)
                if not _passes(error) or time.monotonic() > until:
                    raise
            except BaseException:
                self._drop(pipeline)
                raise
            yield partial(time.sleep, wait)
        raise AssertionError("it is tried without end")

    def _connected(self) -> Steps[Pipeline]:
        if self._pipeline is None:
            yield self._connect
        assert self._pipeline is not None  # noqa: S101  # or it would have failed
        return self._pipeline

    def _connect(self) -> None:
        self._pooled = self._storage.engine.raw_connection()
        driver: Any = self._pooled.driver_connection
        driver.rollback()  # in a transaction that is open already, a message would not be one of its own
        pipeline = Pipeline(driver)
        pipeline.send("SET default_transaction_isolation TO 'read committed'")
        pipeline.sync()
        self._pipeline = pipeline

    def _drop(self, pipeline: Pipeline | None) -> None:
        """Close a connection, unless whoever had his turn before has done so, and made another."""
        if pipeline is self._pipeline:
            self.close()

    def close(self) -> None:
        """Close the connection. It may be used again afterwards, and makes another."""
        if self._pooled is not None:
            self._pooled.invalidate()  # it is not as the pool gave it
        self._pooled = self._pipeline = None


def _passes(error: Exception) -> bool:
    """Whether it may go better on another connection, or a little later."""
    from psycopg import Error, OperationalError

    cause = getattr(error, "orig", None) or error
    if not isinstance(cause, Error):
        return False
    if cause.sqlstate is None:
        return isinstance(cause, OperationalError)
    return cause.sqlstate in _PASSING or cause.sqlstate[:2] in _PASSING
