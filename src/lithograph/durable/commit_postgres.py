"""One group commit on PostgreSQL: a transaction for each organisation, its statements sent together.

A connection that is lost is made anew, and the transaction done again unless it turns out to have been committed. Only
the owner of an execution gives its events numbers, so the number of the last one tells.
"""

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import OperationalError as EngineError

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Moment, Transaction, reached
from lithograph.durable.group import UNKNOWN, Group, Verdict, spending
from lithograph.durable.writes import Write
from lithograph.errors import FencedError, StorageError
from lithograph.storage.columns import without_nul
from lithograph.storage.open import Storage
from lithograph.storage.tenancy import ACT_FOR

if TYPE_CHECKING:
    from psycopg import Connection
    from sqlalchemy import PoolProxiedConnection

# Rows are locked in the order of their ids, so that two groups never wait for each other.
_STATES: Final = """
SELECT id, epoch, status, last_seq FROM workflow_execution WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
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

_RESULT, _USAGE, _PAYLOAD, _RESPONSE = 5, 8, 4, 2
"""Where the JSON stands in the rows of a group."""

_PATIENCE: Final = 30.0
"""Seconds to try to reach a server that is away: a restart takes less."""

_AGAIN: Final = 0.2
"""Seconds between two tries."""


class PostgresCommit:
    """Commits groups of writes through a connection of its own. Used by one thread at a time."""

    def __init__(self, storage: Storage, clock: Clock, patience: float = _PATIENCE) -> None:
        self._storage, self._clock, self._patience = storage, clock, patience
        self._pooled: PoolProxiedConnection | None = None

    def __call__(self, writes: Sequence[Write]) -> list[Verdict]:
        """Commit `writes`, those of each organisation in one transaction; see `CommitGroup`."""
        verdicts: list[Verdict] = [None] * len(writes)
        for organization_id in dict.fromkeys(write.owner.organization_id for write in writes):
            places = [place for place, write in enumerate(writes) if write.owner.organization_id == organization_id]
            try:
                given: Iterable[Verdict] = self._commit(organization_id, [writes[place] for place in places])
            except StorageError as error:
                given = [error] * len(places)
            for place, verdict in zip(places, given, strict=True):
                verdicts[place] = verdict
        return verdicts

    def _commit(self, organization_id: OrganizationId, writes: Sequence[Write]) -> list[FencedError | None]:
        from psycopg import OperationalError

        attempt = _Attempt(organization_id, writes)
        until = time.monotonic() + self._patience
        reached(Transaction.JOURNAL, Moment.BEFORE)
        with self._storage.translated():
            while True:
                try:
                    verdicts = attempt.run(self._connection(), timestamp(self._clock.now()))
                    break
                except (OperationalError, EngineError):
                    self._drop()
                    if time.monotonic() > until:
                        raise
                    time.sleep(_AGAIN)
                except BaseException:
                    self._drop()
                    raise
        reached(Transaction.JOURNAL, Moment.AFTER)
        return verdicts

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


class _Attempt:
    """One organisation's part of a group, committed once, over as many connections as it takes."""

    def __init__(self, organization_id: OrganizationId, writes: Sequence[Write]) -> None:
        self._organization_id, self._writes = organization_id, writes
        self._ids = sorted({write.owner.execution_id for write in writes})
        self._numbered: dict[ExecutionId, tuple[int, int]] = {}
        """What the commit leaves, where it writes events: the epoch and the last number."""
        self._verdicts: list[FencedError | None] = []

    def run(self, connection: "Connection", now: str) -> list[FencedError | None]:
        """Commit through a connection, or find that it was committed through the one before."""
        with connection.pipeline():
            connection.execute(ACT_FOR, (self._organization_id,))
            found = {row[0]: row[1:] for row in connection.execute(_STATES, (self._ids,))}
            if any(self._is_there(ExecutionId(one), *row) for one, row in found.items()):
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

    def _is_there(self, execution_id: ExecutionId, epoch: int, status: str, seq: int) -> bool:  # noqa: ARG002
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
                connection.execute(statement, [list(column) for column in zip(*rows, strict=True)])


def _plain(row: tuple[Any, ...], *places: int) -> tuple[Any, ...]:
    """Return a row with JSON that the server can hold."""
    if not any(row[place] and "\\u0000" in row[place] for place in places):
        return row
    return tuple(without_nul(value) if at in places and value else value for at, value in enumerate(row))
