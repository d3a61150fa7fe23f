import asyncio
import math

import anyio
import pytest
from anyio.abc import TaskGroup
from tests.clocks import VirtualClock, settle

from lithograph.errors import CircuitOpenError, UsageError
from lithograph.resilience.breaker import CircuitBreaker, Permit, State


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def changes() -> list[State]:
    return []


@pytest.fixture
def breaker(clock: VirtualClock, changes: list[State]) -> CircuitBreaker:
    return CircuitBreaker("openai/gpt", now=clock.now, sleep=clock.sleep, changed=changes.append)


def state_of(breaker: CircuitBreaker) -> State:
    """Return the state; a property that is asserted twice would be taken for one that cannot change."""
    return breaker.state


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.acquire().failed()


async def half_open(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    fail(breaker, 5)
    await clock.advance(30)


async def test_it_opens_at_the_fifth_fault_in_a_row_and_not_before(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    assert state_of(breaker) is State.CLOSED
    fail(breaker, 1)
    assert state_of(breaker) is State.OPEN


async def test_a_success_in_between_begins_the_count_anew(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    breaker.acquire().succeeded()
    fail(breaker, 4)
    assert state_of(breaker) is State.CLOSED
    fail(breaker, 1)
    assert state_of(breaker) is State.OPEN


async def test_what_says_nothing_about_the_provider_neither_counts_nor_resets(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    for _ in range(10):
        breaker.acquire().released()
    assert state_of(breaker) is State.CLOSED
    fail(breaker, 1)
    assert state_of(breaker) is State.OPEN


async def test_while_open_it_fails_fast_and_says_how_long(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    fail(breaker, 5)
    await clock.advance(10.5)
    with pytest.raises(
        CircuitOpenError, match="openai/gpt failed 5 times in a row and is left alone for 20 s"
    ) as error:
        breaker.acquire()
    assert error.value.seconds == breaker.seconds_left == 19.5
    with pytest.raises(CircuitOpenError):
        await breaker.enter()


async def test_it_half_opens_after_thirty_seconds_of_its_own_clock(
    breaker: CircuitBreaker, clock: VirtualClock
) -> None:
    fail(breaker, 5)
    await clock.advance(29.999)
    assert state_of(breaker) is State.OPEN
    await clock.advance(0.001)
    assert state_of(breaker) is State.HALF_OPEN
    assert breaker.seconds_left == 0


async def test_one_probe_at_a_time(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    await half_open(breaker, clock)
    assert breaker.acquire().probe
    with pytest.raises(CircuitOpenError, match="is being tried by another call") as error:
        breaker.acquire()
    assert error.value.seconds == 0


async def test_it_closes_when_the_probe_succeeds(
    breaker: CircuitBreaker, clock: VirtualClock, changes: list[State]
) -> None:
    await half_open(breaker, clock)
    breaker.acquire().succeeded()
    assert state_of(breaker) is State.CLOSED
    assert [breaker.acquire().probe for _ in range(3)] == [False] * 3
    assert changes == [State.OPEN, State.HALF_OPEN, State.CLOSED]
    fail(breaker, 4)
    assert state_of(breaker) is State.CLOSED


async def test_it_reopens_for_the_whole_time_when_the_probe_fails(
    breaker: CircuitBreaker, clock: VirtualClock, changes: list[State]
) -> None:
    await half_open(breaker, clock)
    probe = breaker.acquire()
    await clock.advance(7)
    probe.failed()
    assert breaker.seconds_left == 30
    await clock.advance(30)
    assert state_of(breaker) is State.HALF_OPEN
    assert changes == [State.OPEN, State.HALF_OPEN, State.OPEN]


async def test_a_released_probe_frees_its_place(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    await half_open(breaker, clock)
    breaker.acquire().released()
    assert state_of(breaker) is State.HALF_OPEN
    assert breaker.acquire().probe


async def test_a_permit_that_was_left_without_a_word_is_released(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    await half_open(breaker, clock)
    with pytest.raises(ValueError, match="not the provider"), breaker.acquire():
        raise ValueError("not the provider")
    with breaker.acquire() as permit:
        permit.succeeded()
    assert state_of(breaker) is State.CLOSED


async def test_only_the_first_word_about_a_call_counts(breaker: CircuitBreaker) -> None:
    permit = breaker.acquire()
    for _ in range(5):
        permit.failed()
    assert state_of(breaker) is State.CLOSED
    fail(breaker, 3)
    permit.succeeded()
    fail(breaker, 1)
    assert state_of(breaker) is State.OPEN


async def test_late_results_of_calls_from_before_a_change_are_ignored(
    breaker: CircuitBreaker, clock: VirtualClock
) -> None:
    late = [breaker.acquire() for _ in range(20)]
    fail(breaker, 5)
    late.pop().released()
    assert state_of(breaker) is State.OPEN
    await clock.advance(20)
    late.pop().failed()
    assert breaker.seconds_left == 10
    await clock.advance(10)
    probe = breaker.acquire()
    late.pop().succeeded()
    late.pop().failed()
    late.pop().released()
    with pytest.raises(CircuitOpenError):
        breaker.acquire()
    probe.succeeded()
    for permit in late:
        permit.failed()
    assert state_of(breaker) is State.CLOSED


async def test_a_call_from_before_it_opened_that_succeeds_half_opens_it_at_once_a_few_times(
    breaker: CircuitBreaker, clock: VirtualClock
) -> None:
    late = [breaker.acquire() for _ in range(20)]
    fail(breaker, 5)
    for _ in range(3):
        with pytest.raises(CircuitOpenError):
            breaker.acquire()
        late.pop().succeeded()
        breaker.acquire().failed()
    late.pop().succeeded()
    assert (state_of(breaker), breaker.seconds_left) == (State.OPEN, 30)
    await clock.advance(30)
    breaker.acquire().succeeded()
    assert state_of(breaker) is State.CLOSED


async def test_a_permit_tells_whether_the_circuit_is_as_it_was(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    early = breaker.acquire()
    fail(breaker, 4)
    assert early.current
    fail(breaker, 1)
    await clock.advance(30)
    probe = breaker.acquire()
    assert (early.current, probe.current) == (False, True)
    probe.succeeded()
    assert (early.current, probe.current) == (False, False)


async def test_of_a_hundred_who_call_at_once_exactly_one_probes(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    await half_open(breaker, clock)
    probes, refused = list[Permit](), list[CircuitOpenError]()

    async def call() -> None:
        try:
            probes.append(await breaker.enter())
        except CircuitOpenError as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(call)
    assert (len(probes), len(refused)) == (1, 99)


class Callers:
    """Tasks that wait for a permit as long as it takes, and what became of them."""

    def __init__(self, breaker: CircuitBreaker, tasks: TaskGroup, count: int) -> None:
        self.permits, self.scopes = dict[int, Permit](), [anyio.CancelScope() for _ in range(count)]
        for number in range(count):
            tasks.start_soon(self.call, breaker, number)

    async def call(self, breaker: CircuitBreaker, number: int) -> None:
        with self.scopes[number], await breaker.enter(patience=math.inf) as permit:
            self.permits[number] = permit
            await anyio.sleep_forever()

    @property
    def probing(self) -> int:
        (number,) = self.permits
        return number

    def cancel(self) -> None:
        for scope in self.scopes:
            scope.cancel()


async def test_of_a_hundred_who_wait_one_probes_and_all_go_on_when_it_succeeds(
    breaker: CircuitBreaker, clock: VirtualClock
) -> None:
    fail(breaker, 5)
    async with anyio.create_task_group() as tasks:
        callers = Callers(breaker, tasks, 100)
        await clock.advance(29)
        assert callers.permits == {}
        await clock.advance(1)
        assert len(callers.permits) == 1
        await clock.advance(1000)
        assert len(callers.permits) == 1
        callers.permits[callers.probing].succeeded()
        await settle()
        assert len(callers.permits) == 100
        assert sum(permit.probe for permit in callers.permits.values()) == 1
        callers.cancel()
    assert state_of(breaker) is State.CLOSED


async def test_those_who_wait_go_on_waiting_when_the_probe_fails(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    fail(breaker, 5)
    async with anyio.create_task_group() as tasks:
        callers = Callers(breaker, tasks, 100)
        await clock.advance(40)
        callers.permits[callers.probing].failed()
        await clock.advance(29)
        assert len(callers.permits) == 1
        await clock.advance(1)
        assert len(callers.permits) == 2
        callers.cancel()


async def test_a_cancelled_probe_gives_its_place_to_one_who_waits(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    fail(breaker, 5)
    async with anyio.create_task_group() as tasks:
        callers = Callers(breaker, tasks, 100)
        await clock.advance(30)
        for count in range(2, 101):
            newest = list(callers.permits)[-1]
            callers.scopes[newest].cancel()
            await settle()
            assert len(callers.permits) == count
        callers.cancel()
    assert state_of(breaker) is State.HALF_OPEN
    assert breaker.acquire().probe


async def test_one_who_waits_and_is_cancelled_leaves_nothing_behind(
    breaker: CircuitBreaker, clock: VirtualClock
) -> None:
    fail(breaker, 5)
    async with anyio.create_task_group() as tasks:
        callers = Callers(breaker, tasks, 10)
        await clock.advance(5)
        callers.cancel()
    assert clock.sleeping == 0
    await clock.advance(25)
    assert breaker.acquire().probe


async def test_patience_ends(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    fail(breaker, 5)
    began = clock.now()
    ended: dict[float, str] = {}

    async def call(patience: float) -> None:
        try:
            await breaker.enter(patience)
            ended[patience] = f"may call after {clock.now() - began}"
        except CircuitOpenError as error:
            ended[patience] = f"{error.seconds} left after {clock.now() - began}"

    async with anyio.create_task_group() as tasks:
        for patience in (10, 29, 45):
            tasks.start_soon(call, patience)
        await clock.advance(60)
    assert ended == {10: "20.0 left after 10.0", 29: "1.0 left after 29.0", 45: "may call after 30.0"}


async def test_patience_ends_while_another_call_probes(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    await half_open(breaker, clock)
    breaker.acquire()
    async with anyio.create_task_group() as tasks:

        async def call() -> None:
            with pytest.raises(CircuitOpenError, match="is being tried"):
                await breaker.enter(patience=60)

        tasks.start_soon(call)
        await clock.advance(59)
        assert clock.sleeping == 1
        await clock.advance(1)
    assert clock.sleeping == 0


async def test_waiting_ends_when_a_call_may_be_tried(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    await breaker.wait()
    fail(breaker, 5)
    waited: list[float] = []

    async def wait() -> None:
        await breaker.wait()
        waited.append(clock.now())

    async with anyio.create_task_group() as tasks:
        began = clock.now()
        tasks.start_soon(wait)
        await clock.advance(50)
        assert waited == [began + 30]
        probe = breaker.acquire()
        tasks.start_soon(wait)
        tasks.start_soon(wait)
        await clock.advance(5)
        assert len(waited) == 1
        probe.succeeded()
    assert waited[1:] == [began + 55] * 2


def test_one_breaker_serves_several_event_loops(clock: VirtualClock) -> None:
    breaker = CircuitBreaker("model", now=clock.now, sleep=clock.sleep)

    async def cut_short() -> None:
        """A run that ends while somebody waits."""
        fail(breaker, 5)
        with pytest.raises(TimeoutError), anyio.fail_after(0):
            await breaker.enter(math.inf)

    async def recover() -> None:
        async with anyio.create_task_group() as tasks:
            callers = Callers(breaker, tasks, 3)
            await clock.advance(30)
            callers.permits[callers.probing].succeeded()
            await settle()
            callers.cancel()

    anyio.run(cut_short)
    anyio.run(recover)
    assert state_of(breaker) is State.CLOSED


async def test_a_native_cancellation_frees_the_probes_place_too(breaker: CircuitBreaker, clock: VirtualClock) -> None:
    fail(breaker, 5)
    waiting = [asyncio.create_task(breaker.enter(math.inf)) for _ in range(3)]
    await clock.advance(29)
    waiting[0].cancel()
    await clock.advance(1)
    assert [task.done() for task in waiting] == [True, True, False]
    waiting[1].result().released()
    await settle()
    assert waiting[2].result().probe


@pytest.mark.parametrize(("threshold", "reset_after"), [(0, 30.0), (5, -1.0), (5, math.nan), (5, math.inf)])
def test_numbers_that_make_no_sense_are_refused(threshold: int, reset_after: float) -> None:
    with pytest.raises(UsageError, match="a circuit opens after 1 fault or more"):
        CircuitBreaker("model", threshold=threshold, reset_after=reset_after)
