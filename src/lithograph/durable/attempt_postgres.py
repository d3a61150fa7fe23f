"""One transaction of a group commit on PostgreSQL: its statements, and how it is committed once.

What this process does not know of the executions' rows, because somebody else wrote them last, it reads. Then
everything is sent in one message, which is one transaction, with a statement that fails unless the rows are still so:
the server does not wait for this process while it holds their locks, but for the rest of a large message.

A commit whose answer was lost is told by the number of the last event: only the owner of an execution gives its events
numbers. One that reaches the server later, when it has been done again, finds the rows not as it knew them; what it has
without an event may be written twice, but for what was spent, which is compared too.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.crashpoints import Moment, Transaction, reached
from lithograph.durable.group import UNKNOWN, Group, State, spending
from lithograph.durable.status import Status
from lithograph.durable.writes import Write
from lithograph.errors import FencedError, StorageError
from lithograph.storage.arrays import documents, floats, integers, texts
from lithograph.storage.columns import without_nul
from lithograph.storage.pipeline import Pipeline
from lithograph.storage.steps import TURN, Steps
from lithograph.storage.tenancy import ACT_BRIEFLY_FOR, ACT_FOR

Known = dict[ExecutionId, tuple[int, str, int, int, float]]
"""Rows as this process left them: epoch, status, last event, tokens and cost."""


@dataclass(slots=True)
class Place:
    """A group's place among those that are under way."""

    last_part: bool = True
    """Whether nothing of the group is to be committed after what is being committed."""
    followed: bool = False
    """Whether the next group may be sent before this one is answered: if this one fails, so does the next."""


_MOST_KNOWN: Final = 10_000
"""Executions that a process remembers, at most."""

_STATES: Final = """
SELECT id, epoch, status, last_seq, spent_tokens, spent_cost_usd FROM workflow_execution WHERE id = ANY($1)
"""
_WRONG: Final = "22012"
_ACTIVITIES: Final = """
INSERT INTO workflow_activity (organization_id, execution_id, activity_name, status, input_hash, result, error, attempt,
                               usage, epoch, started_at, completed_at, duration_ms)
SELECT $1, execution_id, activity_name, status, input_hash, result, error, attempt, usage, epoch,
       started_at::timestamptz, completed_at::timestamptz, duration_ms
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::bigint[], $9::jsonb[],
            $10::bigint[], $11::text[], $12::text[], $13::double precision[])
    AS new (execution_id, activity_name, status, input_hash, result, error, attempt, usage, epoch, started_at,
            completed_at, duration_ms)
ON CONFLICT (execution_id, activity_name) DO UPDATE
SET status = excluded.status, input_hash = excluded.input_hash, result = excluded.result, error = excluded.error,
    attempt = excluded.attempt, usage = excluded.usage, epoch = excluded.epoch, started_at = excluded.started_at,
    completed_at = excluded.completed_at, duration_ms = excluded.duration_ms
"""
_EVENTS: Final = """
INSERT INTO workflow_event (organization_id, created_at, execution_id, seq, type, payload)
SELECT $1, $2::timestamptz, * FROM unnest($3::text[], $4::bigint[], $5::text[], $6::jsonb[])
"""
_CACHED: Final = """
INSERT INTO response_cache (organization_id, created_at, key, response)
SELECT $1, $2::timestamptz, * FROM unnest($3::text[], $4::jsonb[]) ON CONFLICT DO NOTHING
"""
# Fails (with `_WRONG`) unless every row is as this process knows it.
_TOUCH: Final = """
WITH touched AS (
    UPDATE workflow_execution
    SET last_seq = new.seq, updated_at = $1::timestamptz,
        last_activity_name = coalesce(new.activity, last_activity_name),
        lease_expires_at = coalesce(new.lease::timestamptz, lease_expires_at),
        spent_tokens = coalesce(new.tokens, spent_tokens), spent_cost_usd = coalesce(new.cost, spent_cost_usd)
    FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[],
                $9::bigint[], $10::double precision[])
        AS new (id, epoch, had_seq, had_tokens, seq, activity, lease, tokens, cost)
    WHERE workflow_execution.id = new.id AND workflow_execution.epoch = new.epoch AND status = 'running'
        AND last_seq = new.had_seq AND spent_tokens = new.had_tokens
    RETURNING 1)
SELECT 1 / (count(*) = cardinality($2::text[]))::integer FROM touched
"""
# Each process adds to a row of its own, more or less, so that none waits for another.
_SPEND: Final = """
INSERT INTO spending (organization_id, slot, tokens, cost_usd) VALUES ($1, $2, $3, $4)
ON CONFLICT (organization_id, slot) DO UPDATE
SET tokens = spending.tokens + excluded.tokens, cost_usd = spending.cost_usd + excluded.cost_usd
"""
_SLOT: Final = secrets.randbelow(64)

_ACTIVITY_TYPES: Final = (
    texts, texts, texts, texts, documents, texts, integers, documents, integers, texts, texts, floats
)  # fmt: skip
_EVENT_TYPES: Final = (texts, integers, texts, documents)
_TOUCH_TYPES: Final = (texts, integers, integers, integers, integers, texts, texts, integers, floats)

_RESULT, _USAGE, _PAYLOAD, _RESPONSE = 5, 8, 4, 2
"""Where the JSON stands in the rows of a group."""

_TRIES: Final = 10
"""How often a group is sent, at most, when each time somebody was quicker to change a row of it."""

_CAN_BE_BRIEF: Final = 170000
"""The first version of the server that ends transactions which take too long."""


class Attempt:
    """Writes of one organisation, committed once, over as many connections as it takes."""

    def __init__(self, writes: Sequence[Write], known: Known, place: Place) -> None:
        self._organization_id, self._writes = writes[0].owner.organization_id, writes
        self._known, self._place = known, place
        self._ids = sorted({write.owner.execution_id for write in writes})
        self._seen: set[ExecutionId] = set()
        """Whose rows were read by this attempt; of the others it is only known how this process left them."""
        self._left: dict[ExecutionId, tuple[int, int]] = {}
        """What a commit whose answer did not come leaves where it writes events: the epoch and the last number."""
        self._verdicts: list[FencedError | None] = []

    def run(self, pipeline: Pipeline, now: str) -> Steps[Sequence[FencedError | None]]:
        """Commit through a connection, or find that it was committed through the one before."""
        try:
            for _ in range(_TRIES):
                yield from self._see(pipeline)
                if any(self._is_left(one) for one in self._ids):
                    return self._verdicts
                if (yield from self._commit(pipeline, now)):
                    return self._verdicts
                self._forget()
        except BaseException:
            self._forget()
            raise
        raise StorageError("others change the same executions all the time; run the same command again")

    def _see(self, pipeline: Pipeline) -> Steps[None]:
        """Read the rows of which this process does not know how it left them."""
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        while unknown := [one for one in self._ids if one not in self._known]:
            yield TURN
            self._act(pipeline)
            pipeline.send(_STATES, texts(unknown))
            rows = (yield from pipeline.syncing())[-1]
            found = {ExecutionId(str(row[0])): _state(row) for row in rows}
            self._known.update({one: found.get(one, UNKNOWN) for one in unknown})
            self._seen.update(unknown)

    def _commit(self, pipeline: Pipeline, now: str) -> Steps[bool]:
        """Commit, and return whether the rows were as they were known to be; otherwise nothing is written."""
        group = Group(now)
        for one in self._ids:
            group.saw(one, *self._known[one])
        self._verdicts = [group.add(write) for write in self._writes]
        fenced = {w.owner.execution_id for w, verdict in zip(self._writes, self._verdicts, strict=True) if verdict}
        if not fenced <= self._seen:
            return False  # it may have been claimed again
        self._act(pipeline)
        _send(pipeline, self._organization_id, group)
        reached(Transaction.JOURNAL, Moment.INSIDE)
        numbered = {event[1] for event in group.events}
        unanswered = self._left
        self._left = {one: (group.states[one].epoch, group.states[one].seq) for one in numbered}
        self._known.update({one: _known(state) for one, state in group.states.items() if state.running})
        moved = all(state.seq > state.had_seq for state in group.states.values())
        message = yield from pipeline.put()
        self._place.followed = moved and self._place.last_part
        yield TURN
        try:
            yield from pipeline.get(message)
        except Exception as error:
            if getattr(error, "sqlstate", None) != _WRONG:
                raise
            self._left = unanswered  # this one was answered: it has left nothing
            return False
        return True

    def _is_left(self, execution_id: ExecutionId) -> bool:
        epoch, _, seq, _, _ = self._known[execution_id]
        left = self._left.get(execution_id)
        return left is not None and left[0] == epoch and left[1] <= seq

    def _act(self, pipeline: Pipeline) -> None:
        brief = pipeline.server_version >= _CAN_BE_BRIEF
        pipeline.send(ACT_BRIEFLY_FOR if brief else ACT_FOR, self._organization_id)

    def _forget(self) -> None:
        for one in self._ids:
            self._known.pop(one, None)
        self._seen.clear()


def _send(pipeline: Pipeline, organization_id: OrganizationId, group: Group) -> None:
    _send_touched(pipeline, group)
    # A statement may not write a row twice: of what a group says of one activity, the last counts.
    activities = {(row[1], row[2]): _plain(row, _RESULT, _USAGE) for row in group.activities}
    if activities:
        _, *columns = zip(*activities.values(), strict=True)
        pipeline.send(_ACTIVITIES, organization_id, *_arrays(_ACTIVITY_TYPES, columns))
    if group.events:
        _, executions, numbers, kinds, payloads, _ = zip(*[_plain(row, _PAYLOAD) for row in group.events], strict=True)
        columns = [executions, numbers, kinds, payloads]
        pipeline.send(_EVENTS, organization_id, group.now, *_arrays(_EVENT_TYPES, columns))
    if group.cached:
        _, keys, responses, _ = zip(*[_plain(row, _RESPONSE) for row in group.cached], strict=True)
        pipeline.send(_CACHED, organization_id, group.now, texts(keys), documents(responses))
    for _, tokens, cost in group.spendings():
        pipeline.send(_SPEND, organization_id, str(_SLOT), str(tokens), repr(cost))


def _send_touched(pipeline: Pipeline, group: Group) -> None:
    rows = [
        (
            one,
            state.epoch,
            state.had_seq,
            state.had_spent[0],
            state.seq,
            state.last_activity,
            state.lease_until,
            *spending(state.spent),
        )
        for one, state in group.states.items()
        if state.touched
    ]
    if rows:
        pipeline.send(_TOUCH, group.now, *_arrays(_TOUCH_TYPES, zip(*rows, strict=True)))


def _arrays(types: Iterable[Callable[[Iterable[Any]], bytes]], columns: Iterable[Iterable[Any]]) -> Iterable[bytes]:
    return [as_array(column) for as_array, column in zip(types, columns, strict=True)]


def _state(row: Sequence[str | None]) -> tuple[int, str, int, int, float]:
    _, epoch, status, seq, tokens, cost = map(str, row)
    return int(epoch), status, int(seq), int(tokens), float(cost)


def _known(state: State) -> tuple[int, str, int, int, float]:
    tokens, cost = state.had_spent if state.spent is None else (state.spent.tokens, state.spent.cost_usd)
    return state.epoch, Status.RUNNING, state.seq, tokens, cost


def _plain(row: tuple[Any, ...], *places: int) -> tuple[Any, ...]:
    """Return a row with JSON that the server can hold."""
    if not any(row[place] and "\\u0000" in row[place] for place in places):
        return row
    return tuple(without_nul(value) if at in places and value else value for at, value in enumerate(row))
