"""The children of a batch: each document's extraction is an execution of its own, carried to its end by somebody."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

import anyio
import anyio.to_thread

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.executions import Execution, unowned
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.errors import FencedError, StateError
from lithograph.storage.open import Storage

LOOK_EVERY: Final = 0.4
"""Seconds between two looks at an execution that somebody else has."""


class Children(Protocol):
    """Carries the executions of a batch's documents."""

    async def carry(self, execution: Execution) -> Execution:
        """Return an execution as it is when it has ended, or is suspended and does not go on by itself.

        One that failed or completed with errors is run again. It is asked to pause, or to be cancelled, by a signal to
        it; when this is cancelled, nothing of it stays claimed.
        """
        ...


class InProcess:
    """Runs them in this process with `run`, which runs what is left to run of one execution."""

    def __init__(self, worker: Worker, run: Callable[[ExecutionId], Awaitable[Execution]]) -> None:
        self._worker, self._run = worker, run
        self._busy: dict[ExecutionId, anyio.Event] = {}

    async def carry(self, execution: Execution) -> Execution:
        """Run an execution, or wait for whoever has it. A document that stands in a batch twice is run once."""
        if (busy := self._busy.get(execution.id)) is not None:
            await busy.wait()
            return await self._look(execution)
        self._busy[execution.id] = anyio.Event()
        try:
            return await self._carry(execution)
        finally:
            self._busy.pop(execution.id).set()

    async def _carry(self, execution: Execution) -> Execution:
        clock, sole = self._worker.clock, self._worker.lease.sole
        followed = False
        while True:
            found = await self._look(execution)
            if not (sole or unowned(found, timestamp(clock.now()))):
                followed = True
                await clock.sleep(LOOK_EVERY)
                continue
            if followed and (found.status.terminal or found.status is Status.SUSPENDED):
                return found
            try:
                return await self._run(execution.id)
            except (StateError, FencedError):
                followed = True  # somebody took it, or ended it, just now

    async def _look(self, execution: Execution) -> Execution:
        look = partial(look_at, self._worker.storage, execution.organization_id, execution.id)
        return await anyio.to_thread.run_sync(look)


def look_at(storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId) -> Execution:
    """Return an execution as it is now."""
    with storage.read(organization_id) as connection:
        return executions.get(connection, organization_id, execution_id)
