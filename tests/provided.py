"""A provider that behaves as it is told to, and those who ask it through the policy, on a clock that a test moves."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain, repeat

import anyio
from tests.clocks import VirtualClock

from lithograph.domain.usage import Usage
from lithograph.errors import (
    UnavailableError,
)
from lithograph.resilience.policy import Call, Policy, Scope, Timeouts
from lithograph.resilience.provider import Notice, NoticeKind, Provider, ProviderLimits
from lithograph.resilience.retry import RetryPolicy

Behaviour = Callable[[], "str | Exception"]
DOWN = UnavailableError("the provider is down")
COST = Usage(1, 10, 20, 0.5)
PATIENT = 900.0
_DEADLINE = 20_000.0
"""Seconds after which a call that has not ended never will."""


def first(*outcomes: "str | Exception") -> Behaviour:
    """Behave so at the first requests, and answer from then on."""
    coming: Iterator[str | Exception] = chain(outcomes, repeat("yes"))
    return lambda: next(coming)


@dataclass
class Aside:
    """Counts who waits aside; when it is shut, nobody comes back, as with an execution's gate."""

    waiting: int = 0
    shut: bool = False

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        self.waiting += 1
        try:
            yield
            if self.shut:
                await anyio.sleep_forever()
        finally:
            self.waiting -= 1


class World:
    """A provider that takes a second for every answer, the callers that ask it, and what all of them saw."""

    def __init__(self, behaviour: Behaviour | None = None, *, concurrency: int = 20, retries: int = 3) -> None:
        self.clock = VirtualClock(0.0)
        limits = ProviderLimits(concurrency=concurrency, spacing=0.0)
        self.provider = Provider("openai:gpt", limits, now=self.clock.now, sleep=self.clock.sleep)
        self.policy = Policy(self.provider, RetryPolicy(retries))
        self.behaviour = behaviour or first()
        self.asked: list[float] = []
        """When each request was made."""
        self.told: list[Notice] = []
        self.provider.listen(self.told.append)
        self.scope = Scope(told=self.told.append, chance=random.Random(0))

    async def make(self) -> str:
        self.asked.append(self.clock.now())
        await self.clock.sleep(1.0)
        outcome = self.behaviour()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def call(self, make: Callable[[], Awaitable[str]] | None = None, timeouts: Timeouts | None = None) -> Call[str]:
        return Call("mentions", make or self.make, 100, COST, lambda _: COST, timeouts or Timeouts())

    async def ends(self, scopes: Sequence[Scope], call: Call[str] | None = None) -> "list[str | Exception]":
        """Return how one call in each scope ended, all of them made at once."""
        ends: dict[int, str | Exception] = {}

        async def one(number: int, scope: Scope) -> None:
            try:
                answer = await self.policy.call(call or self.call(), scope)
            except Exception as error:
                ends[number] = error
            else:
                ends[number] = answer

        async with anyio.create_task_group() as tasks:
            for number, scope in enumerate(scopes):
                tasks.start_soon(one, number, scope)
            await self.clock.advance(_DEADLINE)
            tasks.cancel_scope.cancel()
        assert len(ends) == len(scopes), "a call never ends"
        return [ends[number] for number in range(len(scopes))]

    async def end(self, scope: Scope | None = None, call: Call[str] | None = None) -> "str | Exception":
        """Return how one call ended."""
        (end,) = await self.ends([scope or self.scope], call)
        return end

    def patient(self, seconds: float = PATIENT) -> Scope:
        return replace(self.scope, patience=seconds)

    async def open(self) -> None:
        """Have the circuit opened by calls of somebody else."""
        for _ in range(5):
            self.provider.circuit.acquire().failed()
        self.told.clear()

    def kinds(self) -> list[NoticeKind]:
        return [notice.kind for notice in self.told]

    def at_rest(self) -> bool:
        """Whether nobody holds or waits for anything, and a call can be made when the circuit is closed again."""
        limiter = self.provider.limiter
        self.clock.time += 31.0
        with self.provider.circuit.acquire():
            return (limiter.running, limiter.queued, self.clock.sleeping) == (0, 0, 0)


async def never() -> str:
    await anyio.sleep_forever()
    return "no"


async def at_once() -> str:
    return "yes"


def down_until(world: World, end: float) -> None:
    """Let every request fail that is answered before that time."""
    world.behaviour = lambda: DOWN if world.clock.now() < end else "yes"
