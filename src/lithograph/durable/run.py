"""Run: one worker carries one execution from its claim to its end, or until it must let go of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

import anyio
import anyio.to_thread
from sqlalchemy import select, update

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.activities import Codec, Finished, JournaledActivities
from lithograph.durable.announce import Topic
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.commit import journal
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Lease
from lithograph.durable.group import fenced
from lithograph.durable.journal import JournalWriter
from lithograph.durable.listen import Bell, Listener, looking
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityStatus, Owner, Write
from lithograph.errors import (
    BlockedError,
    BudgetError,
    FencedError,
    LithographError,
    OutageError,
    StorageError,
    innermost,
)
from lithograph.resilience.budget import Budget
from lithograph.resilience.retry import RetryPolicy
from lithograph.storage.columns import json_text
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity
from lithograph.telemetry.observe import Subject, tell_loaded, watch_run

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")

_WATCH = 0.4
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
    outage_patience: float = 900.0
    """Seconds to wait for a provider that is away before an execution is suspended."""
    beat: Callable[[], None] = lambda: None
    """Called with every heartbeat; raises `FencedError` when the process has lost its right to work."""
    writer: JournalWriter | None = None
    """The journal's writer that all runs share, from `journaling`; without it each has its own."""
    budgets: MutableMapping[OrganizationId, Budget] = field(default_factory=WeakValueDictionary)
    """Those of organisations, which all runs share, as long as there are any."""
    listener: Listener | None = None
    """Hears of signals; without it they are looked for again and again."""
    given_back: "Callable[[Connection, Owner], None]" = lambda connection, owner: None  # noqa: ARG005
    """Called in the transaction in which an execution is given back before its end, for others to go on with."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a workflow ended: `publish` writes what has to be there, in the transaction that ends the execution."""

    status: Status
    output: Mapping[str, Any]
    publish: "Callable[[Connection], None] | None" = None


class SuspendedError(Exception):
    """Raised by a workflow that cannot go on for now: `reason` is for people, `waiting_for` names a signal.

    When that signal has come before the execution could be suspended, the workflow is run again instead.
    """

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
        first = partial(signals.first, owner=self.owner, name=name)
        return self.storage.ask(self.owner.organization_id, first)


Workflow = Callable[[Context], Awaitable[Outcome]]


async def claim(
    worker: Worker, organization_id: OrganizationId, execution_id: ExecutionId, *, resume: bool = False
) -> Owner:
    """Claim an execution for a worker, as `executions.claim` does; when this is cancelled, nothing stays claimed."""
    taken: list[Owner] = []

    def take() -> None:
        storage, lease, clock = worker.storage, worker.lease, worker.clock
        taken.append(executions.claim(storage, organization_id, execution_id, lease, clock, resume=resume))

    try:
        await _to_its_end(take)
    except asyncio.CancelledError:
        for owner in taken:
            await _give_back(worker, owner)
        raise
    return taken[0]


async def _to_its_end(work: Callable[[], T]) -> T:
    """Do `work` in a thread, where nobody can stop it: when this is cancelled, it is waited for."""
    doing = asyncio.ensure_future(anyio.to_thread.run_sync(work))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            await asyncio.wait([doing])
        raise


async def run_execution(
    worker: Worker,
    owner: Owner,
    workflow: Workflow,
    *,
    codec: Codec,
    context: str,
    progress: Callable[[], Mapping[str, object]] = dict,
    workflow_type: str = "",
) -> Status:
    """Run a claimed execution and return the status that it was left in.

    `context` is part of every activity's input hash; `workflow_type` is for observers. A `LithographError` of the
    workflow fails the execution. Raises `FencedError` when the execution was lost to somebody else, `StorageError` when
    the database cannot be used; then, and when this is cancelled, the execution is given back, to be continued by
    whoever claims it.
    """
    journaled = partial(
        JournaledActivities,
        owner=owner,
        codec=codec,
        context=context,
        clock=worker.clock,
        chance=worker.chance,
        retry=worker.retry,
        overrides=worker.overrides,
        progress=progress,
    )
    subject = Subject(owner.organization_id, owner.execution_id, workflow_type)
    with watch_run(subject) as watch, journaling(worker) as writer:
        try:
            status, fresh = Status.RUNNING, owner.first
            while status is Status.RUNNING:
                finished, begun = dict[str, Finished](), 0
                if not fresh:
                    finished, begun = await anyio.to_thread.run_sync(_load, worker.storage, owner)
                tell_loaded(subject, len(finished), begun)
                activities = journaled(writer=writer, finished=finished)
                given = Context(owner, activities, writer, worker.storage)
                status = await _Run(worker, owner, activities, writer).carry_out(workflow, given, fresh=fresh)
                fresh = False
        except (StorageError, anyio.get_cancelled_exc_class()):
            with anyio.CancelScope(shield=True), suppress(StorageError):
                await writer.flush()
            await _give_back(worker, owner)
            raise
        watch.end(status)
    return status


@contextmanager
def journaling(worker: Worker) -> Iterator[JournalWriter]:
    """Give the writer that a worker's runs share, or one that ends with this. To be entered on the loop that uses it.

    What several runs write at the same time goes into one transaction.
    """
    if worker.writer is not None:
        yield worker.writer
        return
    with journal(worker.storage, worker.clock) as writer:
        yield writer


@asynccontextmanager
async def together(worker: Worker, organization_id: OrganizationId) -> AsyncIterator[Worker]:
    """Give a worker for runs of one organisation at the same time: they share its writer, and how signals are heard."""
    with journaling(worker) as writer:
        if worker.listener is not None:
            yield replace(worker, writer=writer)
            return
        async with looking(worker.storage, organization_id, worker.clock, _WATCH) as listener:
            yield replace(worker, writer=writer, listener=listener)


def _load(storage: Storage, owner: Owner) -> tuple[dict[str, Finished], int]:
    """Return what is finished, by name, and how many activities were in flight when the run before this one ended."""
    c = workflow_activity.c
    known = (ActivityStatus.COMPLETED, ActivityStatus.RUNNING, ActivityStatus.PENDING)
    query = select(c.activity_name, c.status, c.input_hash, json_text(c.result))
    query = query.where(c.execution_id == owner.execution_id, c.status.in_(known))
    rows = storage.ask(owner.organization_id, lambda connection: connection.execute(query).all())
    done = {name: Finished(key, result) for name, status, key, result in rows if status == ActivityStatus.COMPLETED}
    return done, len(rows) - len(done)


class _Run:
    """One run of one execution: the workflow, and beside it the heartbeat and the watch for signals."""

    def __init__(self, worker: Worker, owner: Owner, activities: JournaledActivities, writer: JournalWriter) -> None:
        self._worker, self._owner, self._activities, self._writer = worker, owner, activities, writer
        self._scope = anyio.CancelScope()
        self._asked: Outcome | None = None
        self._heeded: list[signals.Signal] = []

    async def carry_out(self, workflow: Workflow, context: Context, *, fresh: bool) -> Status:
        """Return what `_finish` does. Unless it is fresh, what was asked of the run before this one counts first."""
        if not fresh:
            await self._look()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._beat)
                tasks.start_soon(self._watch)
                tasks.start_soon(self._drain)
                outcome = await self._outcome(workflow, context)
                tasks.cancel_scope.cancel()
        except ExceptionGroup as group:
            raise innermost(group) from group
        await self._writer.flush()
        return await _to_its_end(partial(self._finish, outcome))

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
            late = True
            while late:  # where the server was away meanwhile, what was said of the lease is out of date
                began = self._worker.clock.now()
                await self._writer.commit(Write(self._owner, lease_until=timestamp(began + lease.seconds)))
                late = self._worker.clock.now() - began > lease.seconds / 3

    async def _watch(self) -> None:
        listener = self._worker.listener
        if listener is None:
            await self._heed(None)
            return
        with listener.bell(self._owner.execution_id, Topic.SIGNALS) as bell:
            if not listener.finds:
                bell.ring()  # for what was asked of whoever had the execution before
            await self._heed(bell)

    async def _heed(self, bell: Bell | None) -> None:
        while self._asked is None:
            await (self._worker.clock.sleep(_WATCH) if bell is None else bell.wait())
            await self._writer.flush()
            await self._look()

    async def _look(self) -> None:
        self._heeded += await anyio.to_thread.run_sync(self._signals)
        asked = {signal.name for signal in self._heeded}
        if signals.CANCEL in asked:
            self._stop(Outcome(Status.CANCELLED, {"reason": "cancelled by a signal"}))
        elif signals.PAUSE in asked:
            self._activities.gate.close()

    async def _drain(self) -> None:
        """Once nothing new may begin, let what is in flight end, and suspend the execution.

        A cancellation meanwhile counts for more, and a pause for more than what is in the way: nothing ends it but a
        person.
        """
        gate = self._activities.gate
        await gate.shut.wait()
        await gate.idle.wait()
        if self._asked is not None:
            return
        paused = any(signal.name == signals.PAUSE for signal in self._heeded)
        blocked = None if paused else gate.blocked
        reason = "paused by a signal" if blocked is None else str(blocked)
        self._stop(Outcome(Status.SUSPENDED, {"reason": reason, "waiting_for": _waits_for(blocked)}))

    def _signals(self) -> list[signals.Signal]:
        waiting = self._worker.storage.ask(self._owner.organization_id, partial(signals.waiting, owner=self._owner))
        known = {signal.id for signal in self._heeded}
        return [signal for signal in waiting if signal.id not in known]

    def _stop(self, outcome: Outcome) -> None:
        self._asked = outcome
        self._scope.cancel()

    def _finish(self, outcome: Outcome) -> Status:
        """Return the status that the execution has now: running, when it is not to be suspended any more."""
        now = timestamp(self._worker.clock.now())
        output = dict(outcome.output)
        values = {
            "output": output if outcome.status.terminal else None,
            "error": output.get("error") or output.get("reason"),
            "waiting_for": output.get("waiting_for"),
        }
        with transaction(self._worker.storage, self._owner.organization_id, Transaction.FINISH) as connection:
            if outcome.status is Status.SUSPENDED and self._goes_on(connection, output.get("waiting_for")):
                return Status.RUNNING
            if not executions.finish(connection, self._owner, outcome.status, now, values=values, payload=output):
                raise fenced(self._owner)
            _reset_running(connection, self._owner)
            if outcome.publish is not None:
                outcome.publish(connection)
            for signal in self._heeded:
                signals.acknowledge(connection, signal, now)
        return outcome.status

    def _goes_on(self, connection: "Connection", awaited: str | None) -> bool:
        """Whether what it was to wait for is there already, or somebody has cancelled it, or has resumed it, while what
        was in flight ended.
        """
        executions.get(connection, self._owner.organization_id, self._owner.execution_id, lock=True)
        open_ones = signals.waiting(connection, self._owner)
        if any(signal.name == signals.CANCEL for signal in open_ones):
            return True
        if awaited is not None:
            return signals.first(connection, self._owner, awaited) is not None
        pauses = [signal for signal in self._heeded if signal.name == signals.PAUSE]
        return bool(pauses) and not any(pause in open_ones for pause in pauses)


def _waits_for(blocked: BlockedError | None) -> str | None:
    kinds = {BudgetError: signals.BUDGET, OutageError: signals.PROVIDER}
    return kinds.get(type(blocked)) if blocked else None


async def _give_back(worker: Worker, owner: Owner) -> None:
    """Do what `_release` does, whoever cancels this; the loop does not wait for a server that is away."""
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(_release, worker, owner)


def _release(worker: Worker, owner: Owner) -> None:
    """Give an execution back; where not even that can be written, its lease runs out."""
    now = timestamp(worker.clock.now())
    with suppress(StorageError), transaction(worker.storage, owner.organization_id, Transaction.FINISH) as connection:
        if executions.release(connection, owner, now):
            _reset_running(connection, owner)
            worker.given_back(connection, owner)


def _reset_running(connection: "Connection", owner: Owner) -> None:
    """What was in flight runs again some day: it is pending."""
    c = workflow_activity.c
    mine = (c.execution_id == owner.execution_id) & (c.status == ActivityStatus.RUNNING)
    connection.execute(update(workflow_activity).where(mine).values(status=ActivityStatus.PENDING))
