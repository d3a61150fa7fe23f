"""The children of a batch on a server: each is given a job, and waited for; whichever worker takes it runs it."""

from typing import Final

import anyio
import anyio.to_thread

from lithograph.durable import executions, signals
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, change_within, unowned
from lithograph.durable.listen import Listener
from lithograph.durable.queue import enqueue
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner

_AT_MOST: Final = 0.2
"""Seconds between two looks at a document that has much to tell."""


class Queued:
    """Leaves documents to workers, this one among them."""

    def __init__(self, worker: Worker, listener: Listener) -> None:
        self._worker, self._listener = worker, listener

    async def carry(self, execution: Execution) -> Execution:
        """Give an execution a job, again where it was lost, and return it as it is in the end."""
        with self._listener.bell(execution.id) as bell:
            found = await anyio.to_thread.run_sync(self._set_going, execution)
            at_rest = found.status.terminal
            while not at_rest:
                await bell.wait()
                await self._worker.clock.sleep(_AT_MOST)
                found, at_rest = await anyio.to_thread.run_sync(self._look, found)
        return found

    def _set_going(self, execution: Execution) -> Execution:
        """Let an execution that waits, is paused or has failed go on, with a job."""
        now = timestamp(self._worker.clock.now())
        with transaction(self._worker.storage, execution.organization_id, Transaction.CONTROL) as connection:
            found = executions.get(connection, execution.organization_id, execution.id, lock=True)
            if not unowned(found, now) or found.waiting_for == signals.PROVIDER:
                return found  # it goes on by itself
            stale = (signals.PAUSE, signals.CANCEL) if found.status.retriable else (signals.PAUSE,)
            signals.withdraw_within(connection, found, stale, now)
            if found.status.retriable:
                found = change_within(connection, found, Status.PENDING, now)
            elif found.status is Status.SUSPENDED:
                found = change_within(connection, found, Status.RUNNING, now)
            if not found.status.terminal:
                enqueue(connection, found.id)
            return found

    def _look(self, execution: Execution) -> tuple[Execution, bool]:
        """Return an execution as it is, and whether nobody will go on with it by himself.

        One that nobody has begun is given a job, should it have lost its own: no sweep looks after children.
        """
        organization_id = execution.organization_id
        with self._worker.storage.read(organization_id) as connection:
            found = executions.get(connection, organization_id, execution.id)
            owner = Owner(organization_id, found.id, found.epoch)
            pausing = any(signal.name == signals.PAUSE for signal in signals.waiting(connection, owner))
        if found.status is Status.PENDING:
            if not pausing:
                with transaction(self._worker.storage, organization_id, Transaction.QUEUE) as writing:
                    enqueue(writing, found.id)
            return found, pausing
        waits = found.status is Status.SUSPENDED and found.waiting_for != signals.PROVIDER
        return found, found.status.terminal or waits
