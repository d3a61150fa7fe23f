"""Attending to one execution whose turn has come, whoever says so: a job of the queue, or a look into a file."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.errors import FencedError, LithographError, StateError, StorageError
from lithograph.storage.open import Storage
from lithograph.workflow.batch.control import given_up

if TYPE_CHECKING:
    import logging

    from lithograph.durable.run import Worker

Carry = Callable[["Worker", Execution, bool], Awaitable[object]]
"""Claims an execution and runs it, as one that is resumed or not, until it ends or must wait."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a worker can run: a type of workflow in one version, `at_once` of them at the same time."""

    workflow_type: str
    workflow_version: int
    carry: Carry
    at_once: int
    ready: Callable[[Execution], Awaitable[bool]]
    """Whether the provider is back that an execution is suspended for."""


async def attend(
    worker: "Worker", kind: Kind, organization_id: OrganizationId, execution_id: ExecutionId, log: "logging.Logger"
) -> bool:
    """Run an execution, if it is to go on; return False when it waits for its provider, which is not back yet.

    One that this worker can never begin is failed, with the reason. Raises `StateError`, `FencedError` or `UsageError`
    when somebody else has it, or it was ended or deleted meanwhile, and `StorageError` when the database is away.
    """
    execution, called = await anyio.to_thread.run_sync(_standing, worker.storage, organization_id, execution_id)
    if execution is None or execution.status.terminal:
        return True
    resume = execution.status is Status.SUSPENDED
    try:
        if resume and not called:
            if execution.waiting_for != signals.PROVIDER:
                return True
            if not await kind.ready(execution):
                await anyio.to_thread.run_sync(_postpone, worker, execution)
                return False
        if called:
            stale = (signals.RESUME, signals.PAUSE)
            await anyio.to_thread.run_sync(signals.withdraw, worker.storage, execution, stale, worker.clock)
        await kind.carry(worker, execution, resume)
    except (StateError, FencedError, StorageError):
        raise
    except LithographError as error:
        log.warning("execution %s cannot be run: %s", execution_id, error)
        await anyio.to_thread.run_sync(_fail, worker, execution, error)
    return True


def reason(error: Exception) -> str:
    """Return the first line of what is behind an error: Procrastinate's own says no more than that there was one."""
    lines = str(error.__cause__ or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _standing(
    storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId
) -> tuple[Execution | None, bool]:
    """Return an execution, and whether somebody wants it to go on where it is suspended; None when its batch was
    cancelled before it was begun, and nobody has asked for it since.
    """
    with storage.read(organization_id) as connection:
        execution = executions.get(connection, organization_id, execution_id)
        owner = Owner(organization_id, execution_id, execution.epoch)
        called = any(signal.name == signals.RESUME for signal in signals.waiting(connection, owner))
        if execution.status is Status.PENDING and not called and given_up(connection, execution):
            return None, False
        awaited = execution.waiting_for
        return execution, called or (awaited is not None and signals.first(connection, owner, awaited) is not None)


def _postpone(worker: "Worker", execution: Execution) -> None:
    """Have the sweep leave an execution alone for a while."""
    with transaction(worker.storage, execution.organization_id, Transaction.CONTROL) as connection:
        executions.touch(connection, execution, timestamp(worker.clock.now()))


def _fail(worker: "Worker", execution: Execution, error: LithographError) -> None:
    """End an execution that this worker can never begin, with the reason: nobody watches a worker's terminal."""
    storage, now = worker.storage, timestamp(worker.clock.now())
    owner = executions.claim(storage, execution.organization_id, execution.id, worker.lease, worker.clock, resume=True)
    values = {"error": str(error), "waiting_for": None}
    with transaction(storage, execution.organization_id, Transaction.FINISH) as connection:
        executions.finish(connection, owner, Status.FAILED, now, values=values, payload={"error": str(error)})
