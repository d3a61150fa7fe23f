"""Calls through a rate limiter, told one by one when to end."""

from collections.abc import Sequence
from itertools import pairwise

import anyio
from anyio.abc import TaskGroup
from tests.clocks import VirtualClock, settle

from lithograph.resilience.limiter import Permit, RateLimiter

DEADLINE = 10.0
"""Real seconds after which a permit that should have been given at once will not come any more."""


def limits(
    clock: VirtualClock,
    concurrency: int = 5,
    *,
    requests: float | None = None,
    tokens: float | None = None,
    spacing: float = 0.0,
) -> RateLimiter:
    return RateLimiter(
        concurrency=concurrency,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        spacing=spacing,
        now=clock.now,
        sleep=clock.sleep,
    )


class Calls:
    """Tasks that acquire a permit in their order, and keep it until they are told to end."""

    def __init__(self, limiter: RateLimiter, clock: VirtualClock, tasks: TaskGroup) -> None:
        self.limiter, self.clock, self.tasks = limiter, clock, tasks
        self.permits = dict[int, Permit]()
        self.times = list[tuple[int, float]]()
        self._scopes, self._ends = list[anyio.CancelScope](), list[anyio.Event]()

    async def add(self, *costs: int) -> None:
        for tokens in costs:
            self.tasks.start_soon(self._call, len(self._scopes), tokens)
            self._scopes.append(anyio.CancelScope())
            self._ends.append(anyio.Event())
            await settle()

    async def _call(self, number: int, tokens: int) -> None:
        with self._scopes[number], await self.limiter.acquire(tokens) as permit:
            self.permits[number] = permit
            self.times.append((number, self.clock.now()))
            await self._ends[number].wait()

    def cancel(self, *numbers: int) -> None:
        for number in numbers:
            self._scopes[number].cancel()

    def cancel_all(self) -> None:
        self.cancel(*range(len(self._scopes)))

    async def end(self, *numbers: int) -> None:
        for number in numbers:
            self._ends[number].set()
        await settle()

    @property
    def began(self) -> list[int]:
        return [number for number, _ in self.times]


def gaps(times: Sequence[tuple[int, float]]) -> list[float]:
    return [later - sooner for (_, sooner), (_, later) in pairwise(times)]
