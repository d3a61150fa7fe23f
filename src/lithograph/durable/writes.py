"""What is written to the journal: values, handed from the tasks that did something to the writer that commits it."""

from dataclasses import dataclass
from enum import StrEnum


class ActivityStatus(StrEnum):
    """Where an activity stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """A row of `workflow_activity`; `result` and `usage` are JSON, times as `clock.timestamp` writes them."""

    name: str
    status: ActivityStatus
    input_hash: str
    attempt: int
    started_at: str
    result: str | None = None
    error: str | None = None
    usage: str | None = None
    completed_at: str | None = None
    duration_ms: float | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event before it has its number; `payload` is a JSON object."""

    type: str
    payload: str


@dataclass(frozen=True, slots=True)
class CacheRow:
    """An answer that was paid for, by the hash of the whole request; `response` is JSON."""

    key: str
    response: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Who writes: the execution, its organisation, and the epoch in which this worker claimed it."""

    organization_id: str
    execution_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Write:
    """Everything that one task wants committed together. `lease_until` prolongs the lease, when it is given."""

    owner: Owner
    activities: tuple[ActivityRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    cached: tuple[CacheRow, ...] = ()
    lease_until: str | None = None
