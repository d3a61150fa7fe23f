"""One group commit on PostgreSQL: a transaction for each organisation, its statements sent together.

A connection that is lost is made anew, and the transaction done again unless it turns out to have been committed. Only
the owner of an execution gives its events numbers, so the number of the last one tells.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, Final

from lithograph.domain.ids import ExecutionId
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Moment, Transaction, reached
from lithograph.durable.group import UNKNOWN, Group, Verdict, spending
from lithograph.durable.writes import Write
from lithograph.errors import FencedError, StorageError
from lithograph.storage.columns import without_nul
from lithograph.storage.open import Storage
from lithograph.storage.tenancy import ACT_BRIEFLY_FOR, ACT_FOR

if TYPE_CHECKING:
    from psycopg import Connection
    from sqlalchemy import PoolProxiedConnection

# Rows are locked in the order of their ids, so that two groups never wait for each other.
_STATES: Final = """
SELECT id, epoch, status, last_seq, spent_tokens, spent_cost_usd FROM workflow_execution
WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_ACTIVITIES: Final = """
INSERT INTO workflow_activity (organization_id, execution_id, activity_name, status, input_hash, result, error, attempt,
                               usage, epoch, started_at, completed_at, duration_ms)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::text[], %s::integer[],
                     %s::jsonb[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::double precision[])
ON CONFLICT (execution_id, activity_name) DO UPDATE
SET status = excluded.status, input_hash = excluded.input_hash, result = excluded.result, error = excluded.error,
    attempt = excluded.attempt, usage = excluded.usage, epoch = excluded.epoch, started_at = excluded.started_at,
    completed_at = excluded.completed_at, duration_ms = excluded.duration_ms
"""
_EVENTS: Final = """
INSERT INTO workflow_event (organization_id, execution_id, seq, type, payload, created_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::jsonb[], %s::timestamptz[])
"""
_CACHED: Final = """
INSERT INTO response_cache (organization_id, key, response, created_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::jsonb[], %s::timestamptz[]) ON CONFLICT DO NOTHING
"""
_TOUCH: Final = """
UPDATE workflow_execution
SET last_seq = new.seq, last_activity_name = coalesce(new.activity, last_activity_name), updated_at = new.at,
    lease_expires_at = coalesce(new.lease, lease_expires_at),
    spent_tokens = coalesce(new.tokens, spent_tokens), spent_cost_usd = coalesce(new.cost, spent_cost_usd)
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::double precision[],
            %s::text[]) AS new (seq, activity, at, lease, tokens, cost, id)
WHERE workflow_execution.id = new.id
"""
# Each process adds to a row of its own, more or less, so that none waits for another.
_SPEND: Final = """
INSERT INTO spending (organization_id, slot, tokens, cost_usd) VALUES (%s, %s, %s, %s)
ON CONFLICT (organization_id, slot) DO UPDATE
SET tokens = spending.tokens + excluded.tokens, cost_usd = spending.cost_usd + excluded.cost_usd
"""
_SLOT: Final = secrets.randbelow(64)

_RESULT, _USAGE, _PAYLOAD, _RESPONSE = 5, 8, 4, 2
"""Where the JSON stands in the rows of a group."""

_PATIENCE: Final = 30.0
"""Seconds to try to reach a server that is away: a restart takes less."""

_AGAIN: Final = 0.2
"""Seconds between two tries."""

_PASSING: Final = frozenset({"08", "40", "55", "57", "53300", "25006", "25P03", "25P04"})
"""States and classes of them that pass: a lost connection, a deadlock, a restart, a standby, a frozen transaction."""

_CAN_BE_BRIEF: Final = 170000
"""The first version of the server that ends transactions which take too long."""


class PostgresCommit:
    """Commits groups of writes through a connection of its own. Used by one thread at a time."""

    def __init__(self, storage: Storage, clock: Clock, patience: float = _PATIENCE) -> None:
        self._storage, self._clock, self._patience = storage, clock, patience
        self._pooled: PoolProxiedConnection | None = None

    def __call__(self, writes: Sequence[Write]) -> list[Verdict]:
        """Commit `writes`, those of each organisation in one transaction; see `CommitGroup`."""
        until = time.monotonic() + self._patience
        return self._each(writes, lambda write: write.owner.organization_id, until)

    def _each(self, writes: Sequence[Write], part: Callable[[Write], str], until: float) -> list[Verdict]:
        """Commit what belongs together, one part after the other, and return the verdicts in the order of `writes`."""
        verdicts: list[Verdict] = [None] * len(writes)
        for mine in dict.fromkeys(map(part, writes)):
            places = [place for place, write in enumerate(writes) if part(write) == mine]
            for place, verdict in zip(places, self._commit([writes[place] for place in places], until), strict=True):
                verdicts[place] = verdict
        return verdicts

    def _commit(self, writes: Sequence[Write], until: float) -> Sequence[Verdict]:
        """Commit writes of one organisation; what keeps them from it is nobody else's affair."""
        reached(Transaction.JOURNAL, Moment.BEFORE)
        try:
            with self._storage.translated():
                verdicts = self._persist(_Attempt(writes), until)
        except StorageError as error:
            return [error] * len(writes)
        except Exception as error:
            if len({write.owner.execution_id for write in writes}) == 1:
                return [error] * len(writes)
            # The server takes some of it never: that is one execution's, and must not cost the others what is theirs.
            return self._each(writes, lambda write: write.owner.execution_id, until)
        reached(Transaction.JOURNAL, Moment.AFTER)
        return verdicts

    def _persist(self, attempt: "_Attempt", until: float) -> Sequence[Verdict]:
        """Try until it is committed, or cannot be; a connection that was lost is made anew at once, then now and then.

        Once it is known that the server cannot be reached, whoever comes after that tries it only once.
        """
        for wait in chain([0.0], repeat(_AGAIN)):
            try:
                return attempt.run(self._connection(), timestamp(self._clock.now()))
            except Exception as error:
                self._drop()
                if not _passes(error) or time.monotonic() > until:
                    raise
            except BaseException:
                self._drop()
                raise
            time.sleep(wait)
        raise AssertionError("it is tried without end")

    def _connection(self) -> "Connection":
        if self._pooled is None:
            self._pooled = self._storage.engine.raw_connection()
        driver: Any = self._pooled.driver_connection
        return driver  # type: ignore[no-any-return]  # the engine's driver is psycopg

    def _drop(self) -> None:
        if self._pooled is not None:
            self._pooled.invalidate()
            self._pooled = None

    def close(self) -> None:
        """Give the connection back."""
        if self._pooled is not None:
            self._pooled.close()


def _passes(error: Exception) -> bool:
    """Whether it may go better on another connection, or a little later."""
    from psycopg import Error, OperationalError

    cause = getattr(error, "orig", None) or error
    if not isinstance(cause, Error):
        return False
    if cause.sqlstate is None:
        return isinstance(cause, OperationalError)
    return cause.sqlstate in _PASSING or cause.sqlstate[:2] in _PASSING


class _Attempt:
    """Writes of one organisation, committed once, over as many connections as it takes."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self._organization_id, self._writes = writes[0].owner.organization_id, writes
        self._ids = sorted({write.owner.execution_id for write in writes})
        self._numbered: dict[ExecutionId, tuple[int, int]] = {}
        """What the commit leaves, where it writes events: the epoch and the last number."""
        self._verdicts: list[FencedError | None] = []

    def run(self, connection: "Connection", now: str) -> list[FencedError | None]:
        """Commit through a connection, or find that it was committed through the one before."""
        act_for = ACT_BRIEFLY_FOR if connection.info.server_version >= _CAN_BE_BRIEF else ACT_FOR
        with connection.pipeline() as pipeline:
            connection.execute(act_for, (self._organization_id,))
            states = connection.execute(_STATES, (self._ids,))
            pipeline.sync()
            found = {row[0]: row[1:] for row in states}
            if any(self._is_there(ExecutionId(one), row[0], row[2]) for one, row in found.items()):
                connection.rollback()
                return self._verdicts
            group = Group(now)
            for one in self._ids:
                group.saw(one, *found.get(one, UNKNOWN))
            before = {one: state.seq for one, state in group.states.items()}
            self._verdicts = [group.add(write) for write in self._writes]
            self._write(connection, group)
            reached(Transaction.JOURNAL, Moment.INSIDE)
            self._numbered = {
                one: (state.epoch, state.seq) for one, state in group.states.items() if state.seq > before[one]
            }
            connection.commit()
        return self._verdicts

    def _is_there(self, execution_id: ExecutionId, epoch: int, seq: int) -> bool:
        wanted = self._numbered.get(execution_id)
        return wanted is not None and wanted[0] == epoch and wanted[1] <= seq

    def _write(self, connection: "Connection", group: Group) -> None:
        # A statement may not write a row twice: of what a group says of one activity, the last counts.
        activities = {(row[1], row[2]): _plain(row, _RESULT, _USAGE) for row in group.activities}
        touched = [
            (state.seq, state.last_activity, group.now, state.lease_until, *spending(state.spent), one)
            for one, state in group.states.items()
            if state.touched
        ]
        for statement, rows in (
            (_ACTIVITIES, list(activities.values())),
            (_EVENTS, [_plain(row, _PAYLOAD) for row in group.events]),
            (_CACHED, [_plain(row, _RESPONSE) for row in group.cached]),
            (_TOUCH, touched),
        ):
            if rows:
                connection.execute(statement, [_array(column) for column in zip(*rows, strict=True)])
        for organization_id, tokens, cost in group.spendings():
            connection.execute(_SPEND, (organization_id, _SLOT, tokens, cost))


def _array(values: Iterable[object]) -> str:
    """Return a column as the server reads an array; the driver does it a character at a time."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(row: tuple[Any, ...], *places: int) -> tuple[Any, ...]:
    """Return a row with JSON that the server can hold."""
    if not any(row[place] and "\\u0000" in row[place] for place in places):
        return row
    return tuple(without_nul(value) if at in places and value else value for at, value in enumerate(row))
