from dataclasses import dataclass, field
from threading import Thread
from time import monotonic

import anyio
import anyio.lowlevel
import pytest
from tests.journals import (
    ORGANIZATION,
    AtCrashPoints,
    Steps,
    activities,
    events,
    kinds,
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
from lithograph.durable.run import Context, Outcome, SuspendedError
from lithograph.durable.signals import CANCEL, PAUSE, send
from lithograph.durable.status import Status
from lithograph.durable.writes import EventRow, Write
from lithograph.errors import AnswerError, BudgetError, LithographError, OutageError, StateError
from lithograph.storage.open import Storage

CLOCK = SystemClock()


def signal(storage: Storage, execution: ExecutionId, name: str, payload: object = None) -> None:
    send(storage, ORGANIZATION, execution, name, CLOCK, payload=payload)


def acknowledged(storage: Storage) -> list[bool]:
    with storage.read(ORGANIZATION) as connection:
        return [bool(found) for (found,) in connection.exec_driver_sql("SELECT acknowledged FROM workflow_signal")]


async def test_a_workflow_completes_with_its_output(storage: Storage) -> None:
    execution, steps = started(storage, CLOCK).id, Steps("a", "b")
    assert await run(worker(storage), execution, steps) is Status.COMPLETED
    found = seen(storage, execution)
    assert (found.status, found.output, found.error) == (Status.COMPLETED, {"done": ["A", "B"]}, None)
    assert (found.lease_owner, found.lease_expires_at, found.last_activity_name) == (None, None, "step/b")
    assert activities(storage, execution) == {"step/a": "completed", "step/b": "completed"}
    told = ["execution.started", "activity.completed", "activity.completed", "execution.completed"]
    assert kinds(storage, execution) == told


async def test_a_workflow_fails_with_its_error_and_keeps_what_is_finished(storage: Storage) -> None:
    async def nonsense() -> None:
        raise AnswerError("nonsense")

    execution = started(storage, CLOCK).id
    assert await run(worker(storage), execution, Steps("a", "b", "c", b=nonsense)) is Status.FAILED
    assert seen(storage, execution).error == "nonsense"
    assert activities(storage, execution) == {"step/a": "completed", "step/b": "failed"}

    executions.change(storage, ORGANIZATION, execution, Status.PENDING, CLOCK)
    again = Steps("a", "b", "c")
    assert await run(worker(storage), execution, again) is Status.COMPLETED
    assert again.ran == ["b", "c"]


async def test_what_is_published_is_there_when_the_execution_has_ended_or_not_at_all(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def unpublishable(context: Context) -> Outcome:
        def publish(connection: object) -> None:
            raise ZeroDivisionError

        return Outcome(Status.COMPLETED, {}, publish)

    with pytest.raises(ZeroDivisionError):
        await run(worker(storage), execution, unpublishable)
    assert seen(storage, execution).status is Status.RUNNING
    assert kinds(storage, execution) == ["execution.started"]


async def test_what_rides_along_is_written_before_the_end(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def workflow(context: Context) -> Outcome:
        context.writer.later("mark", Write(context.owner, events=(EventRow("stage.completed", "{}"),)))
        return Outcome(Status.COMPLETED, {})

    await run(worker(storage), execution, workflow)
    assert kinds(storage, execution) == ["execution.started", "stage.completed", "execution.completed"]


async def test_a_cancelled_execution_ends_within_a_second_in_the_middle_of_an_activity(storage: Storage) -> None:
    execution, steps = started(storage, CLOCK).id, Steps("a", "b", "c", b=anyio.sleep_forever)
    left: list[Status] = []

    async def work() -> None:
        left.append(await run(worker(storage), execution, steps))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        await until(lambda: steps.ran == ["a", "b"])
        began = monotonic()
        signal(storage, execution, CANCEL)
        await until(lambda: bool(left))
    assert monotonic() - began < 1
    assert left == [Status.CANCELLED]
    assert seen(storage, execution).status is Status.CANCELLED
    assert activities(storage, execution) == {"step/a": "completed", "step/b": "pending"}
    assert acknowledged(storage) == [True]


async def test_a_paused_execution_finishes_what_is_in_flight_and_goes_on_when_it_is_resumed(storage: Storage) -> None:
    execution, at = started(storage, CLOCK).id, worker(storage)
    for _ in range(2):
        signal(storage, execution, PAUSE)
    steps = Steps("a", "b", "c", b=lambda: until(lambda: steps.shut))

    assert await run(at, execution, steps) is Status.SUSPENDED
    assert steps.ran == ["a", "b"]
    assert activities(storage, execution) == {"step/a": "completed", "step/b": "completed"}
    found = seen(storage, execution)
    assert (found.status, found.waiting_for, found.lease_owner) == (Status.SUSPENDED, None, None)
    assert acknowledged(storage) == [True, True]

    with pytest.raises(StateError, match="suspended"):
        await run(at, execution, steps)
    again = Steps("a", "b", "c")
    assert await run(at, execution, again, resume=True) is Status.COMPLETED
    assert again.ran == ["c"]
    assert seen(storage, execution).output == {"done": ["A", "B", "C"]}


async def test_a_cancellation_does_not_wait_for_what_a_pause_waits_for(storage: Storage) -> None:
    execution = started(storage, CLOCK).id
    signal(storage, execution, PAUSE)

    async def stuck() -> None:
        await until(lambda: steps.shut)
        signal(storage, execution, CANCEL)
        await anyio.sleep_forever()

    steps = Steps("a", a=stuck)
    with anyio.fail_after(5):
        assert await run(worker(storage), execution, steps) is Status.CANCELLED
    assert acknowledged(storage) == [True, True]


async def test_an_execution_waits_for_a_signal_over_a_restart_and_gets_its_payload(storage: Storage) -> None:
    steps = Steps("a")

    async def reviewed(context: Context) -> Outcome:
        await steps(context)
        payload = await context.wait_for_signal("review")
        assert await context.wait_for_signal("review") == payload
        return Outcome(Status.COMPLETED, {"review": payload})

    execution = started(storage, CLOCK).id
    assert await run(worker(storage), execution, reviewed) is Status.SUSPENDED
    assert seen(storage, execution).waiting_for == "review"
    assert events(storage, execution)[-1].payload["waiting_for"] == "review"

    after = other(worker(storage), "w2")
    assert await run(after, execution, reviewed, resume=True) is Status.SUSPENDED
    signal(storage, execution, "review", {"accept": [1, 2]})
    signal(storage, execution, "review", "too late")
    assert await run(after, execution, reviewed, resume=True) is Status.COMPLETED
    found = seen(storage, execution)
    assert (found.output, found.waiting_for) == ({"review": {"accept": [1, 2]}}, None)
    assert steps.ran == ["a"]


async def test_a_cancellation_counts_though_what_a_pause_waited_for_ends_with_it(storage: Storage) -> None:
    execution = started(storage, CLOCK).id
    signal(storage, execution, PAUSE)

    async def workflow(context: Context) -> Outcome:
        async def stuck(name: str) -> str:
            try:
                await context.activities.gate.shut.wait()
                signal(storage, execution, CANCEL)
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):  # as whoever has to close a connection first
                    for _ in range(3):
                        await anyio.lowlevel.checkpoint()
            return name

        async with anyio.create_task_group() as tasks:
            for name in ("a", "b"):
                tasks.start_soon(context.activities.run, f"step/{name}", stuck, name)
        return Outcome(Status.COMPLETED, {})

    with anyio.fail_after(5):
        assert await run(worker(storage), execution, workflow) is Status.CANCELLED
    assert seen(storage, execution).error == "cancelled by a signal"


class Quick(SystemClock):
    """Counts how often somebody waits for the next look at the signals, and does not let them wait long."""

    looks = 0

    async def sleep(self, seconds: float) -> None:
        self.looks += seconds < 1
        await anyio.sleep(0.001)


@dataclass
class Together:
    """A workflow of three steps at once. With an error, it is the second one's, and the others end after it."""

    error: LithographError | None = None
    ran: list[str] = field(default_factory=list)

    async def __call__(self, context: Context) -> Outcome:
        gate = context.activities.gate

        async def step(name: str) -> str:
            self.ran.append(name)
            if self.error is not None and name == "b":
                await until(lambda: len(self.ran) == 3)
                raise self.error
            if self.error is not None:
                await gate.shut.wait()
            return name.upper()

        async with anyio.create_task_group() as tasks:
            for name in ("a", "b", "c"):
                tasks.start_soon(context.activities.run, f"step/{name}", step, name)
        return Outcome(Status.COMPLETED, {})


@pytest.mark.parametrize(
    ("error", "waiting_for"),
    [(BudgetError("the budget is spent"), "budget"), (OutageError("the provider is away"), "provider")],
)
async def test_what_blocks_an_activity_suspends_the_execution_once_the_others_are_journaled(
    storage: Storage, error: LithographError, waiting_for: str
) -> None:
    execution, steps = started(storage, CLOCK).id, Together(error)
    with anyio.fail_after(5):
        assert await run(worker(storage), execution, steps) is Status.SUSPENDED
    found = seen(storage, execution)
    assert (found.status, found.waiting_for, found.error) == (Status.SUSPENDED, waiting_for, str(error))
    assert activities(storage, execution) == {"step/a": "completed", "step/b": "pending", "step/c": "completed"}
    assert events(storage, execution)[-1].payload == {"reason": str(error), "waiting_for": waiting_for}

    again = Together()
    assert await run(worker(storage), execution, again, resume=True) is Status.COMPLETED
    assert again.ran == ["b"]


@pytest.mark.parametrize("first", ["pause", "outage"])
async def test_who_paused_an_execution_is_not_overruled_by_an_outage_that_ends_by_itself(
    storage: Storage, first: str
) -> None:
    execution, clock = started(storage, CLOCK).id, Quick()

    async def workflow(context: Context) -> Outcome:
        gate = context.activities.gate

        async def away(name: str) -> str:
            await until(lambda: gate.in_flight == 2)
            if first == "pause":
                signal(storage, execution, PAUSE)
                await gate.shut.wait()
            raise OutageError("the provider is away")

        async def other(name: str) -> str:
            await gate.shut.wait()
            if first == "outage":
                signal(storage, execution, PAUSE)
                looks = clock.looks
                await until(lambda: clock.looks >= looks + 2)
            return name

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(context.activities.run, "step/a", away, "a")
            tasks.start_soon(context.activities.run, "step/b", other, "b")
        return Outcome(Status.COMPLETED, {})

    with anyio.fail_after(5):
        assert await run(worker(storage, clock=clock), execution, workflow) is Status.SUSPENDED
    found = seen(storage, execution)
    assert (found.waiting_for, found.error) == (None, "paused by a signal")
    assert acknowledged(storage) == [True]


async def test_a_signal_that_comes_before_it_is_suspended_is_not_waited_for(storage: Storage) -> None:
    execution, steps = started(storage, CLOCK).id, Steps("a", "b")

    async def reviewed(context: Context) -> Outcome:
        await steps(context)
        try:
            payload = await context.wait_for_signal("review")
        except SuspendedError:
            signal(storage, execution, "review", "yes")
            raise
        return Outcome(Status.COMPLETED, {"review": payload})

    assert await run(worker(storage), execution, reviewed) is Status.COMPLETED
    found = seen(storage, execution)
    assert (found.output, found.waiting_for, found.epoch) == ({"review": "yes"}, None, 1)
    assert steps.ran == ["a", "b"]
    told = ["execution.started", "activity.completed", "activity.completed", "execution.completed"]
    assert kinds(storage, execution) == told


@pytest.mark.parametrize("name", ["review", "something else"])
@pytest.mark.parametrize("moment", list(Moment))
async def test_whenever_a_signal_comes_only_one_that_came_too_late_is_left_for_a_resumption(
    storage: Storage, at_crash_points: AtCrashPoints, moment: Moment, name: str
) -> None:
    """Sent from another connection at the last moment before, in the middle of, and right after the suspension."""
    execution = started(storage, CLOCK).id
    sending: list[Thread] = []

    def send_once(point: str) -> None:
        if point == f"{Transaction.FINISH}.{moment}" and not sending:
            sending.append(Thread(target=signal, args=(storage, execution, name)))
            sending[0].start()
            if moment is not Moment.INSIDE:  # there the sender has to wait for the end of the transaction
                sending[0].join()

    async def reviewed(context: Context) -> Outcome:
        await context.wait_for_signal("review")
        return Outcome(Status.COMPLETED, {})

    at_crash_points(send_once)
    status = await run(worker(storage), execution, reviewed)
    sending[0].join()
    in_time = moment is Moment.BEFORE and name == "review"
    assert status is (Status.COMPLETED if in_time else Status.SUSPENDED)
    assert seen(storage, execution).status is status
    if not in_time:
        expected = Status.COMPLETED if name == "review" else Status.SUSPENDED
        assert await run(worker(storage), execution, reviewed, resume=True) is expected


async def test_a_pause_is_heeded_though_what_was_waited_for_has_come(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def reviewed(context: Context) -> Outcome:
        try:
            await context.wait_for_signal("review")
        except SuspendedError:
            signal(storage, execution, PAUSE)
            signal(storage, execution, "review")
            raise
        await anyio.sleep_forever()
        return Outcome(Status.COMPLETED, {})

    with anyio.fail_after(5):
        assert await run(worker(storage), execution, reviewed) is Status.SUSPENDED
    assert seen(storage, execution).error == "paused by a signal"


async def test_a_workflow_may_suspend_itself_and_say_why(storage: Storage) -> None:
    execution = started(storage, CLOCK).id

    async def poor(context: Context) -> Outcome:
        raise SuspendedError("the budget is used up")

    assert await run(worker(storage), execution, poor) is Status.SUSPENDED
    assert seen(storage, execution).error == "the budget is used up"
