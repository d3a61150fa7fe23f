"""One transaction of a group commit on PostgreSQL: its statements, and how it is committed once.

The rows of the executions are locked and looked at, then everything is written and committed: twice to the server and
back. Where this process committed the last group of all of them, it knows how their rows are, and once is enough: the
writes are sent along with a statement that fails if the rows are not so.

A commit whose answer was lost is told by the number of the last event: only the owner of an execution gives its events
numbers. One that reaches the server later, when it has been done again, finds the rows not as it knew them.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final

from lithograph.domain.ids import ExecutionId
from lithograph.durable.crashpoints import Moment, Transaction, reached
from lithograph.durable.group import UNKNOWN, Group, State, spending
from lithograph.durable.status import Status
from lithograph.durable.writes import Write
from lithograph.errors import FencedError
from lithograph.storage.columns import without_nul
from lithograph.storage.pipeline import Pipeline
from lithograph.storage.tenancy import ACT_BRIEFLY_FOR, ACT_FOR

Known = dict[ExecutionId, tuple[int, str, int, int, float]]
"""Rows as this process left them: epoch, status, last event, tokens and cost."""

_MOST_KNOWN: Final = 10_000
"""Executions that a process remembers, at most."""

# Rows are locked in the order of their ids, so that two groups never wait for each other.
_STATES: Final = """
SELECT id, epoch, status, last_seq, spent_tokens, spent_cost_usd FROM workflow_execution
WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
"""
# Fails (with `_WRONG`) unless every row is as this process left it, so that the writes can be sent along.
_AS_KNOWN: Final = """
SELECT 1 / (count(*) = cardinality($1::text[]))::integer FROM (
    SELECT FROM workflow_execution e
    JOIN unnest($1::text[], $2::bigint[], $3::bigint[]) AS known (id, epoch, seq)
        ON e.id = known.id AND e.epoch = known.epoch AND e.last_seq = known.seq
    WHERE e.status = 'running' ORDER BY e.id FOR NO KEY UPDATE OF e) AS mine
"""
_WRONG: Final = "22012"
_ACTIVITIES: Final = """
INSERT INTO workflow_activity (organization_id, execution_id, activity_name, status, input_hash, result, error, attempt,
                               usage, epoch, started_at, completed_at, duration_ms)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::integer[],
                     $9::jsonb[], $10::bigint[], $11::timestamptz[], $12::timestamptz[], $13::double precision[])
ON CONFLICT (execution_id, activity_name) DO UPDATE
SET status = excluded.status, input_hash = excluded.input_hash, result = excluded.result, error = excluded.error,
    attempt = excluded.attempt, usage = excluded.usage, epoch = excluded.epoch, started_at = excluded.started_at,
    completed_at = excluded.completed_at, duration_ms = excluded.duration_ms
"""
_EVENTS: Final = """
INSERT INTO workflow_event (organization_id, execution_id, seq, type, payload, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::jsonb[], $6::timestamptz[])
"""
_CACHED: Final = """
INSERT INTO response_cache (organization_id, key, response, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::timestamptz[]) ON CONFLICT DO NOTHING
"""
_TOUCH: Final = """
UPDATE workflow_execution
SET last_seq = new.seq, last_activity_name = coalesce(new.activity, last_activity_name), updated_at = new.at,
    lease_expires_at = coalesce(new.lease, lease_expires_at),
    spent_tokens = coalesce(new.tokens, spent_tokens), spent_cost_usd = coalesce(new.cost, spent_cost_usd)
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::double precision[],
            $7::text[]) AS new (seq, activity, at, lease, tokens, cost, id)
WHERE workflow_execution.id = new.id
"""
# Each process adds to a row of its own, more or less, so that none waits for another.
_SPEND: Final = """
INSERT INTO spending (organization_id, slot, tokens, cost_usd) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, slot) DO UPDATE
SET tokens = spending.tokens + excluded.tokens, cost_usd = spending.cost_usd + excluded.cost_usd
"""
_SLOT: Final = secrets.randbelow(64)

_RESULT, _USAGE, _PAYLOAD, _RESPONSE = 5, 8, 4, 2
"""Where the JSON stands in the rows of a group."""

_CAN_BE_BRIEF: Final = 170000
"""The first version of the server that ends transactions which take too long."""


class Attempt:
    """Writes of one organisation, committed once, over as many connections as it takes."""

    def __init__(self, writes: Sequence[Write], known: Known) -> None:
        self._organization_id, self._writes, self._known = writes[0].owner.organization_id, writes, known
        self._ids = sorted({write.owner.execution_id for write in writes})
        self._left: dict[ExecutionId, tuple[int, int]] = {}
        """What a commit that was begun leaves where it writes events: the epoch and the last number."""
        self._verdicts: list[FencedError | None] = []

    def run(self, pipeline: Pipeline, now: str) -> Sequence[FencedError | None]:
        """Commit through a connection, or find that it was committed through the one before."""
        try:
            group = self._as_known(pipeline, now) or self._as_found(pipeline, now)
        except BaseException:
            self._forget()
            raise
        if group is not None:
            self._remember(group)
        return self._verdicts

    def _as_known(self, pipeline: Pipeline, now: str) -> Group | None:
        """Return what was committed, if the rows were as this process knows them."""
        if not all(one in self._known for one in self._ids):
            return None
        group = Group(now)
        for one in self._ids:
            group.saw(one, *self._known[one])
        verdicts = [group.add(write) for write in self._writes]
        if not all(state.seq > self._known[one][2] for one, state in group.states.items()):
            return None  # without an event, a commit that was lost would leave no trace
        self._begin(pipeline)
        rows = [(one, *(self._known[one][place] for place in (0, 2))) for one in self._ids]
        pipeline.send(_AS_KNOWN, *_arrays(rows))
        try:
            self._commit(pipeline, group, verdicts)
        except Exception as error:
            if getattr(error, "sqlstate", None) != _WRONG:
                raise
            self._left.clear()
            self._forget()
            pipeline.send("ROLLBACK")
            pipeline.sync()
            return None
        return group

    def _as_found(self, pipeline: Pipeline, now: str) -> Group | None:
        """Return what was committed; None when an earlier attempt turns out to have committed it."""
        self._begin(pipeline)
        pipeline.send(_STATES, _array(self._ids))
        found = {ExecutionId(str(row[0])): _state(row) for row in pipeline.sync()[-1]}
        if any(self._is_left(one, row[0], row[2]) for one, row in found.items()):
            pipeline.send("ROLLBACK")
            pipeline.sync()
            return None
        group = Group(now)
        for one in self._ids:
            group.saw(one, *found.get(one, UNKNOWN))
        self._commit(pipeline, group, [group.add(write) for write in self._writes])
        return group

    def _is_left(self, execution_id: ExecutionId, epoch: int, seq: int) -> bool:
        left = self._left.get(execution_id)
        return left is not None and left[0] == epoch and left[1] <= seq

    def _begin(self, pipeline: Pipeline) -> None:
        pipeline.send("BEGIN ISOLATION LEVEL READ COMMITTED")
        brief = pipeline.server_version >= _CAN_BE_BRIEF
        pipeline.send(ACT_BRIEFLY_FOR if brief else ACT_FOR, self._organization_id)

    def _commit(self, pipeline: Pipeline, group: Group, verdicts: list[FencedError | None]) -> None:
        self._verdicts = verdicts
        _send(pipeline, group)
        reached(Transaction.JOURNAL, Moment.INSIDE)
        numbered = {event[1] for event in group.events}
        self._left = {one: (group.states[one].epoch, group.states[one].seq) for one in numbered}
        pipeline.send("COMMIT")
        pipeline.sync()

    def _remember(self, group: Group) -> None:
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        self._known.update({one: _known(state) for one, state in group.states.items() if state.running})

    def _forget(self) -> None:
        for one in self._ids:
            self._known.pop(one, None)


def _send(pipeline: Pipeline, group: Group) -> None:
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
            pipeline.send(statement, *_arrays(rows))
    for organization_id, tokens, cost in group.spendings():
        pipeline.send(_SPEND, organization_id, str(_SLOT), str(tokens), repr(cost))


def _state(row: Sequence[str | None]) -> tuple[int, str, int, int, float]:
    _, epoch, status, seq, tokens, cost = map(str, row)
    return int(epoch), status, int(seq), int(tokens), float(cost)


def _known(state: State) -> tuple[int, str, int, int, float]:
    tokens, cost = state.had_spent if state.spent is None else (state.spent.tokens, state.spent.cost_usd)
    return state.epoch, Status.RUNNING, state.seq, tokens, cost


def _arrays(rows: Iterable[tuple[object, ...]]) -> Iterable[str]:
    """Return rows, column by column, as the server reads arrays."""
    return map(_array, zip(*rows, strict=True))


def _array(values: Iterable[object]) -> str:
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
