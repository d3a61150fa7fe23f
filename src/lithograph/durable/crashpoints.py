"""Crash points: the moments around every transaction at which a crash test may kill the process.

Every write to the database goes through `transaction`, which has a name in `Transaction` and passes three points:
before it, inside it with everything written, and after its commit. So a new transaction is crash-tested from the day
it has a name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lithograph.domain.ids import OrganizationId

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from lithograph.storage.open import Storage


class Transaction(StrEnum):
    """Every kind of write transaction."""

    START = "start"
    """An execution and what it works on are written."""
    CLAIM = "claim"
    """A worker takes an execution."""
    JOURNAL = "journal"
    """A group of results, events and marks is committed."""
    FINISH = "finish"
    """The graph is published and the execution ends, in one transaction."""
    CONTROL = "control"
    """A signal is sent, a status is changed from outside, as by cancel or retry, or what an organisation may do."""
    PRUNE = "prune"
    """Some of what nobody needs any more is deleted."""
    QUEUE = "queue"
    """A sweep gives jobs to executions that have none (on a server)."""


class Moment(StrEnum):
    """Where in a transaction a crash point lies."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"


CRASH_POINTS = tuple(f"{transaction}.{moment}" for transaction in Transaction for moment in Moment)
"""The names of all crash points."""

_AFTERWARDS: Final = "lithograph_afterwards"

_hook: Callable[[str], None] | None = None


def set_hook(hook: Callable[[str], None] | None) -> None:
    """Have `hook` called with the name of every crash point that is passed; None in everything but crash tests."""
    global _hook  # noqa: PLW0603  # a crash has no caller that could pass it down
    _hook = hook


def reached(transaction: Transaction, moment: Moment) -> None:
    """Say that a crash point is passed."""
    if _hook is not None:
        _hook(f"{transaction}.{moment}")


@contextmanager
def transaction(storage: "Storage", organization_id: OrganizationId, name: Transaction) -> Iterator["Connection"]:
    """Give a connection in a write transaction, committed at the end, or rolled back when an error leaves it."""
    reached(name, Moment.BEFORE)
    afterwards: list[Callable[[], None]] = []
    with storage.write(organization_id) as connection:
        connection.info[_AFTERWARDS] = afterwards
        yield connection
        reached(name, Moment.INSIDE)
    reached(name, Moment.AFTER)
    for tell in afterwards:
        tell()


def afterwards(connection: "Connection", tell: Callable[[], None]) -> None:
    """Have `tell` called when the `transaction` of the connection is committed, and not when it is rolled back."""
    connection.info.setdefault(_AFTERWARDS, []).append(tell)
