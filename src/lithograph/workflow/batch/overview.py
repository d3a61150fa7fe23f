"""Overview of a batch: how it and its documents stand, counted from its journal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from lithograph.domain.ids import ExecutionId
from lithograph.domain.usage import Usage
from lithograph.durable.events import Event, events_after
from lithograph.durable.executions import Execution, unowned
from lithograph.storage.schema import batch_document
from lithograph.workflow.batch.documents import count_of
from lithograph.workflow.batch.input import BatchState, batch_input_of, state_of
from lithograph.workflow.batch.journal import Ended, place_of
from lithograph.workflow.batch.tally import Tally, tally, usage_since
from lithograph.workflow.overview import percent_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LAST: Final = 5
"""Events that an overview shows."""
_FAR: Final = 20
"""Events to look back for one that names the stage."""


@dataclass(frozen=True, slots=True)
class BatchOverview:
    """How a batch stands. `total` is how many documents it has, None while they are being listed: then `listed` are.

    `counts` are documents by state; `usage` is what they have taken since the batch was made; `unwell` are those that
    have ended without a whole result, and `percent` is the share of those with one, from 0 to 100.
    """

    execution: Execution
    state: BatchState
    source: str
    model: str
    percent: float
    total: int | None
    listed: int
    counts: Mapping[str, int]
    usage: Usage
    unwell: tuple[Ended, ...]
    events: tuple[Event, ...]


def batch_overview(connection: "Connection", execution: Execution, now: str) -> BatchOverview:
    """Return how a batch stands; raises `UsageError` for an execution that is none."""
    given = batch_input_of(execution)
    found = tally(connection, execution)
    listed = count_of(connection, execution.id) if given.documents is None else given.documents
    running = 0 if unowned(execution, now) else found.running
    after = max(0, execution.last_seq - _FAR)
    events = events_after(connection, execution.organization_id, execution.id, after)
    stages = [str(event.payload["stage"]) for event in events if "stage" in event.payload]
    return BatchOverview(
        execution=execution,
        state=state_of(execution.status, stages[-1] if stages else ""),
        source=given.source,
        model=given.model,
        percent=percent_of(connection, execution),
        total=given.documents,
        listed=listed,
        counts=found.counts(listed, running),
        usage=found.usage + _in_work(connection, execution, found),
        unwell=tuple(found.failed),
        events=tuple(events[-_LAST:]),
    )


def _in_work(connection: "Connection", batch: Execution, found: Tally) -> Usage:
    """Return what the documents have taken that are in work."""
    c = batch_document.c
    positions = {place_of(name)[0] for name in found.begun}
    begun = select(c.execution_id).where(c.batch_id == batch.id, c.position.in_(positions), c.execution_id.is_not(None))
    children = connection.execute(begun).scalars() if positions else ()
    return sum((usage_since(connection, ExecutionId(str(one)), batch.created_at) for one in children), Usage())
