import asyncio
import random
from dataclasses import replace

import anyio
import pytest
from tests.journals import ORGANIZATION, Steps, activities, count, kinds, new, run, seen, started, until, worker

from lithograph.durable import executions
from lithograph.durable.clock import SystemClock
from lithograph.durable.executions import Lease
from lithograph.durable.run import Context, Outcome, Worker
from lithograph.durable.status import Status
from lithograph.errors import FencedError
from lithograph.storage.open import Storage
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


async def test_runs_leave_no_connection_in_use(storage: Storage) -> None:
    for key in range(30):
        execution = started(storage, CLOCK, new(str(key))).id
        await run(worker(storage), execution, Steps("a"))
    assert storage.engine.pool.status().endswith("Current Checked out connections: 0")
