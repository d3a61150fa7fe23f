"""Whoever calls a provider, whatever it does, and whenever callers give up: nothing that they held is lost."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clocks import VirtualClock

from lithograph.domain.usage import Usage
from lithograph.errors import AnswerError, LithographError, OverloadedError, RateLimitedError, UnavailableError
from lithograph.resilience.breaker import State
from lithograph.resilience.budget import Budget, Limits
from lithograph.resilience.policy import Call, Policy, Scope
from lithograph.resilience.provider import Provider, ProviderLimits

MOST = Usage(1, 10, 20)
OUTCOMES = (
    None,
    None,
    UnavailableError("down"),
    OverloadedError("busy"),
    RateLimitedError("later", 7.0),
    RateLimitedError("too much"),
    AnswerError("nonsense"),
    ZeroDivisionError(),
)


@dataclass(frozen=True)
class Caller:
    """Comes `gap` seconds after the one before, and gives up after `stays` seconds if it has not ended by then."""

    gap: float
    stays: float
    patience: float
    rich: bool


callers = st.builds(
    Caller,
    gap=st.sampled_from([0.0, 0.0, 0.0, 0.5, 4.0, 31.0]),
    stays=st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0, 30.0, 31.0, 32.0, 90.0, 10_000.0]),
    patience=st.sampled_from([0.0, 45.0, 900.0]),
    rich=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(
    arrivals=st.lists(callers, min_size=1, max_size=20),
    outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=40),
    concurrency=st.integers(1, 4),
    shuts=st.none() | st.sampled_from([0.0, 0.5, 1.0, 10.0, 30.0, 30.5, 61.0]),
)
def test_no_slot_probe_or_reservation_is_lost(
    arrivals: list[Caller], outcomes: list[Exception | None], concurrency: int, shuts: float | None
) -> None:
    clock, coming = VirtualClock(0.0), iter(outcomes)
    limits = ProviderLimits(concurrency=concurrency, threshold=2)
    provider = Provider("openai:gpt", limits, now=clock.now, sleep=clock.sleep)
    policy, budget = Policy(provider), Budget("it", Limits(tokens=2_000))
    scarce = Budget("scarce", Limits(tokens=60))
    running = list[int]()

    async def make() -> str:
        running.append(provider.limiter.running)
        await clock.sleep(1.0)
        outcome = next(coming, None)
        if outcome is not None:
            raise outcome
        return "yes"

    @asynccontextmanager
    async def aside() -> AsyncIterator[None]:
        yield
        if shuts is not None and clock.now() >= shuts:
            await anyio.sleep_forever()

    async def call(caller: Caller) -> None:
        budgets = (budget,) if caller.rich else (budget, scarce)
        scope = Scope(budgets, caller.patience, aside=aside, chance=random.Random(0))

        async def give_up() -> None:
            await clock.sleep(caller.stays)
            tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(give_up)
            with suppress(LithographError, ZeroDivisionError):
                await policy.call(Call("mentions", make, 10, MOST, lambda _: MOST), scope)
            tasks.cancel_scope.cancel()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for caller in arrivals:
                await clock.advance(caller.gap)
                tasks.start_soon(call, caller)
            await clock.run_out()
        assert (provider.limiter.running, provider.limiter.queued, clock.sleeping) == (0, 0, 0)
        assert budget.fits(Usage(1, 2_000 - budget.spent.tokens))
        assert scarce.fits(Usage(1, 60 - scarce.spent.tokens))
        clock.time += 31.0
        provider.circuit.acquire().succeeded()
        assert provider.circuit.state is State.CLOSED

    anyio.run(main)
    assert max(running, default=0) <= concurrency
