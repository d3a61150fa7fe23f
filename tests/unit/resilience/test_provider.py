import anyio
import pytest
from tests.clocks import VirtualClock

from lithograph.resilience.breaker import State
from lithograph.resilience.provider import Notice, NoticeKind, Provider, ProviderLimits


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def provider(clock: VirtualClock) -> Provider:
    limits = ProviderLimits(concurrency=2, threshold=3, reset_after=10.0, spacing=0.0)
    return Provider("openai:gpt", limits, now=clock.now, sleep=clock.sleep)


def fail(provider: Provider, times: int) -> None:
    for _ in range(times):
        provider.circuit.acquire().failed()


async def test_everybody_who_listens_is_told_of_a_circuit_that_opens_and_closes(
    provider: Provider, clock: VirtualClock
) -> None:
    told, others = list[Notice](), list[Notice]()
    provider.listen(told.append)
    provider.listen(others.append)
    fail(provider, 3)
    await clock.advance(10)
    fail(provider, 1)
    await clock.advance(10)
    provider.circuit.acquire().succeeded()
    assert [(notice.kind, notice.payload) for notice in told] == [
        (NoticeKind.CIRCUIT_OPENED, {"model": "openai:gpt", "seconds": 10.0}),
        (NoticeKind.CIRCUIT_OPENED, {"model": "openai:gpt", "seconds": 10.0}),
        (NoticeKind.CIRCUIT_CLOSED, {"model": "openai:gpt"}),
    ]
    assert others == told


async def test_who_listens_twice_is_told_once_and_no_more_when_it_is_forgotten(
    provider: Provider, clock: VirtualClock
) -> None:
    told: list[Notice] = []

    def hear(notice: Notice) -> None:
        told.append(notice)

    provider.listen(hear)
    provider.listen(hear)
    fail(provider, 3)
    assert len(told) == 1
    provider.forget(hear)
    provider.forget(hear)
    await clock.advance(10)
    provider.circuit.acquire().succeeded()
    assert len(told) == 1


async def test_the_metrics_are_those_of_its_circuit_and_its_limiter(provider: Provider, clock: VirtualClock) -> None:
    held = [await provider.limiter.acquire(10) for _ in range(2)]
    held[0].rate_limited()
    fail(provider, 3)
    for _ in range(3):
        provider.failed()
    found = provider.metrics()
    assert (found.circuit, found.opened, found.faults) == (State.OPEN, 1, 3)
    assert (found.running, found.queued, found.allowed, found.granted) == (2, 0, 1, 2)


async def test_after_a_fault_the_next_call_waits_and_longer_after_each_further_one(clock: VirtualClock) -> None:
    limits = ProviderLimits(concurrency=9, threshold=9, spacing=0.5)
    provider = Provider("openai:gpt", limits, now=clock.now, sleep=clock.sleep)
    began: list[float] = []
    start = clock.now()

    async def call() -> None:
        with await provider.limiter.acquire(1):
            began.append(clock.now() - start)

    async with anyio.create_task_group() as tasks:
        provider.failed()  # 5 s from now
        tasks.start_soon(call)
        await clock.advance(5)
        provider.failed()  # 10 s
        provider.failed()  # 20 s
        tasks.start_soon(call)
        await clock.advance(20)
        for _ in range(3):
            provider.answered()
        provider.failed()  # 5 s
        tasks.start_soon(call)
        await clock.advance(5)
        fail(provider, 9)  # the circuit opens, and to be left alone is enough
        provider.failed()  # 5 s
        tasks.start_soon(call)
        await clock.advance(5)
    assert began == [5.0, 25.0, 30.0, 35.0]
