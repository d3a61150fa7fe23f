"""What is asked of an execution at an awkward moment: before its run has begun, or while it is being suspended."""

from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
from tests.journals import ORGANIZATION, Steps, kinds, other, run, seen, started, until, worker

from lithograph.domain.ids import ExecutionId
from lithograph.durable import signals
from lithograph.durable.announce import Topic
from lithograph.durable.clock import SystemClock
from lithograph.durable.executions import claim
from lithograph.durable.listen import Listener, listening
from lithograph.durable.run import Context, Outcome, SuspendedError
from lithograph.durable.signals import CANCEL, PAUSE, send
from lithograph.durable.status import Status
from lithograph.storage.open import Storage

CLOCK = SystemClock()
NEVER = 1_000.0
"""Seconds between two looks of somebody who has to be told."""
ASKED = [(CANCEL, Status.CANCELLED), (PAUSE, Status.SUSPENDED)]


def signal(storage: Storage, execution: ExecutionId, name: str) -> None:
    send(storage, ORGANIZATION, execution, name, CLOCK)


async def hears(listener: Listener) -> None:
    await until(lambda: listener.hears)


@pytest.mark.parametrize(("name", "status"), ASKED)
async def test_what_was_asked_before_a_run_is_heeded_though_nobody_tells_of_it(
    storage: Storage, name: str, status: Status
) -> None:
    async def first() -> None:
        if name == CANCEL:
            await anyio.sleep_forever()
        else:
            await until(lambda: steps.shut)

    execution, steps = started(storage, CLOCK).id, Steps("a", "b", a=first)
    with anyio.fail_after(20):
        async with listening(storage, NEVER, NEVER) as listener:
            await hears(listener)
            with listener.bell(execution, Topic.SIGNALS) as bell:
                signal(storage, execution, name)
                await bell.wait()
            assert await run(replace(worker(storage), listener=listener), execution, steps) is status
    assert "b" not in steps.ran


@pytest.mark.parametrize(("name", "status"), ASKED)
async def test_what_was_asked_of_a_worker_that_died_comes_before_any_work(
    storage: Storage, name: str, status: Status
) -> None:
    execution, at, calls = started(storage, CLOCK).id, worker(storage), list[str]()

    async def call() -> None:
        await anyio.lowlevel.checkpoint()
        calls.append("a")

    steps = Steps("a", a=call)
    claim(storage, ORGANIZATION, execution, at.lease, CLOCK)
    signal(storage, execution, name)
    assert await run(other(at, "next"), execution, steps) is status
    assert calls == []


async def test_a_cancellation_while_the_last_work_before_a_pause_ends_is_heeded(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def first() -> None:
        signal(storage, execution, PAUSE)
        await until(lambda: steps.shut)
        signal(storage, execution, CANCEL)

    steps = Steps("a", "b", a=first)
    assert await run(worker(storage), execution, steps) is Status.CANCELLED
    assert (steps.ran, seen(storage, execution).status) == (["a"], Status.CANCELLED)
    assert kinds(storage, execution)[-1] == "execution.cancelled"


async def test_a_cancellation_while_a_workflow_suspends_itself_is_heeded(storage: Storage) -> None:
    execution = started(storage, CLOCK).id
    runs: list[str] = []

    async def poor(context: Context) -> Outcome:
        runs.append("begun")
        await anyio.lowlevel.checkpoint()
        runs.append("suspended")
        signal(storage, execution, CANCEL)
        raise SuspendedError("the budget is used up", signals.BUDGET)

    assert await run(worker(storage), execution, poor) is Status.CANCELLED
    assert runs == ["begun", "suspended", "begun"]


async def test_who_resumes_while_the_last_work_before_a_pause_ends_is_heeded(storage: Storage) -> None:
    execution = started(storage, CLOCK)

    async def first() -> None:
        signal(storage, execution.id, PAUSE)
        await until(lambda: steps.shut)
        signals.withdraw(storage, execution, (PAUSE,), CLOCK)

    steps = Steps("a", "b", a=first)
    assert await run(worker(storage), execution.id, steps) is Status.COMPLETED
    assert steps.ran == ["a", "b"]


async def test_who_pauses_again_after_that_is_heeded_too(storage: Storage) -> None:
    execution = started(storage, CLOCK)

    async def first() -> None:
        signal(storage, execution.id, PAUSE)
        await until(lambda: steps.shut)
        signals.withdraw(storage, execution, (PAUSE,), CLOCK)
        signal(storage, execution.id, PAUSE)

    steps = Steps("a", "b", a=first)
    assert await run(worker(storage), execution.id, steps) is Status.SUSPENDED
    assert (steps.ran, seen(storage, execution.id).error) == (["a"], "paused by a signal")
