import asyncio
import math

import anyio
import pytest
from tests.clocks import VirtualClock, settle
from tests.limited import DEADLINE, Calls, limits

from lithograph.errors import UsageError


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(0.0)


async def test_of_twenty_calls_with_five_permits_five_run_and_fifteen_wait_in_order(clock: VirtualClock) -> None:
    limiter = limits(clock)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(*[100] * 20)
        assert (limiter.running, limiter.queued) == (5, 15)
        for number in range(20):
            await calls.end(number)
            assert limiter.running == min(5, 19 - number)
            assert limiter.queued == max(0, 14 - number)
        assert calls.began == list(range(20))
    assert limiter.granted == 20


async def test_calls_that_end_in_any_order_let_the_others_go_in_theirs(clock: VirtualClock) -> None:
    limiter = limits(clock, 3)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(*[100] * 7)
        await calls.end(2, 0)
        assert calls.began == [0, 1, 2, 3, 4]
        await calls.end(4, 3, 1)
        assert calls.began == [0, 1, 2, 3, 4, 5, 6]
        await calls.end(5, 6)


async def test_nobody_passes_those_who_wait(clock: VirtualClock) -> None:
    """A permit is handed over when it is given back, before anybody who comes then can ask for it."""
    limiter = limits(clock, 1)
    order: list[str] = []

    async def call(name: str) -> None:
        with await limiter.acquire(1):
            order.append(name)

    async with anyio.create_task_group() as tasks:
        with await limiter.acquire(1):
            tasks.start_soon(call, "first")
            await settle()
        with await limiter.acquire(1):
            order.append("late")
    assert order == ["first", "late"]


async def test_calls_that_could_begin_together_are_spread_in_their_order(clock: VirtualClock) -> None:
    limiter = limits(clock, 3, spacing=0.5)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1, 1, 1, 1)
        await clock.advance(0.25)
        calls.cancel(1)
        await clock.advance(2)
        assert calls.times == [(0, 0.0), (2, 0.5), (3, 1.0)]
        await calls.add(1)
        await calls.end(0)
        assert calls.times[3:] == [(4, 2.25)]  # long after the one before, nobody waits
        calls.cancel_all()
    assert (limiter.running, limiter.queued, clock.sleeping) == (0, 0, 0)


async def test_requests_of_a_minute_stay_within_the_limit(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, requests=3)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1)
        await clock.advance(10)
        await calls.add(1, 1, 1, 1)
        await clock.advance(200)
        assert calls.times == [(0, 0.0), (1, 10.0), (2, 10.0), (3, 60.0), (4, 70.0)]
        calls.cancel_all()


async def test_tokens_of_a_minute_stay_within_the_limit(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, tokens=1000)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(600)
        await clock.advance(1)
        await calls.add(400, 1, 600, 399)
        await clock.advance(200)
        assert calls.times == [(0, 0.0), (1, 1.0), (2, 60.0), (3, 61.0), (4, 61.0)]
        calls.cancel_all()


async def test_giving_a_permit_back_frees_the_slot_and_not_the_minute(clock: VirtualClock) -> None:
    limiter = limits(clock, 1, requests=2)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1, 1, 1)
        await calls.end(0, 1)
        assert (limiter.running, limiter.queued) == (0, 1)
        await clock.advance(60)
        assert calls.times == [(0, 0.0), (1, 0.0), (2, 60.0)]
        await calls.end(2)


async def test_a_large_request_is_not_starved_by_small_ones(clock: VirtualClock) -> None:
    limiter = limits(clock, 50, tokens=1000)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(500, 900)
        for _ in range(20):
            await calls.add(10)
            await clock.advance(2)
        assert calls.began == [0]
        await clock.advance(20)
        assert calls.times[1] == (1, 60.0)
        assert calls.began[:12] == list(range(12))
        calls.cancel_all()


async def test_a_request_above_the_limit_has_a_minute_for_itself(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, tokens=1000)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1, 50_000, 1)
        await clock.advance(200)
        assert calls.times == [(0, 0.0), (1, 60.0), (2, 120.0)]
        calls.cancel_all()


async def test_settling_lower_lets_those_who_wait_go_at_once(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, tokens=1000)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1000, 600, 300)
        await clock.advance(5)
        calls.permits[0].settle(400)
        await settle()
        assert calls.times == [(0, 0.0), (1, 5.0)]
        calls.permits[0].settle(100)
        await settle()
        assert calls.times == [(0, 0.0), (1, 5.0), (2, 5.0)]
        calls.cancel_all()


async def test_settling_lower_brings_the_time_of_the_first_forward(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, tokens=1000)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(100)
        await clock.advance(10)
        await calls.add(900, 500)
        await clock.advance(10)
        calls.permits[1].settle(500)
        await clock.advance(40)
        assert calls.times == [(0, 0.0), (1, 10.0), (2, 60.0)]
        calls.cancel_all()


async def test_settling_higher_keeps_the_others_back(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, tokens=1000)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(500)
        await clock.advance(20)
        await calls.add(500, 100)
        calls.permits[1].settle(2000)
        await clock.advance(59)
        assert calls.began == [0, 1]
        await clock.advance(1)
        assert calls.times[2] == (2, 80.0)
        calls.cancel_all()


async def test_a_withdrawn_permit_gives_everything_back(clock: VirtualClock) -> None:
    limiter = limits(clock, 1, requests=1, tokens=100)
    with await limiter.acquire(100) as permit:
        permit.withdraw()
    with anyio.fail_after(DEADLINE):
        again = await limiter.acquire(100)
    again.release()
    assert (clock.time, limiter.running) == (0.0, 0)


async def test_a_permit_frees_its_slot_once(clock: VirtualClock) -> None:
    limiter = limits(clock, 5)
    with await limiter.acquire(1), await limiter.acquire(1) as permit:
        for _ in range(3):
            permit.release()
            permit.withdraw()
        assert limiter.running == 1
    assert limiter.running == 0


async def test_cancellation_while_waiting_leaks_neither_a_permit_nor_a_place(clock: VirtualClock) -> None:
    limiter = limits(clock, 2, requests=100)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(*[1] * 10)
        calls.cancel(2, 3, 5, 9)
        await settle()
        assert (limiter.running, limiter.queued) == (2, 4)
        await calls.end(0, 1, 4, 6, 7, 8)
    assert calls.began == [0, 1, 4, 6, 7, 8]
    assert (limiter.running, limiter.queued, limiter.granted) == (0, 0, 6)


async def test_when_the_first_gives_up_waiting_for_room_the_next_goes_as_soon_as_it_may(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, tokens=100)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(50)
        await clock.advance(10)
        await calls.add(40, 90, 50, 10, 10)
        calls.cancel(2)
        await clock.advance(20)
        assert calls.began == [0, 1]
        calls.cancel(3)
        await settle()
        assert calls.times == [(0, 0.0), (1, 10.0), (4, 30.0)]
        await clock.advance(30)
        assert calls.times[3:] == [(5, 60.0)]
        calls.cancel_all()
    assert clock.sleeping == 0


async def test_cancellation_after_the_grant_and_before_the_caller_resumes_gives_the_permit_back(
    clock: VirtualClock,
) -> None:
    limiter = limits(clock, 1, requests=2, tokens=100)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        with await limiter.acquire(50):
            await calls.add(50, 50)
        assert (limiter.running, limiter.queued, limiter.granted) == (1, 1, 2)
        calls.cancel(0)
        await settle()
        assert calls.times == [(1, 0.0)]
        await calls.end(1)
    assert (limiter.running, limiter.queued) == (0, 0)


async def test_one_who_is_cancelled_already_takes_nothing(clock: VirtualClock) -> None:
    limiter = limits(clock, 1, requests=1)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await limiter.acquire(1)
        pytest.fail("it was cancelled")
    assert limiter.running == 0
    with anyio.fail_after(DEADLINE):
        await limiter.acquire(1)
    assert (clock.now(), limiter.running) == (0.0, 1)


async def test_native_cancellation_gives_the_permit_back_too(clock: VirtualClock) -> None:
    limiter = limits(clock, 1)
    with await limiter.acquire(1):
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
        await settle()
        waiting[1].cancel()
    waiting[0].cancel()
    await settle()
    assert [task.cancelled() for task in waiting] == [True, True, False]
    waiting[2].result().release()
    assert (limiter.running, limiter.queued) == (0, 0)


async def test_all_who_wait_can_be_cancelled_at_once(clock: VirtualClock) -> None:
    limiter = limits(clock, 5, requests=6)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(*[1] * 256)
        await calls.end(0, 1, 2)
        tasks.cancel_scope.cancel()
    assert (limiter.running, limiter.queued, clock.sleeping) == (0, 0, 0)


async def test_waiting_is_measured(clock: VirtualClock) -> None:
    limiter = limits(clock, 1)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1, 1, 1, 1)
        calls.cancel(3)
        await clock.advance(2)
        await calls.end(0)
        await clock.advance(3)
        await calls.end(1, 2)
    assert (limiter.waited, limiter.longest_wait, limiter.granted) == (7.0, 5.0, 3)


def test_one_limiter_serves_several_event_loops(clock: VirtualClock) -> None:
    limiter = limits(clock, 1, requests=2)

    async def cut_short() -> None:
        """A run that ends while one holds a permit and others wait for it."""
        async with anyio.create_task_group() as tasks:
            await Calls(limiter, clock, tasks).add(1, 1, 1)
            tasks.cancel_scope.cancel()

    async def again() -> list[tuple[int, float]]:
        async with anyio.create_task_group() as tasks:
            calls = Calls(limiter, clock, tasks)
            await calls.add(1, 1)
            await calls.end(0)
            await clock.advance(60)
            await calls.end(1)
        return calls.times

    anyio.run(cut_short)
    assert anyio.run(again) == [(0, 0.0), (1, 60.0)]


async def test_a_fraction_of_a_request_is_none(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, requests=2.9)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1, 1, 1)
        assert limiter.running == 2
        calls.cancel_all()


@pytest.mark.parametrize("limit", [0, 0.5, -1, math.inf, math.nan])
def test_limits_that_make_no_sense_are_refused(clock: VirtualClock, limit: float) -> None:
    with pytest.raises(UsageError, match="must be 1 or more"):
        limits(clock, requests=limit)
    with pytest.raises(UsageError, match="must be 1 or more"):
        limits(clock, tokens=limit)


def test_no_permits_at_all_are_refused(clock: VirtualClock) -> None:
    with pytest.raises(UsageError, match="at the same time"):
        limits(clock, 0)
