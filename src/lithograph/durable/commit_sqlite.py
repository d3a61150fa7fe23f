"""One group commit on SQLite: many tasks' results in one transaction.

The statements are written for the database's driver, since they decide what an activity costs.
"""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Moment, Transaction, reached
from lithograph.durable.group import UNKNOWN, Group, nothing, spending
from lithograph.durable.writes import Write
from lithograph.errors import FencedError
from lithograph.storage.open import Storage
from lithograph.storage.sqlite import driver_of

_STATE = "SELECT epoch, status, last_seq, spent_tokens, spent_cost_usd FROM workflow_execution WHERE id = ?"
_ACTIVITY = """
INSERT INTO workflow_activity (organization_id, execution_id, activity_name, status, input_hash, result, error, attempt,
                               usage, epoch, started_at, completed_at, duration_ms)
VALUES {rows}
ON CONFLICT (execution_id, activity_name) DO UPDATE
SET status = excluded.status, input_hash = excluded.input_hash, result = excluded.result, error = excluded.error,
    attempt = excluded.attempt, usage = excluded.usage, epoch = excluded.epoch, started_at = excluded.started_at,
    completed_at = excluded.completed_at, duration_ms = excluded.duration_ms
"""
_EVENT = """
INSERT INTO workflow_event (organization_id, execution_id, seq, type, payload, created_at) VALUES {rows}
"""
_CACHE = """
INSERT INTO response_cache (organization_id, key, response, created_at) VALUES {rows} ON CONFLICT DO NOTHING
"""
_TOUCH = """
UPDATE workflow_execution
SET last_seq = ?, last_activity_name = coalesce(?, last_activity_name), updated_at = ?,
    lease_expires_at = coalesce(?, lease_expires_at),
    spent_tokens = coalesce(?, spent_tokens), spent_cost_usd = coalesce(?, spent_cost_usd)
WHERE id = ?
"""
_SPEND = """
INSERT INTO spending (organization_id, slot, tokens, cost_usd) VALUES (?, 0, ?, ?)
ON CONFLICT (organization_id, slot) DO UPDATE
SET tokens = spending.tokens + excluded.tokens, cost_usd = spending.cost_usd + excluded.cost_usd
"""

_TOGETHER: Final = (50, 10, 1)
"""Rows in one statement: fewer cost more calls, more cost longer statements."""


class _Insert:
    """A statement that writes rows of `width` values, several at a time."""

    def __init__(self, statement: str, width: int) -> None:
        row = f"({', '.join('?' * width)})"
        self._sizes = [(size, statement.format(rows=", ".join([row] * size))) for size in _TOGETHER]

    def run(self, cursor: sqlite3.Cursor, rows: Sequence[tuple[Any, ...]]) -> None:
        if len(rows) == 1:
            cursor.execute(self._sizes[-1][1], rows[0])
            return
        first = 0
        for size, statement in self._sizes:
            while len(rows) - first >= size:
                cursor.execute(statement, tuple(chain.from_iterable(rows[first : first + size])))
                first += size


_ACTIVITIES, _EVENTS, _CACHED = _Insert(_ACTIVITY, 13), _Insert(_EVENT, 6), _Insert(_CACHE, 4)


class SqliteCommit:
    """Commits groups of writes through a connection of its own. Used by one thread at a time."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._raw = storage.engine.raw_connection()
        # Every row of a group is of an execution that the same transaction has seen.
        self._cursor = driver_of(self._raw).cursor()
        self._cursor.execute("PRAGMA foreign_keys = OFF")

    def __call__(self, writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> list[FencedError | None]:
        """Commit `writes` in one transaction; see `CommitGroup`."""
        reached(Transaction.JOURNAL, Moment.BEFORE)
        if not self._storage.writing.acquire(blocking=False):
            waiting()
            self._storage.writing.acquire()
        try:
            verdicts = self._committed(self._cursor, writes, waiting)
        except sqlite3.Error:
            with self._storage.translated():
                raise
        finally:
            self._storage.writing.release()
        reached(Transaction.JOURNAL, Moment.AFTER)
        return verdicts

    def _committed(
        self, cursor: sqlite3.Cursor, writes: Sequence[Write], waiting: Callable[[], None]
    ) -> list[FencedError | None]:
        cursor.execute("BEGIN IMMEDIATE")
        try:
            verdicts = self._write(cursor, writes)
            reached(Transaction.JOURNAL, Moment.INSIDE)
            waiting()
            cursor.execute("COMMIT")
        except BaseException:
            if cursor.connection.in_transaction:
                cursor.execute("ROLLBACK")
            raise
        return verdicts

    def _write(self, cursor: sqlite3.Cursor, writes: Sequence[Write]) -> list[FencedError | None]:
        group = Group(timestamp(self._clock.now()))
        for execution_id in {write.owner.execution_id for write in writes}:
            row = cursor.execute(_STATE, (execution_id,)).fetchone()
            group.saw(execution_id, *(row or UNKNOWN))
        verdicts = [group.add(write) for write in writes]
        _ACTIVITIES.run(cursor, group.activities)
        _EVENTS.run(cursor, group.events)
        _CACHED.run(cursor, group.cached)
        for execution_id, state in group.states.items():
            if state.touched:
                lasting = (state.seq, state.last_activity, group.now, state.lease_until, *spending(state.spent))
                cursor.execute(_TOUCH, (*lasting, execution_id))
        for spent in group.spendings():
            cursor.execute(_SPEND, spent)
        return verdicts

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.execute("PRAGMA foreign_keys = ON")
        self._cursor.close()
        self._raw.close()
