"""Control: what is asked of an execution from outside, decided in the transaction that does it.

A worker that has the execution is asked by a signal, and heeds it within a second. Where none can have it, the change
is made at once.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lithograph.domain.ids import OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, change_within, unowned
from lithograph.durable.lookup import find
from lithograph.durable.status import Status
from lithograph.errors import StateError, UsageError
from lithograph.resilience.budget import Limits
from lithograph.service.alone import nobody_works
from lithograph.storage.open import Storage
from lithograph.workflow.batch.control import cancel_children
from lithograph.workflow.batch.input import BATCH
from lithograph.workflow.inputs import input_within

if TYPE_CHECKING:
    from sqlalchemy import Connection

Wake = Callable[["Connection", Execution], object]
"""Called when an execution can go on now, in the transaction that lets it: whoever runs executions is told of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: the execution is so now (`done`), or its worker was asked to see to it.

    `execution` is as it was found when its worker was asked.
    """

    execution: Execution
    done: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a signal; it is not `new` when one with the same key was sent before."""

    execution: Execution
    new: bool


@dataclass(frozen=True, slots=True)
class Control:
    """Control of the executions of one organisation; see `Workspace`, which has the same methods."""

    storage: Storage
    organization_id: OrganizationId
    clock: Clock
    wake: Wake
    lease_seconds: float
    """How long the process that works on a file may be silent before it counts as dead."""

    def pause(self, given: str) -> Answer:
        """Ask for a pause; see `Workspace.pause`."""
        with self._alone() as alone, self._locked(given) as (connection, found, now):
            goes_on = not alone and found.waiting_for == signals.PROVIDER  # by itself, when the provider is back
            if found.status is Status.SUSPENDED and not goes_on:
                return Answer(found, done=True)
            if not (found.status.terminal or goes_on) and (alone or unowned(found, now)):
                raise StateError(
                    f"execution {found.id} is {found.status} and nobody runs it: there is nothing to pause, and "
                    f"`litho resume {found.id}` goes on with it"
                )
            signals.send_within(connection, found, signals.PAUSE, now)
            return Answer(found, done=False)

    def cancel(self, given: str) -> Answer:
        """End for good; see `Workspace.cancel`."""
        with self._alone() as alone, self._locked(given) as (connection, found, now):
            if alone or unowned(found, now):
                cancelled = change_within(connection, found, Status.CANCELLED, now)
                if found.workflow_type == BATCH:
                    cancel_children(connection, self.organization_id, found.id, now, alone=alone)
                return Answer(cancelled, done=True)
            signals.send_within(connection, found, signals.CANCEL, now)
            return Answer(found, done=False)

    def signal(self, given: str, name: str, payload: object, key: str | None) -> Sent:
        """Send a signal; see `Workspace.signal`."""
        if not name.strip():
            raise UsageError("the signal has no name; give one")
        _check_json(payload)
        with self._locked(given) as (connection, found, now):
            new = signals.send_within(connection, found, name, now, payload=payload, client_key=key)
            awaited = found.status is Status.SUSPENDED and name in (found.waiting_for, signals.RESUME)
            return Sent(self._go_on(connection, found, now) if new and awaited else found, new)

    def resume(self, given: str, limits: Limits | None) -> Execution:
        """Let it go on; see `Workspace.resume`."""
        with self._locked(given) as (connection, found, now):
            check_resumable(found)
            if limits is not None and found.status is not Status.COMPLETED:
                executions.remember_input(connection, found, input_within(found, limits))
            return self._go_on(connection, found, now)

    def retry(self, given: str) -> Execution:
        """Let what is missing run again; see `Workspace.retry`."""
        with self._locked(given) as (connection, found, now):
            check_retriable(found)
            return self._go_on(connection, found, now)

    def go_on(self, connection: "Connection", found: Execution) -> Execution:
        """Let an execution that was started once more go on, whatever stopped it; return it as it is then.

        To be called in the transaction that started it.
        """
        locked = executions.get(connection, self.organization_id, found.id, lock=True)
        now = timestamp(self.clock.now())
        return self._go_on(connection, locked, now) if unowned(locked, now) else locked

    def _go_on(self, connection: "Connection", found: Execution, now: str) -> Execution:
        """Let it run, unless there is nothing left to run: a pause that was asked for earlier counts no more."""
        if found.status in (Status.COMPLETED, Status.CANCELLED):
            return found
        stale = {signals.PAUSE, signals.RESUME} | ({signals.CANCEL} if found.status.retriable else set())
        signals.withdraw_within(connection, found, sorted(stale), now)
        if found.status.retriable:
            change_within(connection, found, Status.PENDING, now)
        elif found.status is Status.SUSPENDED:
            change_within(connection, found, Status.RUNNING, now)
        current = executions.get(connection, self.organization_id, found.id)
        waits = current.status is Status.PENDING and current.waiting_for is not None  # for the rest of its input
        if unowned(current, now) and not waits:
            self.wake(connection, current)
        return current

    @contextmanager
    def _locked(self, given: str) -> "Iterator[tuple[Connection, Execution, str]]":
        """Give a transaction, an execution that nobody else changes meanwhile, and the time."""
        with transaction(self.storage, self.organization_id, Transaction.CONTROL) as connection:
            found = find(connection, self.organization_id, given)
            locked = executions.get(connection, self.organization_id, found.id, lock=True)
            yield connection, locked, timestamp(self.clock.now())

    def _alone(self) -> AbstractContextManager[bool]:
        return nobody_works(self.storage, self.lease_seconds)


def _check_json(payload: object) -> None:
    """Raise `UsageError` for what Python takes for JSON and nothing else does."""
    try:
        json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(
            "the payload is no JSON that can be kept: it may hold no infinite number and no half of a surrogate pair"
        ) from error


def check_resumable(found: Execution) -> None:
    """Raise `StateError`, with what to do instead, for an execution that ended and left something out."""
    if found.status.terminal and found.status is not Status.COMPLETED:
        raise StateError(f"execution {found.id} is {found.status}: {_instead(found)}")


def check_retriable(found: Execution) -> None:
    """Raise `StateError`, with what to do instead, unless an execution ended and left something out."""
    if not found.status.retriable:
        raise StateError(f"execution {found.id} is {found.status}: {_instead(found)}")


def _instead(found: Execution) -> str:
    if found.status.retriable:
        return "`litho retry` runs what is missing"
    if found.status is Status.COMPLETED:
        return "there is nothing left to run"
    if found.status is Status.CANCELLED:
        return "that is for good, and `litho extract` starts another one"
    return "`litho resume` lets it go on"
