"""Whoever comes, whenever and with whatever: no window of a minute holds more than the limit, and everybody goes."""

from dataclasses import dataclass
from itertools import pairwise

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clocks import VirtualClock

from lithograph.resilience.limiter import RateLimiter


@dataclass(frozen=True)
class Call:
    """Comes `gap` seconds after the one before; uses a `share` of its estimate in the end."""

    gap: float
    tokens: int
    duration: float
    share: float


calls = st.builds(
    Call,
    gap=st.sampled_from([0.0, 0.0, 0.0, 0.25, 3.0, 21.7, 59.9, 60.0, 75.0]),
    tokens=st.integers(0, 60) | st.integers(90, 400),
    duration=st.sampled_from([0.0, 0.1, 2.0, 45.0, 61.0]),
    share=st.sampled_from([0.0, 0.4, 1.0]),
)


@settings(max_examples=200, deadline=None)
@given(
    arrivals=st.lists(calls, min_size=1, max_size=40),
    concurrency=st.integers(1, 8),
    requests=st.integers(1, 10),
    limit=st.integers(20, 200),
    spacing=st.sampled_from([0.0, 0.25]),
)
def test_no_window_holds_more_than_the_limit_and_everybody_goes_in_turn(
    arrivals: list[Call], concurrency: int, requests: int, limit: int, spacing: float
) -> None:
    clock = VirtualClock()
    limiter = RateLimiter(
        concurrency=concurrency,
        requests_per_minute=requests,
        tokens_per_minute=limit,
        spacing=spacing,
        now=clock.now,
        sleep=clock.sleep,
    )
    granted = list[tuple[int, float, int]]()
    running = list[int]()

    async def call(number: int, given: Call) -> None:
        with await limiter.acquire(given.tokens) as permit:
            used = int(min(given.tokens, limit) * given.share)
            granted.append((number, clock.now(), used))
            running.append(limiter.running)
            await clock.sleep(given.duration)
            permit.settle(used)

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for number, given in enumerate(arrivals):
                await clock.advance(given.gap)
                tasks.start_soon(call, number, given)
            await clock.run_out()

    anyio.run(main)
    assert [number for number, _, _ in granted] == list(range(len(arrivals)))
    assert max(running) <= concurrency
    assert all(later - earlier >= spacing for (_, earlier, _), (_, later, _) in pairwise(granted))
    for _, start, _ in granted:
        inside = [used for _, at, used in granted if start <= at < start + 60]
        assert len(inside) <= requests
        assert sum(inside) <= limit
    assert (limiter.running, limiter.queued) == (0, 0)
