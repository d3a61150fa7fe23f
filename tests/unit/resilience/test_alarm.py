import math
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from tests.clocks import VirtualClock, settle

from lithograph.resilience.alarm import Alarm


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(0.0)


@pytest.mark.parametrize("seconds", [math.inf, 30.0])
async def test_an_alarm_wakes_when_it_is_rung(clock: VirtualClock, seconds: float) -> None:
    alarm, woken = Alarm(), list[float]()

    async def sleep() -> None:
        await alarm.wait(seconds, clock.sleep)
        woken.append(clock.now())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleep)
        await clock.advance(29)
        assert woken == []
        alarm.ring()
        alarm.ring()
    assert woken == [29.0]
    assert clock.sleeping == 0


async def test_an_alarm_wakes_at_its_time(clock: VirtualClock) -> None:
    alarm = Alarm()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(alarm.wait, 30.0, clock.sleep)
        await clock.advance(30)
    alarm.ring()


@pytest.mark.parametrize("seconds", [math.inf, 30.0])
async def test_whoever_was_rung_before_does_not_fall_asleep(clock: VirtualClock, seconds: float) -> None:
    alarm = Alarm()
    alarm.ring()
    await alarm.wait(seconds, clock.sleep)
    assert clock.now() == 0.0


async def test_tasks_wake_in_the_order_in_which_they_are_rung_for(clock: VirtualClock) -> None:
    alarms, woken = [Alarm() for _ in range(6)], list[int]()

    async def sleep(number: int) -> None:
        await alarms[number].wait(30.0 if number % 2 else math.inf, clock.sleep)
        woken.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(6):
            tasks.start_soon(partial(sleep, number))
        await settle()
        for number in (3, 0, 5, 4, 1, 2):
            alarms[number].ring()
    assert woken == [3, 0, 5, 4, 1, 2]


@pytest.mark.parametrize("seconds", [math.inf, 30.0])
async def test_cancellation_is_not_taken_for_an_alarm(clock: VirtualClock, seconds: float) -> None:
    alarm = Alarm()
    async with anyio.create_task_group() as tasks:

        async def sleep() -> None:
            await alarm.wait(seconds, clock.sleep)
            await anyio.lowlevel.checkpoint()
            pytest.fail("it was cancelled")

        tasks.start_soon(sleep)
        await settle()
        alarm.ring()
        tasks.cancel_scope.cancel()
    assert clock.sleeping == 0
