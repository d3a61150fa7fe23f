"""Overview: how an execution stands, read from its rows without replaying it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from lithograph.domain.usage import Usage
from lithograph.durable.events import Event, events_after
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityStatus
from lithograph.storage.columns import before_slash
from lithograph.storage.schema import workflow_activity, workflow_event
from lithograph.workflow.sums import usage_of, usage_sums

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LAST = 5
"""Events that an overview shows."""
_FAR = 20
"""Events to look back for one that says how far it is: what people ask for says nothing of it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An activity that failed for good, and what it said last."""

    activity: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Overview:
    """How an execution stands: `percent` of all there is to do; `stages` counts activities by stage and status."""

    execution: Execution
    source: str
    model: str
    percent: float
    stages: Mapping[str, Mapping[str, int]]
    usage: Usage
    missing: tuple[Failure, ...]
    events: tuple[Event, ...]


def overview(connection: "Connection", execution: Execution) -> Overview:
    """Return how an execution stands."""
    c = workflow_activity.c
    mine = c.execution_id == execution.id
    stage = before_slash(c.activity_name).label("stage")
    # Added up by the database: of a long document there are thousands.
    query = select(stage, c.status, func.count(), *usage_sums()).where(mine)
    stages: dict[str, dict[str, int]] = {}
    usage = Usage()
    for name, status, count, *used in connection.execute(query.group_by(stage, c.status).order_by(stage, c.status)):
        stages.setdefault(name, {})[status] = count
        usage += usage_of(used)
    failed = select(c.activity_name, c.error, c.attempt).where(mine, c.status == ActivityStatus.FAILED)
    rows = connection.execute(failed.order_by(c.activity_name))
    missing = [Failure(name, error or "", attempts) for name, error, attempts in rows]
    events = events_after(connection, execution.organization_id, execution.id, execution.last_seq - _LAST)
    return Overview(
        execution=execution,
        source=source_of(execution),
        model=str(execution.input.get("model", "")),
        percent=percent_of(connection, execution),
        stages=stages,
        usage=usage,
        missing=tuple(missing),
        events=tuple(events),
    )


def source_of(execution: Execution) -> str:
    """Return what the document of an execution was called when it was last given."""
    return str(execution.input.get("source", ""))


def percent_of(connection: "Connection", execution: Execution) -> float:
    """Return how much of everything that an execution has to do is done, from 0 to 100."""
    if execution.status is Status.COMPLETED:
        return 100.0
    c = workflow_event.c
    mine = (c.execution_id == execution.id) & c.seq.between(execution.last_seq - _FAR, execution.last_seq)
    payloads: list[Mapping[str, Any]] = list(connection.execute(select(c.payload).where(mine)).scalars())
    return max((float(payload.get("percent", 0.0)) for payload in payloads), default=0.0)
