import asyncio
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.journals import (
    ORGANIZATION,
    AtCrashPoints,
    Steps,
    activities,
    claimed,
    count,
    kinds,
    new,
    other,
    run,
    seen,
    started,
    until,
    worker,
)

from lithograph.domain.ids import ExecutionId
from lithograph.durable import executions
from lithograph.durable.clock import SystemClock
from lithograph.durable.crashpoints import Moment, Transaction
from lithograph.durable.executions import POISON_LIMIT, Lease
from lithograph.durable.run import Context, Outcome, Worker, claim
from lithograph.durable.status import Status
from lithograph.errors import FencedError, StorageError
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import workflow_activity, workflow_event

CLOCK = SystemClock()


async def test_a_worker_that_lost_its_epoch_stops_and_writes_nothing(storage: Storage) -> None:
    execution = started(storage, CLOCK).id
    written: list[int] = []

    async def taken() -> None:
        executions.claim(storage, ORGANIZATION, execution, Lease("w2", sole=True), CLOCK)
        written.append(count(storage, workflow_event) + count(storage, workflow_activity))

    steps = Steps("a", "b", "c", b=taken)
    with pytest.raises(FencedError, match="no longer this worker's"):
        await run(worker(storage), execution, steps)
    assert steps.ran == ["a", "b"]
    assert [count(storage, workflow_event) + count(storage, workflow_activity)] == written
    found = seen(storage, execution)
    assert (found.status, found.lease_owner, found.epoch) == (Status.RUNNING, "w2", 2)


async def test_a_worker_whose_execution_was_cancelled_from_outside_does_not_finish_it(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def workflow(context: Context) -> Outcome:
        executions.change(storage, ORGANIZATION, execution, Status.CANCELLED, CLOCK)
        return Outcome(Status.COMPLETED, {})

    with pytest.raises(FencedError):
        await run(worker(storage), execution, workflow)
    assert seen(storage, execution).status is Status.CANCELLED


async def test_a_heartbeat_notices_a_lost_epoch_in_the_middle_of_an_activity(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def taken() -> None:
        executions.claim(storage, ORGANIZATION, execution, Lease("w2", sole=True), CLOCK)
        await anyio.sleep_forever()

    beats: list[float] = []
    at = replace(worker(storage, lease=Lease("w1", seconds=0.3)), beat=lambda: beats.append(CLOCK.now()))
    with anyio.fail_after(5), pytest.raises(FencedError):
        await run(at, execution, Steps("a", a=taken))
    assert beats


async def test_heartbeats_keep_the_lease(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def outlive() -> None:
        first = seen(storage, execution).lease_expires_at
        await until(lambda: (seen(storage, execution).lease_expires_at or "") > (first or ""))

    at = worker(storage, lease=Lease("w1", seconds=0.6))
    assert await run(at, execution, Steps("a", a=outlive)) is Status.COMPLETED


@pytest.mark.parametrize("by_the_loop", [False, True])
async def test_a_run_that_is_cancelled_releases_the_execution_and_the_next_claim_is_no_recovery(
    storage: Storage, by_the_loop: bool
) -> None:
    execution, steps = started(storage, CLOCK).id, Steps("a", "b", b=anyio.sleep_forever)
    if by_the_loop:
        task = asyncio.create_task(run(worker(storage), execution, steps))
        await until(lambda: steps.ran == ["a", "b"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, worker(storage), execution, steps)
            await until(lambda: steps.ran == ["a", "b"])
            tasks.cancel_scope.cancel()
    found = seen(storage, execution)
    assert (found.status, found.lease_owner, found.lease_expires_at) == (Status.RUNNING, None, None)
    assert activities(storage, execution) == {"step/a": "completed", "step/b": "pending"}

    again = Steps("a", "b")
    assert await run(Worker(storage, CLOCK, random.Random(0), Lease("w2")), execution, again) is Status.COMPLETED
    assert again.ran == ["b"]
    assert seen(storage, execution).recovery_count == 0
    assert "execution.recovered" not in kinds(storage, execution)


class Busy:
    """Another process that holds the database's only write lock for longer than anybody waits."""

    def __init__(self, storage: Storage) -> None:
        self._connection = sqlite3.connect(str(storage.path), isolation_level=None, check_same_thread=False)

    async def begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Storage]:
    with open_storage(f"sqlite:///{tmp_path}/graph.db", busy_timeout=0.0) as opened:
        yield opened


@pytest.fixture
def busy(impatient: Storage) -> Iterator[Busy]:
    process = Busy(impatient)
    yield process
    process.end()


async def test_a_run_that_the_database_ended_is_given_back_and_no_number_of_them_is_poison(
    impatient: Storage, busy: Busy, at_crash_points: AtCrashPoints
) -> None:
    execution = started(impatient, CLOCK).id
    at_crash_points(lambda point: busy.end() if point == f"{Transaction.FINISH}.{Moment.BEFORE}" else None)
    for _ in range(POISON_LIMIT + 2):
        with pytest.raises(StorageError, match="locked by another process"):
            await run(worker(impatient), execution, Steps("a", "b", b=busy.begin))
        found = seen(impatient, execution)
        assert (found.status, found.lease_owner, found.lease_expires_at) == (Status.RUNNING, None, None)
        assert activities(impatient, execution) == {"step/a": "completed"}

    again = Steps("a", "b")
    assert await run(worker(impatient), execution, again) is Status.COMPLETED
    assert again.ran == ["b"]
    assert seen(impatient, execution).recovery_count == 0
    assert "execution.recovered" not in kinds(impatient, execution)


async def test_a_run_that_cannot_even_be_given_back_says_why_it_ended_and_is_recovered(
    impatient: Storage, busy: Busy
) -> None:
    execution = started(impatient, CLOCK).id
    with pytest.raises(StorageError, match="locked by another process"):
        await run(worker(impatient), execution, Steps("a", a=busy.begin))
    assert seen(impatient, execution).lease_owner == "w1"
    busy.end()
    assert await run(other(worker(impatient), "w2"), execution, Steps("a")) is Status.COMPLETED
    assert seen(impatient, execution).recovery_count == 1


@pytest.mark.parametrize("by_the_loop", [False, True])
@pytest.mark.parametrize("moment", list(Moment))
async def test_a_claim_that_is_cancelled_is_given_back(
    storage: Storage, at_crash_points: AtCrashPoints, moment: Moment, by_the_loop: bool
) -> None:
    execution = started(storage, CLOCK).id
    loop = asyncio.get_running_loop()
    scope = anyio.CancelScope()

    async def claiming() -> None:
        with scope:
            await claim(worker(storage), ORGANIZATION, execution)

    task = asyncio.create_task(claiming())
    cancel = task.cancel if by_the_loop else scope.cancel

    def cancel_there(point: str) -> None:
        if point == f"{Transaction.CLAIM}.{moment}":
            loop.call_soon_threadsafe(cancel)

    at_crash_points(cancel_there)
    await asyncio.wait([task])
    assert task.cancelled() is by_the_loop
    assert scope.cancelled_caught is not by_the_loop
    found = seen(storage, execution)
    assert (found.status, found.lease_owner, found.epoch) == (Status.RUNNING, None, 1)
    assert await run(worker(storage), execution, Steps("a")) is Status.COMPLETED
    assert seen(storage, execution).recovery_count == 0


async def test_a_claim_that_is_refused_after_it_was_cancelled_is_a_cancellation(
    storage: Storage, at_crash_points: AtCrashPoints
) -> None:
    held = claimed(storage, CLOCK)
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(claim(worker(storage, lease=Lease("w2")), ORGANIZATION, ExecutionId(held.execution_id)))

    def cancel(point: str) -> None:
        loop.call_soon_threadsafe(task.cancel)

    at_crash_points(cancel)
    await asyncio.wait([task])
    assert task.cancelled()
    assert seen(storage, held.execution_id).lease_owner == "w1"


async def test_runs_leave_no_connection_in_use(storage: Storage) -> None:
    for key in range(30):
        execution = started(storage, CLOCK, new(str(key))).id
        await run(worker(storage), execution, Steps("a"))
    assert storage.engine.pool.status().endswith("Current Checked out connections: 0")
