"""The resident worker of a file: runs whatever there is to run in it until it is told to stop.

It is what dispatch is on a server, without a queue: the one process that works on a file sees everything that happens
to it, and looks for what can go on. Organisations take turns.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from sqlalchemy import func, select, tuple_

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import signals
from lithograph.durable.listen import Listener
from lithograph.durable.run import Worker, journaling
from lithograph.durable.status import Status
from lithograph.errors import FencedError, StateError, StorageError, UsageError
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution, workflow_signal
from lithograph.workflow.attend import Kind, attend, reason

LOG = logging.getLogger("lithograph.resident")

_GATHER: Final = 0.1
"""Seconds between two looks for what can go on, at least."""

_LATER: Final = 30.0
"""Seconds for which an execution is left alone that could not go on."""

_ANYTHING: Final = ExecutionId("*")
"""What rings for an execution of a file rings for all of them."""


@dataclass(frozen=True, slots=True)
class Due:
    """An execution that can go on."""

    organization_id: OrganizationId
    execution_id: ExecutionId
    workflow_type: str


async def reside(
    worker: Worker, kinds: Sequence[Kind], listener: Listener, *, started: Callable[[], None] = lambda: None
) -> None:
    """Run what can go on in a file, and what comes, until this is cancelled; then give back everything within moments.

    `worker` must have the right to work on the file, which is kept alive here; raises `FencedError` when it is lost.
    `started` is called when the first look is about to be taken.
    """
    with journaling(worker) as writer:
        resident = _Resident(replace(worker, writer=writer), kinds)
        async with anyio.create_task_group() as runs:
            runs.start_soon(_keep, worker)
            started()
            with listener.bell(_ANYTHING) as bell:
                while True:
                    await resident.look(runs)
                    await bell.wait()
                    await worker.clock.sleep(_GATHER)


async def _keep(worker: Worker) -> None:
    """Keep the right to work, also while nothing is being run."""
    while True:
        await worker.clock.sleep(worker.lease.seconds / 3)
        try:
            await anyio.to_thread.run_sync(worker.beat)
        except StorageError as error:
            LOG.warning("%s", error)


@dataclass(slots=True)
class _Resident:
    """What is in work, and what is left alone for a while."""

    worker: Worker
    kinds: Sequence[Kind]
    in_work: dict[ExecutionId, str] = field(default_factory=dict)
    """The executions that are run here, and their types."""
    later: dict[ExecutionId, float] = field(default_factory=dict)
    """Those that are left alone, and until when."""

    async def look(self, runs: TaskGroup) -> None:
        """Begin what can go on and has a place."""
        now = time.monotonic()
        self.later = {one: until for one, until in self.later.items() if until > now}
        for kind in self.kinds:
            free = kind.at_once - sum(1 for known in self.in_work.values() if known == kind.workflow_type)
            if free <= 0:
                continue
            apart_from = [*self.in_work, *self.later]
            find = partial(due, self.worker.storage, kind, free, apart_from)
            try:
                found = await anyio.to_thread.run_sync(find)
            except StorageError as error:
                LOG.warning("%s", error)
                return
            for one in found:
                self.in_work[one.execution_id] = kind.workflow_type
                runs.start_soon(self._run, kind, one)

    async def _run(self, kind: Kind, one: Due) -> None:
        left = True
        try:
            left = not await attend(self.worker, kind, one.organization_id, one.execution_id, LOG)
        except (StateError, UsageError) as error:
            LOG.info("nothing to do: %s", error)  # it was ended or deleted meanwhile
        except FencedError:
            await anyio.to_thread.run_sync(self.worker.beat)  # raises when the file is another process's now
        except StorageError as error:
            LOG.warning("execution %s is left for later: %s", one.execution_id, error)
        except Exception as error:  # it must not cost the others that are in work here
            LOG.debug("execution %s", one.execution_id, exc_info=error)
            LOG.error(  # noqa: TRY400  # a worker prints lines
                "execution %s was left by a defect (%s: %s); it is taken up again in %.0f seconds",
                one.execution_id,
                type(error).__name__,
                reason(error),
                _LATER,
            )
        finally:
            if left:
                self.later[one.execution_id] = time.monotonic() + _LATER
            del self.in_work[one.execution_id]


def due(storage: Storage, kind: Kind, limit: int, apart_from: Iterable[ExecutionId]) -> list[Due]:
    """Return executions of a kind that can go on, at most `limit`: the oldest of each organisation, then the next
    oldest of each. What a batch has started is the batch's to run, unless the batch is not at work: then it is run if
    somebody has called it, also when that was a while ago and its worker was stopped meanwhile.
    """
    c, batch, signal = workflow_execution.c, workflow_execution.alias(), workflow_signal.c
    at_work = select(batch.c.id).where(batch.c.id == c.parent_id, batch.c.status.in_((Status.PENDING, Status.RUNNING)))
    called = select(signal.id).where(
        signal.execution_id == c.id, signal.acknowledged.is_(False), signal.signal_name == signals.RESUME
    )
    state = tuple_(c.status, func.coalesce(c.waiting_for, ""))
    begun = (c.status == Status.RUNNING) | (state == (Status.SUSPENDED.value, signals.PROVIDER))
    unbegun = state == (Status.PENDING.value, "")
    query = select(
        c.organization_id,
        c.id,
        c.workflow_type,
        func.row_number().over(partition_by=c.organization_id, order_by=(c.created_at, c.id)).label("turn"),
    ).where(
        c.completed_at.is_(None),
        begun | unbegun,
        c.parent_id.is_(None) | (~at_work.exists() & (called.exists() | begun)),
        c.workflow_type == kind.workflow_type,
        c.workflow_version == kind.workflow_version,
        c.id.not_in(list(apart_from)),
    )
    turns = query.subquery()
    with storage.inspect() as connection:
        rows = connection.execute(select(turns).order_by(turns.c.turn, turns.c.organization_id).limit(limit))
        return [Due(OrganizationId(row[0]), ExecutionId(row[1]), row[2]) for row in rows]
