from dataclasses import replace
from itertools import pairwise

import anyio
import pytest
from tests.clocks import settle
from tests.provided import COST, DOWN, PATIENT, Aside, World, at_once, down_until, first, never

from lithograph.domain.usage import Usage
from lithograph.errors import (
    AnswerError,
    BudgetError,
    CircuitOpenError,
    ExhaustedError,
    OutageError,
    OverloadedError,
    RateLimitedError,
    RejectedError,
    TransientError,
    UnavailableError,
)
from lithograph.resilience.breaker import State
from lithograph.resilience.budget import Budget, Limits
from lithograph.resilience.policy import Timeouts
from lithograph.resilience.provider import Notice, NoticeKind


async def test_a_fault_is_tried_again_three_times_each_with_a_slot_and_a_reservation_of_its_own() -> None:
    world, aside = World(first(*[DOWN] * 3)), Aside()
    budget = Budget("it", Limits(tokens=30))
    held: list[tuple[int, bool, int]] = []

    def look() -> None:
        held.append((world.provider.limiter.running, budget._reserved != {}, aside.waiting))

    async def make() -> str:
        look()
        return await world.make()

    async def sleep(seconds: float) -> None:
        look()
        await world.clock.sleep(seconds)

    world.provider.sleep = sleep
    assert await world.end(replace(world.scope, budgets=(budget,), aside=aside), world.call(make)) == "yes"
    assert held == [(1, True, 0), (0, False, 1)] * 3 + [(1, True, 0)]
    assert world.provider.limiter.granted == 4
    assert budget.spent == COST


async def test_after_the_last_attempt_the_error_says_how_many_there_were() -> None:
    world = World(lambda: DOWN)
    end = await world.end()
    assert isinstance(end, ExhaustedError)
    assert (end.attempts, str(end), end.__cause__) == (4, "the provider is down", DOWN)
    assert len(world.asked) == 4
    told = [notice.payload for notice in world.told]
    assert [payload["attempt"] for payload in told] == [1, 2, 3]
    assert all(payload["task"] == "mentions" and payload["error"] == "the provider is down" for payload in told)
    gaps = [later - earlier - 1.0 for earlier, later in pairwise(world.asked)]
    assert [payload["wait"] for payload in told] == pytest.approx(gaps, abs=1e-3)
    assert world.kinds() == [NoticeKind.RETRYING] * 3


@pytest.mark.parametrize("error", [AnswerError("too long"), RejectedError("wrong key"), ZeroDivisionError()])
async def test_what_no_other_try_changes_passes_and_does_not_open_the_circuit(error: Exception) -> None:
    world = World(lambda: error)
    for _ in range(10):
        assert await world.end() is error
    assert len(world.asked) == 10
    assert (world.provider.circuit.state, world.provider.metrics().faults, world.told) == (State.CLOSED, 0, [])
    assert world.at_rest()


async def test_a_rate_limit_whose_end_is_named_holds_everybody_and_costs_no_attempt() -> None:
    later = RateLimitedError("later", retry_after=60.0)
    world = World(first(*[later] * 6), retries=0)
    one, other = await world.ends([world.scope] * 2)
    assert (one, other) == ("yes", "yes")
    assert world.asked == [0, 0, 61, 61, 122, 122, 183, 183]
    assert world.provider.circuit.state is State.CLOSED
    found = world.provider.metrics()
    assert (found.rate_limited, found.faults, found.allowed) == (6, 0, 4)
    assert {notice.kind for notice in world.told} == {NoticeKind.RATE_LIMITED}
    assert world.told[0].payload == {"model": "openai:gpt", "task": "mentions", "retry_after": 60.0}


async def test_a_rate_limit_without_an_end_is_a_fault() -> None:
    world = World(lambda: RateLimitedError("too much"))
    end = await world.end()
    assert isinstance(end, ExhaustedError)
    assert world.provider.metrics().faults == 4
    assert world.kinds() == [NoticeKind.RATE_LIMITED, NoticeKind.RETRYING] * 3 + [NoticeKind.RATE_LIMITED]


async def test_who_hears_later_for_a_quarter_of_an_hour_is_cut_off_by_an_outage() -> None:
    world = World(lambda: RateLimitedError("later", retry_after=100.0))
    end = await world.end()
    assert isinstance(end, OutageError)
    assert "says `later` for too long" in str(end)
    assert world.asked[-1] < 901


async def test_nobody_waits_for_a_day_because_a_provider_says_so() -> None:
    world = World(lambda: RateLimitedError("later", retry_after=86_400.0))
    assert isinstance(await world.end(world.patient()), OutageError)
    assert world.asked == [0]


async def test_while_a_provider_says_later_for_a_day_nobody_else_waits_either() -> None:
    world = World()
    world.provider.refuse(86_400.0, longest=900.0)
    end = await world.end(world.patient())
    assert isinstance(end, OutageError)
    assert "not to be asked for another 3600 s" in str(end)
    assert (world.asked, world.kinds(), world.at_rest()) == ([], [NoticeKind.RATE_LIMITED], True)
    world.clock.time = world.provider.refuses_until
    assert await world.end() == "yes"


async def test_who_waits_already_when_a_provider_says_later_for_a_day_waits_for_a_quarter_of_an_hour() -> None:
    world = World(first(RateLimitedError("later", retry_after=86_400.0)), concurrency=1)
    refused, *others = await world.ends([world.scope] * 3)  # the second is asked before the first one's answer is read
    assert isinstance(refused, OutageError)
    assert (others, world.asked) == (["yes", "yes"], [0, 1, 901])


async def test_only_what_a_provider_says_without_a_break_is_for_too_long() -> None:
    later = RateLimitedError("later", retry_after=1.0)
    world = World(first(later, DOWN, later))

    async def sleep(seconds: float) -> None:
        world.clock.time += 1_000.0

    world.provider.sleep = sleep
    assert await world.end() == "yes"


async def test_without_patience_an_open_circuit_fails_at_once_and_asks_nobody() -> None:
    world = World()
    await world.open()
    end = await world.end()
    assert isinstance(end, CircuitOpenError)
    assert (end.seconds, world.asked, world.told) == (30.0, [], [])


async def test_with_patience_it_is_waited_for_at_no_attempt() -> None:
    world = World(retries=0)
    await world.open()
    assert await world.end(world.patient()) == "yes"
    assert world.asked == [30.0]
    assert world.kinds() == [NoticeKind.CIRCUIT_CLOSED]


async def test_a_probe_that_fails_costs_a_patient_call_no_attempt() -> None:
    world = World(first(*[DOWN] * 8), retries=0)
    await world.open()
    assert await world.end(world.patient()) == "yes"
    assert len(world.asked) == 9
    assert world.kinds() == [NoticeKind.CIRCUIT_OPENED] * 8 + [NoticeKind.CIRCUIT_CLOSED]


async def test_a_probe_that_fails_costs_an_impatient_call_an_attempt() -> None:
    world = World(lambda: DOWN, retries=0)
    await world.open()
    world.clock.time += 30.0
    end = await world.end()
    assert isinstance(end, ExhaustedError)
    assert end.attempts == 1


async def test_a_probe_that_says_nothing_of_the_circuit_costs_an_attempt_all_the_same() -> None:
    world = World(lambda: TransientError("something else"), retries=2)
    await world.open()
    end = await world.end(world.patient())
    assert isinstance(end, ExhaustedError)
    assert len(world.asked) == 3


@pytest.mark.parametrize("callers", [1, 7, 60])
async def test_an_outage_longer_than_the_patience_ends_every_call(callers: int) -> None:
    world = World(lambda: DOWN)
    await world.open()
    ends = await world.ends([world.patient()] * callers)
    assert {type(end) for end in ends} == {OutageError}
    assert "has lasted for 900 s" in str(ends[0])
    assert PATIENT <= world.asked[-1] + 30 < PATIENT + 40
    assert len(world.asked) <= 30


async def test_two_outages_each_have_the_whole_patience() -> None:
    world = World()
    world.behaviour = lambda: "yes" if 806 <= world.clock.now() < 806.5 or world.clock.now() > 1_700 else DOWN
    await world.open()

    async def others() -> None:
        await world.clock.sleep(806.5)
        await world.open()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        assert await world.ends([world.patient(1_000.0)] * 2) == ["yes", "yes"]
    assert 806 in world.asked
    assert 1_700 < world.asked[-1] < 1_750


async def test_a_call_whose_turn_comes_when_the_circuit_has_opened_is_not_made() -> None:
    world = World(lambda: DOWN, concurrency=5)
    ends = await world.ends([world.scope] * 12)
    assert [type(end) for end in ends] == [CircuitOpenError] * 12
    # Of five that fail in the same moment, four give their slots to others before the circuit is open.
    assert world.asked == [0.0] * 5 + [1.0] * 4
    assert world.provider.limiter.granted == 12
    assert world.provider.limiter._requests.used == 9
    assert world.at_rest()


async def test_two_hundred_callers_ask_little_more_than_their_slots_and_probes_in_an_outage_and_all_succeed() -> None:
    world = World()
    down_until(world, 300.0)
    ends = await world.ends([world.patient()] * 200)
    assert ends == ["yes"] * 200
    before = [at for at in world.asked if at < 30]
    probes = [at for at in world.asked if 30 <= at < 299]
    assert before == [0.0] * 20 + [1.0] * 4  # the circuit opens at the fifth fault
    assert len(probes) == 9
    assert all(later - earlier >= 30 for earlier, later in pairwise(probes))
    assert len(world.asked) == 24 + 9 + 200
    assert world.kinds().count(NoticeKind.CIRCUIT_CLOSED) == 1
    assert world.asked[-1] < 300 + 30 + 15


async def test_an_overloaded_provider_counts_as_one_that_fails() -> None:
    world = World(lambda: OverloadedError("high demand"))
    for end in await world.ends([world.scope] * 5):
        assert isinstance(end, CircuitOpenError)
    assert world.provider.metrics().opened == 1


async def test_an_answer_that_does_not_come_in_time_is_a_fault() -> None:
    world = World()
    call = world.call(never, Timeouts(hard=0.0))
    end = await world.end(None, call)
    assert isinstance(end, ExhaustedError)
    assert str(end) == "openai:gpt did not answer within 0 s"
    assert isinstance(end.__cause__, UnavailableError)
    assert isinstance(await world.end(None, call), CircuitOpenError)
    assert world.provider.metrics().faults == 5
    assert world.at_rest()


async def test_a_call_that_takes_long_is_told_of_once_and_one_that_does_not_never() -> None:
    world, slow = World(), anyio.Event()

    async def make() -> str:
        await slow.wait()
        return "yes"

    def told(notice: Notice) -> None:
        world.told.append(notice)
        slow.set()

    world.scope = replace(world.scope, told=told)
    assert await world.policy.call(world.call(make, Timeouts(soft=0.0)), world.scope) == "yes"
    assert await world.policy.call(world.call(at_once, Timeouts(soft=0.0)), world.scope) == "yes"
    await settle()
    assert [(notice.kind, notice.payload) for notice in world.told] == [
        (NoticeKind.SLOW, {"model": "openai:gpt", "task": "mentions", "seconds": 0.0})
    ]


async def test_a_budget_comes_before_everything_else() -> None:
    world = World()
    await world.open()
    world.provider.limiter.hold(60.0)
    poor = Budget("execution e1", Limits(tokens=29))
    assert isinstance(await world.end(replace(world.patient(), budgets=(poor,))), BudgetError)
    assert (world.asked, world.provider.limiter.granted) == ([], 0)


async def test_what_answers_cost_is_settled_with_budgets_and_limits() -> None:
    world, booked = World(), list[Usage]()
    mine, ours = Budget("mine", Limits(tokens=100), booked=booked.append), Budget("ours", Limits(cost_usd=1.2))
    scope = replace(world.scope, budgets=(mine, ours))
    ends = await world.ends([scope] * 3)
    assert [type(end) for end in ends] == [str, str, BudgetError]
    assert [(spent.calls, spent.tokens, spent.cost_usd) for spent in booked] == [(1, 30, 0.5), (2, 60, 1.0)]
    assert ours.spent == mine.spent
    assert world.provider.limiter._tokens.used == 60


async def test_every_wait_is_aside_and_no_request_is() -> None:
    aside, seen = Aside(), list[int]()
    world = World(first(DOWN, RateLimitedError("later", 60.0)), concurrency=1)
    behaviour = world.behaviour

    def look() -> "str | Exception":
        seen.append(aside.waiting)
        return behaviour()

    world.behaviour = look
    scope = replace(world.patient(), aside=aside)
    budget = Budget("it", Limits(tokens=59))

    ends = await world.ends([scope, scope, *[replace(scope, budgets=(budget,))] * 2])
    # One asks; one waits for its slot, and of those with a budget one does and one for the other's reservation. Then
    # the first waits to try again, and in the end for the rate limit.
    assert seen == [3, 3, 3, 1, 0]
    assert [type(end) for end in ends] == [str, str, str, BudgetError]
    assert aside.waiting == 0


@pytest.mark.parametrize("awaited", ["a slot", "the probe", "a reservation"])
async def test_what_comes_to_a_call_that_may_not_go_on_is_given_back_when_it_is_cancelled(awaited: str) -> None:
    aside, world = Aside(), World(concurrency=1)
    budget = Budget("it", Limits(tokens=30))
    scope = replace(world.patient(), aside=aside, budgets=(budget,) if awaited == "a reservation" else ())
    held = await world.provider.limiter.acquire(0)
    first_reservation = budget.reserve(COST)
    if awaited == "the probe":
        held.withdraw()
        await world.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.policy.call, world.call(), scope)
        await settle()
        assert aside.waiting == 1
        aside.shut = True
        held.withdraw()
        first_reservation.settle(Usage())
        await world.clock.advance(30.0)
        tasks.cancel_scope.cancel()
    assert world.asked == []
    assert world.at_rest()
    assert budget.fits(COST)
    assert world.provider.limiter._requests.used == 0


async def test_who_gets_the_slot_asks_before_the_answer_that_freed_it_is_worked_on() -> None:
    world, happened = World(concurrency=1), list[str]()

    async def make() -> str:
        happened.append("asks")
        return await world.make()

    async def one() -> None:
        await world.policy.call(world.call(make), world.scope)
        happened.append("works")

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(one)
        await world.clock.advance(10.0)
    assert happened == ["asks", "asks", "works", "asks", "works", "works"]


async def test_an_answer_that_has_come_is_given_although_the_call_is_cancelled_in_that_moment() -> None:
    world, given = World(), list[str]()

    async def one() -> None:
        given.append(await world.policy.call(world.call(make), world.scope))
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:

        async def make() -> str:
            tasks.cancel_scope.cancel()
            return "yes"

        tasks.start_soon(one)
    assert given == ["yes"]
