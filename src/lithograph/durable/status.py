"""The state machine of an execution.

    pending ──> running ──> completed | completed_with_errors | failed | cancelled
                  │  ▲
                  ▼  │
                suspended ──> cancelled | failed

`retry` takes failed and completed_with_errors back to pending. Nothing else leaves a terminal status.
"""

from enum import StrEnum

from lithograph.errors import StateError


class Status(StrEnum):
    """Where an execution stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether the execution has ended."""
        return self in (Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED, Status.CANCELLED)

    @property
    def retriable(self) -> bool:
        """Whether `retry` may run what is missing."""
        return self in (Status.FAILED, Status.COMPLETED_WITH_ERRORS)


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.RUNNING: frozenset(
        {Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED, Status.CANCELLED, Status.SUSPENDED}
    ),
    Status.SUSPENDED: frozenset({Status.RUNNING, Status.CANCELLED, Status.FAILED}),
    Status.COMPLETED: frozenset(),
    Status.COMPLETED_WITH_ERRORS: frozenset({Status.PENDING}),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset(),
}
"""What each status may become."""


def check_transition(execution_id: str, current: Status, wanted: Status) -> None:
    """Raise `StateError`, naming both, unless an execution that is `current` may become `wanted`."""
    if wanted not in TRANSITIONS[current]:
        raise StateError(f"execution {execution_id} is {current} and cannot become {wanted}")
