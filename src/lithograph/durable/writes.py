"""What is written to the journal: values, handed from the tasks that did something to the writer that commits it.

They are structs and not dataclasses: several are made for every activity, and these are made in a tenth of the time.
"""

from enum import StrEnum

import msgspec

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.domain.usage import Usage


class ActivityStatus(StrEnum):
    """Where an activity stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class ActivityRow(msgspec.Struct, frozen=True):
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


class EventRow(msgspec.Struct, frozen=True):
    """An event before it has its number; `payload` is a JSON object."""

    type: str
    payload: str


class CacheRow(msgspec.Struct, frozen=True):
    """An answer that was paid for, by the hash of the whole request; `response` is JSON."""

    key: str
    response: str


class Owner(msgspec.Struct, frozen=True):
    """Who writes: the execution, its organisation, and the epoch in which this worker claimed it."""

    organization_id: OrganizationId
    execution_id: ExecutionId
    epoch: int

    @property
    def first(self) -> bool:
        """Whether nobody had the execution before: then what the journal has of it was written by this worker."""
        return self.epoch == 1


class Write(msgspec.Struct, frozen=True):
    """Everything that one task wants committed together.

    `lease_until` prolongs the lease, and `spent` is all that the execution has spent so far, when they are given.
    """

    owner: Owner
    activities: tuple[ActivityRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    cached: tuple[CacheRow, ...] = ()
    lease_until: str | None = None
    spent: Usage | None = None
