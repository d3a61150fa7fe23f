"""Tally: how many documents of a batch have ended, and how, counted from the batch's own journal."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import func, select

from lithograph.domain.ids import ExecutionId
from lithograph.domain.usage import NOTHING, Usage
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityStatus
from lithograph.storage.columns import json_text
from lithograph.storage.schema import workflow_activity
from lithograph.workflow.batch.input import EXTRACT, RETRY
from lithograph.workflow.batch.journal import Ended, place_of
from lithograph.workflow.sums import usage_of, usage_sums

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_ENDED: Final = (ActivityStatus.COMPLETED, ActivityStatus.FAILED)


@dataclass(slots=True)
class Tally:
    """What the journal says of a batch's documents. One that is being run again counts as not ended.

    `ended` counts by status, `usage` is what those have taken. `unwell` has, by position, the last end of each document
    that did not complete and the round that it ended in; `lifted` are those of them that are being run again. `begun`
    says since when, by activity, of what has begun and not ended.
    """

    ended: Counter[Status] = field(default_factory=Counter)
    usage: Usage = NOTHING
    unwell: dict[int, tuple[int, Ended]] = field(default_factory=dict)
    lifted: set[int] = field(default_factory=set)
    begun: dict[str, str] = field(default_factory=dict)
    running: int = 0
    """Activities that are marked as running, by whoever ran the batch last."""

    @property
    def done(self) -> int:
        """How many documents have a result."""
        return self.ended[Status.COMPLETED] + self.ended[Status.COMPLETED_WITH_ERRORS]

    @property
    def failed(self) -> list[Ended]:
        """The documents that have ended without a whole result, in order."""
        return [ended for position, (_, ended) in sorted(self.unwell.items()) if position not in self.lifted]

    def counts(self, total: int, running: int) -> dict[str, int]:
        """Return how many of `total` documents are in which state."""
        ended = {str(status): self.ended[status] for status in Status if status.terminal}
        return {**ended, "running": running, "pending": total - running - sum(self.ended.values())}

    def lift(self, position: int) -> None:
        """Take note that a document is run, perhaps again."""
        if position in self.unwell and position not in self.lifted:
            _, ended = self.unwell[position]
            self.ended[ended.status] -= 1
            self.usage = _minus(self.usage, ended.usage)
            self.lifted.add(position)

    def put(self, round_: int, ended: Ended) -> None:
        """Take note that a document has ended."""
        self.lift(ended.position)
        self.lifted.discard(ended.position)
        self.unwell.pop(ended.position, None)
        self.ended[ended.status] += 1
        self.usage += ended.usage
        if not ended.well:
            self.unwell[ended.position] = (round_, ended)


def tally(connection: "Connection", batch: Execution) -> Tally:
    """Return the tally of a batch as it is now: what a batch that goes on left to be run again has not ended."""
    c, batch_id = workflow_activity.c, batch.id
    ended_ones = _ENDED if batch.status.terminal else _ENDED[:1]
    outcome = c.result["status"].as_string()
    found = Tally()
    first = _stage(batch_id, EXTRACT) & c.status.in_(ended_ones)
    for status, count, *sums in connection.execute(
        select(outcome, func.count(), *usage_sums()).where(first).group_by(outcome)
    ):
        found.ended[Status(status)] = count
        found.usage += usage_of(sums)
    if found.ended.total() > found.ended[Status.COMPLETED]:  # most batches of many documents spare a look at them all
        unwell = select(json_text(c.result)).where(first, outcome != Status.COMPLETED)
        for result in connection.execute(unwell).scalars():
            ended = msgspec.json.decode(result, type=Ended)
            found.unwell[ended.position] = (0, ended)
    open_ones = select(c.activity_name, c.started_at, c.status).where(
        _stage(batch_id, EXTRACT), c.status.in_((ActivityStatus.RUNNING, ActivityStatus.PENDING))
    )
    for name, started_at, status in connection.execute(open_ones):
        found.begun[name] = started_at
        found.running += status == ActivityStatus.RUNNING
    _add_rounds(connection, batch_id, found)
    return found


def _add_rounds(connection: "Connection", batch_id: ExecutionId, found: Tally) -> None:
    c = workflow_activity.c
    rows = connection.execute(
        select(c.activity_name, c.started_at, c.status, json_text(c.result)).where(_stage(batch_id, RETRY))
    ).all()
    for row in sorted(rows, key=_round):
        position, round_ = place_of(row[0])
        if row[2] in _ENDED:
            found.put(round_, msgspec.json.decode(row[3], type=Ended))
        else:
            found.lift(position)
            found.begun[row[0]] = row[1]
            found.running += row[2] == ActivityStatus.RUNNING


def _round(row: Any) -> int:
    return place_of(row[0])[1]


def _stage(batch_id: ExecutionId, stage: str) -> "ColumnElement[bool]":
    c = workflow_activity.c
    return (c.execution_id == batch_id) & c.activity_name.startswith(f"{stage}/")


def usage_since(connection: "Connection", execution_id: ExecutionId, moment: str) -> Usage:
    """Return what the activities of an execution have taken that were completed at a moment or later."""
    c = workflow_activity.c
    mine = (c.execution_id == execution_id) & (c.completed_at >= moment) & c.usage.is_not(None)
    taken = connection.execute(select(json_text(c.usage)).where(mine)).scalars()
    return sum((msgspec.json.decode(used, type=Usage) for used in taken if used), NOTHING)


def _minus(one: Usage, other: Usage) -> Usage:
    return replace(
        one,
        calls=one.calls - other.calls,
        input_tokens=one.input_tokens - other.input_tokens,
        output_tokens=one.output_tokens - other.output_tokens,
        cost_usd=max(0.0, one.cost_usd - other.cost_usd),
    )
