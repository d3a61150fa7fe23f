"""Dispatch: a worker process on PostgreSQL takes jobs and runs their executions until it is told to stop.

    queue (Procrastinate)     says that an execution should be looked at; which worker takes a job, and in which order
    lease and epoch           say who may run it: a job that was lost, doubled or taken too late changes nothing
    sweep                     gives a job to what should go on and has none, every few seconds, one worker at a time

A worker takes executions of the versions that it can run, and leaves others to workers that can. Told to stop, it gives
back what it runs, at once, with a job for whoever is there.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import psycopg
from anyio.abc import TaskGroup, TaskStatus
from procrastinate import App
from procrastinate.exceptions import ProcrastinateException

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.queue import SILENT, enqueue, queue_name, sweep
from lithograph.durable.run import Worker, journaling
from lithograph.durable.writes import Owner
from lithograph.errors import FencedError, StateError, StorageError, UsageError
from lithograph.storage.open import Storage
from lithograph.workflow.attend import Kind, attend, reason
from lithograph.workflow.queue_connector import QueueConnector

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOG = logging.getLogger("lithograph.dispatch")

SWEEP_EVERY: Final = 3.0
"""Seconds between two sweeps of a worker: with the lease, what passes until another goes on with a dead one's work."""

_LOOK_EVERY: Final = 2.0
"""Seconds after which a worker looks for jobs that it was not told of."""

_CONNECT_AGAIN: Final = 1.0
"""Seconds between two tries to reach a server that is away."""

_SAID_AGAIN: Final = 60.0
"""Seconds after which the same trouble is told of again."""

_FAREWELL: Final = 1.0
"""Seconds that the queue's own worker has to say that it is gone; the next sweep says it for it."""


async def dispatch(worker: Worker, kinds: Sequence[Kind], *, started: Callable[[], None] = lambda: None) -> None:
    """Take jobs and run their executions until this is cancelled; then give back everything within moments.

    `started` is called when jobs can be taken. A server that is away is waited for. Raises `UsageError` for a database
    that has no queue.
    """
    if worker.storage.dialect != "postgresql":
        raise UsageError(f"{worker.storage.name} is a file, which one process works on at a time; name a server")
    with journaling(worker) as writer:
        shared, troubles = replace(worker, writer=writer, given_back=_given_back), _Troubles()
        async with anyio.create_task_group() as runs:
            runs.start_soon(_sweeping, shared, troubles)
            takers = [_Taker(shared, kind, runs, troubles) for kind in kinds]
            for taker in takers:
                await runs.start(taker.take)
            started()


def _given_back(connection: "Connection", owner: "Owner") -> None:
    enqueue(connection, owner.execution_id)


@dataclass(slots=True)
class _Troubles:
    """Tells of each trouble once in a while, whoever and how many have it."""

    _told: dict[str, float] = field(default_factory=dict)

    def tell(self, trouble: str) -> None:
        """Tell of a trouble, unless that was done a moment ago."""
        now = time.monotonic()
        self._told = {said: at for said, at in self._told.items() if now - at < _SAID_AGAIN}
        if trouble not in self._told:
            self._told[trouble] = now
            LOG.warning("%s", trouble)

    def end(self, said: str) -> None:
        """Tell that they are over: the next one is told of at once."""
        self._told.clear()
        LOG.warning("%s", said)


async def _sweeping(worker: Worker, troubles: _Troubles) -> None:
    """Look again and again for what has no job.

    When the server has been away, those who were cut off from it are given the time to say that they are alive: they do
    so three times in a lease.
    """
    away = False
    while True:
        try:
            if away:
                await anyio.to_thread.run_sync(_reach, worker.storage)
                troubles.end(f"{worker.storage.name} can be used again")
                away = False
                await worker.clock.sleep(worker.lease.seconds / 2)
            found = await anyio.to_thread.run_sync(sweep, worker.storage, worker.clock)
        except StorageError as error:
            troubles.tell(str(error))
            away = True
        else:
            if found:
                LOG.info("%d executions had no job and were given one", len(found))
        await worker.clock.sleep(_CONNECT_AGAIN if away else SWEEP_EVERY)


def _reach(storage: Storage) -> None:
    with storage.inspect():
        pass


class _Taker:
    """Takes the jobs of one kind.

    What it runs belongs to `runs` and not to the queue's own worker: when the queue is lost, work goes on.
    """

    def __init__(self, worker: Worker, kind: Kind, runs: TaskGroup, troubles: _Troubles) -> None:
        self._worker, self._kind, self._runs, self._troubles = worker, kind, runs, troubles
        self._places = anyio.Semaphore(kind.at_once)
        # A worker of another version takes none of these.
        self._queue = queue_name(kind.workflow_type, kind.workflow_version)

    async def take(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Take jobs until this is cancelled, over as many connections as it takes."""
        while True:
            connector = QueueConnector(self._worker.storage)
            try:
                await connector.reach()
                async with self._app(connector).open_async() as app:
                    task_status.started()
                    task_status = anyio.TASK_STATUS_IGNORED
                    await self._work(app)
            except (ProcrastinateException, psycopg.Error, OSError) as error:
                self._troubles.tell(f"the queue cannot be reached ({reason(error)}); it is tried again")
            await self._worker.clock.sleep(_CONNECT_AGAIN)

    async def _work(self, app: App) -> None:
        work = asyncio.ensure_future(
            app.run_worker_async(
                queues=[self._queue],
                concurrency=self._kind.at_once,
                install_signal_handlers=False,
                fetch_job_polling_interval=_LOOK_EVERY,
                shutdown_graceful_timeout=0,
                update_heartbeat_interval=SILENT / 3,
                stalled_worker_timeout=SILENT,
                delete_jobs="always",
            )
        )
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            work.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([work], timeout=_FAREWELL)
            raise

    def _app(self, connector: QueueConnector) -> App:
        app = App(connector=connector)
        app.task(name=self._kind.workflow_type, queue=self._queue)(self._job)
        return app

    async def _job(self, organization_id: str, execution_id: str) -> None:
        """Do a job: whatever keeps an execution from ending is known to its row, so that no job ever fails."""
        done = anyio.Event()
        self._runs.start_soon(self._run, OrganizationId(organization_id), ExecutionId(execution_id), done)
        await done.wait()

    async def _run(self, organization_id: OrganizationId, execution_id: ExecutionId, done: anyio.Event) -> None:
        try:
            async with self._places:
                await attend(self._worker, self._kind, organization_id, execution_id, LOG)
        except (StateError, FencedError, UsageError) as error:
            LOG.info("nothing to do: %s", error)  # another worker has it, or it was ended or deleted meanwhile
        except StorageError as error:
            LOG.info("execution %s is left for later", execution_id)
            self._troubles.tell(str(error))
        except Exception as error:  # it must not cost the worker, and all that others have in work there
            LOG.debug("execution %s", execution_id, exc_info=error)
            LOG.error(  # noqa: TRY400  # a worker prints lines
                "execution %s was left by a defect (%s: %s); it is taken up again when its lease has run out",
                execution_id,
                type(error).__name__,
                reason(error),
            )
        finally:
            done.set()
