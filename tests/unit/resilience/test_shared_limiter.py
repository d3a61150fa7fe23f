"""A limiter whose minute is shared with other processes, through the server's own function."""

import random
from collections.abc import Iterator

import anyio
import pytest
from sqlalchemy import Connection
from tests.clocks import VirtualClock, settle
from tests.limited import Calls
from tests.postgres import Server
from tests.shared_minute import Minute, connected, demand

from lithograph.errors import UsageError
from lithograph.resilience.allowance import Demand, Grant
from lithograph.resilience.limiter import RateLimiter
from lithograph.workflow.allowance import Terms


@pytest.fixture(scope="module")
def connection(postgres: Server) -> Iterator[Connection]:
    with connected(postgres) as opened:
        yield opened


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(0.0)


@pytest.fixture
def key() -> str:
    return f"key {random.random()}"


@pytest.fixture
def minute(connection: Connection, clock: VirtualClock, key: str) -> Minute:
    return Minute(connection, clock, Terms(10, 1000), "one", key)


@pytest.fixture
def others(connection: Connection, clock: VirtualClock, key: str) -> Minute:
    return Minute(connection, clock, Terms(10, 1000), "other", key)


async def test_calls_of_two_processes_share_the_minute(minute: Minute, others: Minute, clock: VirtualClock) -> None:
    async with anyio.create_task_group() as tasks:
        one, other = Calls(minute.limiter(), clock, tasks), Calls(others.limiter(), clock, tasks)
        await one.add(*[10] * 6)
        await other.add(*[10] * 6)
        await clock.advance(59)
        assert (len(one.began), len(other.began)) == (6, 4)
        await clock.advance(4)
        assert len(other.began) == 6
        tasks.cancel_scope.cancel()


async def test_one_question_is_for_all_who_wait(connection: Connection, clock: VirtualClock, key: str) -> None:
    minute = Minute(connection, clock, Terms(10_000, None), "one", key, slowest=0.1)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter := minute.limiter(200), clock, tasks)
        await calls.add(*[1] * 100)
        await clock.advance(0.4)
        assert (len(minute.asked), limiter.queued) == (2, 0), "the first time, only one was there"
        calls.cancel_all()


async def test_nobody_is_asked_while_nobody_waits(minute: Minute, clock: VirtualClock) -> None:
    limiter = minute.limiter()
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(10, 10, 10)
        asked = len(minute.asked)
        await clock.advance(200)
        assert (len(minute.asked), clock.sleeping) == (asked, 0)
        calls.cancel_all()


async def test_nobody_is_asked_while_no_slot_is_free_or_a_hold_is_on(minute: Minute, clock: VirtualClock) -> None:
    limiter = minute.limiter(1)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(10, 10)
        await clock.advance(5)
        assert len(minute.asked) == 1
        limiter.hold(20)
        await calls.end(0)
        await clock.advance(19)
        assert len(minute.asked) == 1
        await clock.advance(1)
        assert calls.times == [(0, 0.0), (1, 25.0)]
        calls.cancel_all()


async def test_it_is_asked_twice_a_second_at_most_in_the_long_run(
    connection: Connection, clock: VirtualClock, key: str
) -> None:
    """Whatever comes: here one call after the other, as fast as the limiter lets them go."""
    minute = Minute(connection, clock, Terms(60_000, None), "one", key)
    limiter, chance = minute.limiter(5), random.Random(0)

    async def call() -> None:
        while True:
            with await limiter.acquire(1):
                await clock.sleep(chance.choice([0.0001, 0.01, 0.3, 1.1]))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(call)
        await clock.advance(30)
        tasks.cancel_scope.cancel()
    for start in minute.asked:
        assert len([at for at in minute.asked if start <= at < start + 5]) <= 3 + 2 * 5
    assert limiter.granted > 300


async def test_what_a_lease_holds_must_be_begun_in_time(minute: Minute, clock: VirtualClock) -> None:
    """Room that is left of a lease is not used after its end: somebody is asked anew."""
    limiter = minute.limiter(2)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(10, 10, 10)
        await calls.end(0)
        await calls.end(2)
        asked = len(minute.asked)
        await clock.advance(2)
        await calls.add(10)
        assert (calls.began, len(minute.asked)) == ([0, 1, 2, 3], asked + 1)
        calls.cancel_all()


async def test_a_permit_that_comes_too_late_to_be_used_is_not_used(minute: Minute, clock: VirtualClock) -> None:
    """This process was held up before the call could begin: it asks anew, and nobody passes the call."""
    limiter = minute.limiter(1)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(10)
        await calls.add(10, 10)
        calls.permits[0].release()
        clock.time = 0.5
        await settle()
        assert (calls.times, minute.granted) == ([(0, 0.0), (1, 0.5)], [1, 2])
        calls.permits[1].release()
        clock.time = 10.0
        await settle()
        assert (calls.times[2:], minute.asked[2:]) == ([(2, 10.0)], [10.0])
        calls.cancel_all()
    assert (limiter.running, limiter.queued) == (0, 0)


async def test_while_the_server_is_away_calls_wait_and_nothing_fails(minute: Minute, clock: VirtualClock) -> None:
    limiter = minute.limiter()
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        minute.lost = 1.0
        await calls.add(10, 10)
        await clock.advance(30)
        assert (calls.began, limiter.queued) == ([], 2)
        assert len(minute.asked) <= 32
        minute.lost = 0.0
        await clock.advance(1)
        assert calls.began == [0, 1]
        calls.cancel_all()


async def test_who_is_cancelled_while_it_asks_leaves_the_asking_to_the_next(
    minute: Minute, clock: VirtualClock
) -> None:
    """What was granted to it, all that there is, comes back with the next question."""
    minute.slowest, minute.chance = 1.0, random.Random(2)
    limiter = minute.limiter()
    limiter.hold(5)
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(*[10] * 10)
        await clock.advance(5.96)
        assert minute.granted == [10], "and on its way"
        calls.cancel(0)
        await clock.advance(3)
        assert minute.granted == [10, 9]
        assert calls.began == list(range(1, 10))
        calls.cancel_all()
    assert (limiter.running, limiter.queued, clock.sleeping) == (0, 0, 0)


async def test_tokens_are_put_right_for_everybody(minute: Minute, others: Minute, clock: VirtualClock) -> None:
    async with anyio.create_task_group() as tasks:
        calls = Calls(minute.limiter(), clock, tasks)
        await calls.add(1000)
        calls.permits[0].settle(400)
        await clock.advance(1)
        await calls.add(100)
        assert calls.began == [0, 1]
        await clock.advance(15)
        assert others.ask(demand(1, 501)).tokens == 0
        assert others.ask(demand(1, 500)).tokens == 500
        calls.cancel_all()


async def test_a_limit_that_is_not_given_is_learned_as_ever(
    connection: Connection, clock: VirtualClock, key: str
) -> None:
    limiter = Minute(connection, clock, Terms(100, None), "one", key).limiter()
    limiter.learn({"x-ratelimit-limit-requests": "1", "x-ratelimit-limit-tokens": "100"})
    async with anyio.create_task_group() as tasks:
        calls = Calls(limiter, clock, tasks)
        await calls.add(60, 40, 40)
        assert calls.began == [0, 1]
        await clock.advance(61)
        assert calls.began == [0, 1, 2]
        calls.cancel_all()


async def test_what_cannot_be_shared_ends_the_call(clock: VirtualClock) -> None:
    class Forbidden:
        async def take(self, demand: Demand) -> Grant:
            raise UsageError("you may not")

    limiter = RateLimiter(
        concurrency=1, requests_per_minute=10, allowance=Forbidden(), now=clock.now, sleep=clock.sleep
    )
    for _ in range(2):
        with pytest.raises(UsageError, match="you may not"):
            await limiter.acquire(1)
    assert (limiter.running, limiter.queued) == (0, 0)


async def test_without_limits_there_is_nothing_to_share(connection: Connection, clock: VirtualClock) -> None:
    minute = Minute(connection, clock, Terms(None, None))
    with await minute.limiter().acquire(1):
        assert minute.asked == []
