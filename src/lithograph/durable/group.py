"""A group of writes as rows, each write fenced by its own epoch: what is committed together, on whatever database."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.domain.usage import Usage
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner, Write
from lithograph.errors import FencedError

UNKNOWN: Final = (-1, "", 0, 0, 0.0)
"""Epoch, status, last event, tokens and cost of an execution that is not there."""

Verdict = Exception | None
"""None for what is durable, `FencedError` for what was fenced off; any other error means that it was not written."""


def nothing() -> None:
    """Do nothing."""


class CommitGroup(Protocol):
    """Commits groups of writes, one at a time."""

    def __call__(self, writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> Sequence[Verdict]:
        """Commit a group and return a verdict on each write; raises `StorageError` when nothing was committed.

        `waiting` may be called, more than once, when only others are waited for: the disk, or a lock.
        """
        ...


@dataclass(slots=True)
class State:
    """An execution's row as this transaction sees it, and what the group adds to it."""

    epoch: int
    running: bool
    seq: int
    had_seq: int
    had_spent: tuple[int, float]
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
    spenders: dict[ExecutionId, OrganizationId] = field(default_factory=dict)

    def saw(self, execution_id: ExecutionId, epoch: int, status: str, seq: int, tokens: int, cost_usd: float) -> None:
        """Take note of an execution's row, as the transaction has it."""
        self.states[execution_id] = State(epoch, status == Status.RUNNING, seq, seq, (tokens, cost_usd))

    def add(self, write: Write) -> FencedError | None:
        """Add the rows of a write, or return why there are none; `saw` was told of its execution."""
        owner = write.owner
        state = self.states[owner.execution_id]
        if not state.running or state.epoch != owner.epoch:
            return fenced(owner)
        state.touched = True
        state.lease_until = write.lease_until or state.lease_until
        if write.spent is not None:
            state.spent = write.spent
            self.spenders[owner.execution_id] = owner.organization_id
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

    def spendings(self) -> list[tuple[OrganizationId, int, float]]:
        """Return how many tokens, and how much money, organisations have spent since the rows were written."""
        found: dict[OrganizationId, tuple[int, float]] = {}
        for execution_id, organization_id in self.spenders.items():
            state, (tokens, cost) = self.states[execution_id], found.get(organization_id, (0, 0.0))
            if state.spent is not None:
                more = state.spent.tokens - state.had_spent[0], state.spent.cost_usd - state.had_spent[1]
                found[organization_id] = (tokens + more[0], cost + more[1])
        return [(one, tokens, cost) for one, (tokens, cost) in found.items() if tokens or cost]


def spending(spent: Usage | None) -> tuple[int | None, float | None]:
    """Return tokens and money, None where nothing is said of them."""
    return (None, None) if spent is None else (spent.tokens, spent.cost_usd)


def fenced(owner: Owner) -> FencedError:
    """Return the error for a worker whose epoch is over."""
    return FencedError(
        f"execution {owner.execution_id} is no longer this worker's: another one took it, or it was ended"
    )
