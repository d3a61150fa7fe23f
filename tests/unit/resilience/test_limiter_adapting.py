import anyio
import pytest
from tests.clocks import VirtualClock, settle
from tests.limited import Calls, limits


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(0.0)


async def test_a_hold_keeps_everybody_back_for_its_time(clock: VirtualClock) -> None:
    limiter = limits(clock, 2)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1)
        limiter.hold(30)
        await calls.add(1, 1)
        await clock.advance(10)
        limiter.hold(5)
        limiter.hold(-5)
        await calls.end(0)
        assert (limiter.running, limiter.queued) == (0, 2)
        limiter.hold(50)
        await clock.advance(100)
        assert calls.times == [(0, 0.0), (1, 60.0), (2, 60.0)]
        await calls.end(1, 2)


async def test_a_limit_is_learned_where_none_was_given(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, tokens=1000)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1, 1)
        limiter.learn({"x-ratelimit-limit-requests": "3", "x-ratelimit-limit-tokens": "10"})
        await calls.add(500, 1)
        assert calls.began == [0, 1, 2]
        limiter.learn({"x-ratelimit-limit-requests": "4", "x-ratelimit-limit-tokens": "9000"})
        await settle()
        assert calls.began == [0, 1, 2, 3]
        await calls.add(1)
        limiter.learn({"x-ratelimit-limit-requests": "-1"})
        limiter.learn({"x-ratelimit-limit-requests": "5"})
        await calls.add(800)
        await clock.advance(60)
        assert calls.times[4:] == [(4, 0.0), (5, 60.0)]
        calls.cancel_all()


async def test_a_given_limit_stays_whatever_the_provider_tells(clock: VirtualClock) -> None:
    limiter = limits(clock, 10, requests=2)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        limiter.learn({"x-ratelimit-limit-requests": "10000"})
        await calls.add(1, 1, 1)
        assert (limiter.running, limiter.queued) == (2, 1)
        calls.cancel_all()


async def test_nobody_goes_before_the_reset_when_nothing_remains(clock: VirtualClock) -> None:
    limiter = limits(clock, 10)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        limiter.learn({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"})
        await calls.add(1, 1)
        limiter.learn({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "8s"})
        await clock.advance(100)
        assert calls.times == [(0, 90.0), (1, 90.0)]
        calls.cancel_all()


async def test_a_rate_limit_halves_what_may_be_out_once_a_round_and_success_brings_it_back(
    clock: VirtualClock,
) -> None:
    limiter = limits(clock, 8)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(*[1] * 24)
        for number in range(8):
            calls.permits[number].rate_limited()
        assert (limiter.allowed, limiter.running) == (4, 8)
        await calls.end(0, 1, 2, 3)
        assert (limiter.running, limiter.queued) == (4, 16)
        await calls.end(4, 5, 6, 7)
        assert calls.began == list(range(12))
        for number in range(8, 12):
            calls.permits[number].succeeded()
            await calls.end(number)
        assert (limiter.allowed, limiter.running) == (8, 8)
        calls.permits[12].rate_limited()
        assert limiter.allowed == 4
        calls.cancel_all()


async def test_a_success_lets_one_more_go_before_its_own_permit_is_back(clock: VirtualClock) -> None:
    limiter = limits(clock, 2)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(1, 1, 1)
        calls.permits[0].rate_limited()
        await calls.end(0, 1)
        await calls.add(1)
        assert calls.began == [0, 1, 2]
        calls.permits[2].succeeded()
        await settle()
        assert calls.began == [0, 1, 2, 3]
        calls.cancel_all()


async def test_only_the_first_word_about_a_call_counts(clock: VirtualClock) -> None:
    limiter = limits(clock, 8)
    with await limiter.acquire(1) as permit:
        permit.rate_limited()
    with await limiter.acquire(1) as permit:
        for _ in range(3):
            permit.succeeded()
            permit.rate_limited()
    assert limiter.allowed == 5
