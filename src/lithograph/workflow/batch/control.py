"""Control of a batch reaches what it has begun: its pause pauses the documents in work, its cancellation ends them."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from sqlalchemy import select

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.activities import Gate
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, change_within, unowned
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.storage.schema import batch_document, workflow_execution
from lithograph.workflow.batch.children import LOOK_EVERY

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

_GOES_ON: Final = (Status.PENDING, Status.RUNNING, Status.SUSPENDED)


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    child: Execution
    scope: anyio.CancelScope


class InFlight:
    """The documents of a batch that are being carried to their ends."""

    def __init__(self, worker: Worker, owner: Owner) -> None:
        """`owner` is the batch's."""
        self._worker, self._owner = worker, owner
        self._flights: set[_Flight] = set()

    async def carried(self, child: Execution, carrying: Awaitable[Execution]) -> Execution:
        """Return what `carrying` gives; or the child as it was, where the batch was paused and it goes on."""
        found = child
        with anyio.CancelScope() as scope:
            flight = _Flight(child, scope)
            self._flights.add(flight)
            try:
                found = await carrying
            finally:
                self._flights.remove(flight)
        return found

    async def pause_when_shut(self, gate: Gate) -> None:
        """When the batch is to begin nothing new any more, pause what is in flight. Until this is cancelled: what was
        about to be run, and so did not heed it, is asked again.

        What another worker runs for somebody else goes on, and is not waited for.
        """
        await gate.shut.wait()
        while True:
            for flight in list(self._flights):
                if not await anyio.to_thread.run_sync(self._ask_to_pause, flight.child):
                    flight.scope.cancel()
            await self._worker.clock.sleep(LOOK_EVERY)

    def _ask_to_pause(self, child: Execution) -> bool:
        """Ask an execution to pause, unless it was asked already or has ended; return False when it is not ours."""
        now = timestamp(self._worker.clock.now())
        with transaction(self._worker.storage, child.organization_id, Transaction.CONTROL) as connection:
            found = executions.get(connection, child.organization_id, child.id, lock=True)
            here = found.lease_owner == self._worker.lease.owner
            if not (here or found.parent_id == self._owner.execution_id or unowned(found, now)):
                return False
            open_ones = signals.waiting(connection, Owner(found.organization_id, found.id, found.epoch))
            if not found.status.terminal and all(signal.name != signals.PAUSE for signal in open_ones):
                signals.send_within(connection, found, signals.PAUSE, now)
        return True

    def cancel_if_asked(self) -> None:
        """Cancel what the batch has begun, if somebody wants the batch to be cancelled. What this process ran has been
        given back by now.
        """
        worker, owner = self._worker, self._owner
        with worker.storage.read(owner.organization_id) as connection:
            asked = any(signal.name == signals.CANCEL for signal in signals.waiting(connection, owner))
        if asked:
            now = timestamp(worker.clock.now())
            with transaction(worker.storage, owner.organization_id, Transaction.CONTROL) as connection:
                cancel_children(connection, owner.organization_id, owner.execution_id, now, alone=worker.lease.sole)


def cancel_children(
    connection: "Connection", organization_id: OrganizationId, batch_id: ExecutionId, now: str, *, alone: bool
) -> None:
    """Let the cancellation of a batch reach the executions that it has begun and that have not ended: cancel those that
    nobody runs, which are all of them when nobody else can be at work (`alone`), and ask whoever runs one to see to it.

    To be called in a transaction. What nobody has begun stays for the next batch to take, and what another unfinished
    batch needs is left to that one.
    """
    c = workflow_execution.c
    begun = c.status.in_((Status.RUNNING, Status.SUSPENDED))
    query = select(c.id).where(c.parent_id == batch_id, begun, ~_needed(c.id, batch_id)).order_by(c.id)
    for child in connection.execute(query).scalars().all():
        found = executions.get(connection, organization_id, ExecutionId(child), lock=True)
        if found.status.terminal:
            continue
        if alone or unowned(found, now):
            change_within(connection, found, Status.CANCELLED, now)
        else:
            signals.send_within(connection, found, signals.CANCEL, now)


def given_up(connection: "Connection", child: Execution) -> bool:
    """Whether an execution belongs to a batch that is cancelled, and no other that is unfinished needs it: then a job
    that it was given is not for anybody any more.
    """
    if child.parent_id is None:
        return False
    c = workflow_execution.c
    cancelled = (c.id == child.parent_id) & (c.status == Status.CANCELLED) & ~_needed(child.id, child.parent_id)
    return connection.execute(select(c.id).where(cancelled)).first() is not None


def _needed(child: "ColumnElement[str] | str", apart_from: ExecutionId) -> "ColumnElement[bool]":
    """Whether an unfinished batch, apart from one, has an execution among its documents."""
    other, also = workflow_execution.alias(), batch_document.alias()
    query = select(other.c.id).join(also, also.c.batch_id == other.c.id)
    mine = (also.c.execution_id == child) & (other.c.id != apart_from)
    return query.where(mine, other.c.status.in_(_GOES_ON)).exists()
