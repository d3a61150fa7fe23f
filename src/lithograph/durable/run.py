"""Run: one worker carries one execution from its claim to its end, or until it must let go of it."""

import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from sqlalchemy import func, select, update

from lithograph.durable import executions, signals
from lithograph.durable.activities import Codec, Finished, JournaledActivities
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.commit import SqliteCommit, fenced
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Lease
from lithograph.durable.journal import JournalWriter
from lithograph.durable.retry import RetryPolicy
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityStatus, Owner, Write
from lithograph.errors import FencedError, LithographError, StorageError, innermost
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity

if TYPE_CHECKING:
    from sqlalchemy import Connection

_WATCH = 0.2
"""Seconds between two looks for signals: what is asked of an execution begins to happen within them."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a process brings along to run executions."""

    storage: Storage
    clock: Clock
    chance: random.Random
    lease: Lease
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    overrides: Mapping[str, RetryPolicy] = field(default_factory=dict)
    beat: Callable[[], None] = lambda: None
    """Called with every heartbeat; raises `FencedError` when the process has lost its right to work."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a workflow ended: `publish` writes what has to be there, in the transaction that ends the execution."""

    status: Status
    output: Mapping[str, Any]
    publish: "Callable[[Connection], None] | None" = None


class SuspendedError(Exception):
    """Raised by a workflow that cannot go on for now: `reason` is for people, `waiting_for` names a signal."""

    def __init__(self, reason: str, waiting_for: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.waiting_for = waiting_for


@dataclass(slots=True)
class Context:
    """What a workflow has to work with."""

    owner: Owner
    activities: JournaledActivities
    writer: JournalWriter
    storage: Storage

    async def wait_for_signal(self, name: str) -> Any:  # whatever JSON the sender chose
        """Return the payload of the first signal called `name`; without one, suspend the execution until it comes.

        Asked again, after a restart or by another worker, it gives the same signal.
        """
        signal = await anyio.to_thread.run_sync(self._take, name)
        if signal is None:
            raise SuspendedError(f"waits for the signal {name}", waiting_for=name)
        return signal.payload

    def _take(self, name: str) -> signals.Signal | None:
        with self.storage.read() as connection:
            return signals.first(connection, self.owner, name)


Workflow = Callable[[Context], Awaitable[Outcome]]


async def run_execution(
    worker: Worker,
    owner: Owner,
    workflow: Workflow,
    *,
    codec: Codec,
    context: str,
    progress: Callable[[], Mapping[str, object]] = dict,
) -> Status:
    """Run a claimed execution and return the status that it was left in.

    `context` is part of every activity's input hash. A `LithographError` of the workflow fails the execution. Raises
    `FencedError` when the execution was lost to somebody else, `StorageError` when the database cannot be used; then,
    and when this is cancelled, the execution is left as it is, to be continued.
    """
    with closing(SqliteCommit(worker.storage, worker.clock)) as commit, JournalWriter(commit) as writer:
        finished = await anyio.to_thread.run_sync(_load, worker.storage, owner)
        activities = JournaledActivities(
            owner=owner,
            writer=writer,
            finished=finished,
            codec=codec,
            context=context,
            clock=worker.clock,
            chance=worker.chance,
            retry=worker.retry,
            overrides=worker.overrides,
            progress=progress,
        )
        return await _Run(worker, owner, activities, writer).carry_out(
            workflow, Context(owner, activities, writer, worker.storage)
        )


def _load(storage: Storage, owner: Owner) -> dict[str, Finished]:
    c = workflow_activity.c
    done = (c.execution_id == owner.execution_id) & (c.status == ActivityStatus.COMPLETED)
    with storage.read() as connection:
        as_text = func.json(c.result) if storage.dialect == "sqlite" else c.result
        rows = connection.execute(select(c.activity_name, c.input_hash, as_text).where(done))
        return {name: Finished(key, result) for name, key, result in rows}


class _Run:
    """One run of one execution: the workflow, and beside it the heartbeat and the watch for signals."""

    def __init__(self, worker: Worker, owner: Owner, activities: JournaledActivities, writer: JournalWriter) -> None:
        self._worker, self._owner, self._activities, self._writer = worker, owner, activities, writer
        self._scope = anyio.CancelScope()
        self._asked: Outcome | None = None
        self._heeded: list[signals.Signal] = []

    async def carry_out(self, workflow: Workflow, context: Context) -> Status:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._beat)
                tasks.start_soon(self._watch, tasks)
                outcome = await self._outcome(workflow, context)
                tasks.cancel_scope.cancel()
        except ExceptionGroup as group:
            raise innermost(group) from group
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._writer.flush()
            self._release()
            raise
        with anyio.CancelScope(shield=True):
            await self._writer.flush()
            await anyio.to_thread.run_sync(self._finish, outcome)
        return outcome.status

    async def _outcome(self, workflow: Workflow, context: Context) -> Outcome:
        with self._scope:
            try:
                return await workflow(context)
            except SuspendedError as suspension:
                output = {"reason": suspension.reason, "waiting_for": suspension.waiting_for}
                return Outcome(Status.SUSPENDED, output)
            except (FencedError, StorageError):
                raise
            except LithographError as error:
                return Outcome(Status.FAILED, {"error": str(error)})
        return self._asked or Outcome(Status.SUSPENDED, {"reason": "stopped", "waiting_for": None})

    async def _beat(self) -> None:
        lease = self._worker.lease
        while True:
            await self._worker.clock.sleep(lease.seconds / 3)
            self._worker.beat()
            until = timestamp(self._worker.clock.now() + lease.seconds)
            await self._writer.commit(Write(self._owner, lease_until=until))

    async def _watch(self, tasks: TaskGroup) -> None:
        while True:
            await self._worker.clock.sleep(_WATCH)
            await self._writer.flush()
            self._heeded += await anyio.to_thread.run_sync(self._signals)
            asked = {signal.name for signal in self._heeded}
            if signals.CANCEL in asked:
                self._stop(Outcome(Status.CANCELLED, {"reason": "cancelled by a signal"}))
                return
            if signals.PAUSE in asked and not self._activities.gate.shut:
                self._activities.gate.close()
                tasks.start_soon(self._pause)

    async def _pause(self) -> None:
        await self._activities.gate.idle.wait()
        self._stop(Outcome(Status.SUSPENDED, {"reason": "paused by a signal", "waiting_for": None}))

    def _signals(self) -> list[signals.Signal]:
        with self._worker.storage.read() as connection:
            known = {signal.id for signal in self._heeded}
            return [signal for signal in signals.waiting(connection, self._owner) if signal.id not in known]

    def _stop(self, outcome: Outcome) -> None:
        self._asked = outcome
        self._scope.cancel()

    def _finish(self, outcome: Outcome) -> None:
        now = timestamp(self._worker.clock.now())
        output = dict(outcome.output)
        values = {
            "output": output if outcome.status.terminal else None,
            "error": output.get("error") or output.get("reason"),
            "waiting_for": output.get("waiting_for"),
        }
        with transaction(self._worker.storage, Transaction.FINISH) as connection:
            if not executions.finish(connection, self._owner, outcome.status, now, values=values, payload=output):
                raise fenced(self._owner)
            _reset_running(connection, self._owner)
            if outcome.publish is not None:
                outcome.publish(connection)
            for signal in self._heeded:
                signals.acknowledge(connection, signal, now)

    def _release(self) -> None:
        now = timestamp(self._worker.clock.now())
        with transaction(self._worker.storage, Transaction.FINISH) as connection:
            if executions.release(connection, self._owner, now):
                _reset_running(connection, self._owner)


def _reset_running(connection: "Connection", owner: Owner) -> None:
    """What was in flight runs again some day: it is pending."""
    c = workflow_activity.c
    mine = (c.execution_id == owner.execution_id) & (c.status == ActivityStatus.RUNNING)
    connection.execute(update(workflow_activity).where(mine).values(status=ActivityStatus.PENDING))
