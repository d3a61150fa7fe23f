"""Whoever comes, in whichever process, and whatever is lost on the way: no minute that the provider sees holds more
than the limit, everybody goes in turn, and nothing is lost for good.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.clocks import VirtualClock
from tests.postgres import Server
from tests.shared_minute import Minute, connected, demand

from lithograph.resilience.allowance import LATE
from lithograph.workflow.allowance import Terms

numbers = count()


@dataclass(frozen=True)
class Call:
    """Comes to one of the processes `gap` seconds after the one before, and is given up after `patience` seconds of
    waiting. The provider has it after `delay` seconds. An answer comes `duration` seconds after that, and uses a
    `share` of the estimate; without one the call ends after `duration` seconds.
    """

    process: int
    gap: float
    tokens: int
    delay: float
    duration: float
    share: float
    patience: float | None
    answered: bool


calls = st.builds(
    Call,
    process=st.integers(0, 2),
    gap=st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.3, 1.9, 21.7, 60.0]),
    tokens=st.integers(0, 60) | st.integers(90, 400),
    delay=st.sampled_from([0.0, 0.2, LATE]),
    duration=st.sampled_from([0.0, 0.1, 2.0, 45.0]),
    share=st.sampled_from([0.0, 0.4, 1.0]),
    patience=st.none() | st.none() | st.sampled_from([0.0, 0.1, 1.0, 30.0]),
    answered=st.sampled_from([True, True, True, False]),
)


@pytest.fixture(scope="module")
def connection(postgres: Server) -> Iterator[Connection]:
    with connected(postgres) as opened:
        yield opened


@settings(max_examples=80, deadline=None)
@given(
    arrivals=st.lists(calls, min_size=1, max_size=50),
    concurrency=st.integers(1, 8),
    limits=st.sampled_from([(10, None), (4, 200), (None, 200), (12, 100)]),
    slowest=st.sampled_from([0.0, 0.05, 1.5]),
    lost=st.sampled_from([0.0, 0.0, 0.2]),
    seed=st.integers(0, 9),
)
def test_no_minute_holds_more_than_the_limit_and_everybody_goes_in_turn(
    connection: Connection,
    arrivals: list[Call],
    concurrency: int,
    limits: tuple[int | None, int | None],
    slowest: float,
    lost: float,
    seed: int,
) -> None:
    clock, terms, key = VirtualClock(), Terms(*limits), f"key {next(numbers)}"
    minutes = [
        Minute(connection, clock, terms, str(process), key, slowest, lost, random.Random(10 * seed + process))
        for process in range(3)
    ]
    limiters = [minute.limiter(concurrency) for minute in minutes]
    arrived = list[tuple[float, int]]()
    began = list[tuple[int, int]]()
    given_up = set[int]()

    async def call(number: int, given: Call, scope: anyio.CancelScope) -> None:
        with scope:
            with await limiters[given.process].acquire(given.tokens) as permit:
                scope.shield = True
                began.append((given.process, number))
                estimate = min(given.tokens, limits[1] or given.tokens)
                used = int(estimate * given.share) if given.answered else estimate
                arrived.append((clock.now() + given.delay, used))
                await clock.sleep(given.duration)
                if given.answered:
                    await clock.sleep(given.delay)
                    permit.succeeded()
                    permit.settle(used)
            return
        given_up.add(number)

    async def lose_patience(seconds: float, scope: anyio.CancelScope) -> None:
        await clock.sleep(seconds)
        if not scope.shield:
            scope.cancel()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for number, given in enumerate(arrivals):
                await clock.advance(given.gap)
                scope = anyio.CancelScope()
                tasks.start_soon(call, number, given, scope)
                if given.patience is not None:
                    tasks.start_soon(lose_patience, given.patience, scope)
            await clock.run_out()

    anyio.run(main)
    for process in range(3):
        mine = [number for number, given in enumerate(arrivals) if given.process == process and number not in given_up]
        assert [number for where, number in began if where == process] == mine
        assert (limiters[process].running, limiters[process].queued) == (0, 0)
    for start, _ in arrived:
        inside = [used for at, used in arrived if start <= at < start + 60 - 1e-4]  # a server counts microseconds
        assert len(inside) <= (terms.requests or 50)
        assert sum(inside) <= (terms.tokens or 20_000)
    clock.time += 100.0
    whole = demand(limits[0] or 1, limits[1] or 0, first=limits[1] or 0)
    granted = Minute(connection, clock, terms, "somebody else", key).ask(whole)
    assert (granted.requests, granted.tokens) == (whole.requests, whole.tokens)
