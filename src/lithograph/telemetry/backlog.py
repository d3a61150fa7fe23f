"""What a database says of the work in it, for whoever watches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """How an execution that has not ended stands."""

    WAITING = "waiting"
    """For a worker: it was started, is to go on, or was given back."""
    RUNNING = "running"
    """A worker has it."""
    SUSPENDED = "suspended"
    """For a person, another budget, or its provider."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """The executions of one organisation and type that stand alike: how many, for how many seconds the one has been
    silent that was heard of longest ago, and of how many the lease has run out.
    """

    organization_id: str
    workflow_type: str
    standing: Standing
    count: int
    silent: float
    overdue: int


BacklogOf = Callable[[], Sequence[Backlog]]
"""Looks at the database; raises `StorageError`."""
