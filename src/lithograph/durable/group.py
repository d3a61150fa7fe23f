"""A group of writes as rows, each write fenced by its own epoch: what is committed together, on whatever database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lithograph.domain.ids import ExecutionId
from lithograph.domain.usage import Usage
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner, Write
from lithograph.errors import FencedError, StorageError

UNKNOWN: Final = (-1, "", 0)
"""Epoch, status and last event of an execution that is not there."""

Verdict = FencedError | StorageError | None

CommitGroup = Callable[[Sequence[Write]], Sequence[Verdict]]
"""Commits a group and says of each write whether it was fenced off or could not be written; raises `StorageError` when
nothing was committed.
"""


@dataclass(slots=True)
class State:
    """An execution's row as this transaction sees it, and what the group adds to it."""

    epoch: int
    running: bool
    seq: int
    last_activity: str | None = None
    lease_until: str | None = None
    spent: Usage | None = None
    touched: bool = False


@dataclass(slots=True)
class Group:
    """The rows of a group, table by table, so that each table is written by one statement."""

    now: str
    states: dict[ExecutionId, State] = field(default_factory=dict)
    activities: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    cached: list[tuple[Any, ...]] = field(default_factory=list)

    def saw(self, execution_id: ExecutionId, epoch: int, status: str, seq: int) -> None:
        """Take note of an execution's row, as the transaction has it."""
        self.states[execution_id] = State(epoch, status == Status.RUNNING, seq)

    def add(self, write: Write) -> FencedError | None:
        """Add the rows of a write, or return why there are none; `saw` was told of its execution."""
        owner = write.owner
        state = self.states[owner.execution_id]
        if not state.running or state.epoch != owner.epoch:
            return fenced(owner)
        state.touched = True
        state.lease_until = write.lease_until or state.lease_until
        state.spent = write.spent or state.spent
        for row in write.activities:
            state.last_activity = row.name
            self.activities.append(
                (owner.organization_id, owner.execution_id, row.name, row.status, row.input_hash, row.result, row.error,
                 row.attempt, row.usage, owner.epoch, row.started_at, row.completed_at, row.duration_ms)
            )  # fmt: skip
        for event in write.events:
            state.seq += 1
            self.events.append(
                (owner.organization_id, owner.execution_id, state.seq, event.type, event.payload, self.now)
            )
        self.cached += [(owner.organization_id, row.key, row.response, self.now) for row in write.cached]
        return None


def spending(spent: Usage | None) -> tuple[int | None, float | None]:
    """Return tokens and money, None where nothing is said of them."""
    return (None, None) if spent is None else (spent.tokens, spent.cost_usd)


def fenced(owner: Owner) -> FencedError:
    """Return the error for a worker whose epoch is over."""
    return FencedError(
        f"execution {owner.execution_id} is no longer this worker's: another one took it, or it was ended"
    )
