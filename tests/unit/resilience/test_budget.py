import math
from collections.abc import Sequence
from dataclasses import dataclass

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.clocks import settle

from lithograph.domain.usage import NOTHING, Usage
from lithograph.errors import BudgetError, UsageError
from lithograph.resilience.budget import Budget, Limits, Reservations, reserve


def used(tokens: int, dollars: float = 0.0) -> Usage:
    """What one call used, a third of it sent."""
    return Usage(1, tokens // 3, tokens - tokens // 3, dollars)


@pytest.fixture
def told() -> list[int]:
    """The totals of tokens that were booked."""
    return []


@pytest.fixture
def budget(told: list[int]) -> Budget:
    return Budget("execution e1", Limits(tokens=100), booked=lambda spent: told.append(spent.tokens))


async def test_what_was_used_is_booked_and_the_rest_is_free_again(budget: Budget, told: list[int]) -> None:
    for actual in (30, 0, 50):
        with await reserve([budget], used(50)) as held:
            held.settle(used(actual))
    assert told == [30, 30, 80]
    assert (budget.spent.tokens, budget.spent.calls) == (80, 3)
    assert budget.fits(used(20))


async def test_a_call_that_told_nothing_costs_nothing(budget: Budget, told: list[int]) -> None:
    with pytest.raises(ZeroDivisionError), await reserve([budget], used(100)):
        raise ZeroDivisionError
    assert (budget.spent, told) == (NOTHING, [])
    assert budget.fits(used(100))


@pytest.mark.parametrize(
    ("limits", "most", "limit"),
    [
        (Limits(tokens=1_000), used(921), "1,000 tokens"),
        (Limits(cost_usd=0.5), used(1, 0.26), "0.5 US dollars"),
        (Limits(1_000, 0.5), used(1, 0.26), "0.5 US dollars"),
    ],
)
async def test_what_can_never_fit_is_refused_and_says_which_limit_whose_and_what_is_spent(
    limits: Limits, most: Usage, limit: str
) -> None:
    budget = Budget("execution e1", limits, used(80, 0.25))
    with pytest.raises(
        BudgetError, match=f"budget of execution e1, {limit}, .*: 80 tokens and 0.2500 US dollars are spent"
    ):
        await reserve([budget], most)


async def test_what_fits_to_the_last_token_and_cent_is_allowed() -> None:
    budget = Budget("it", Limits(100, 0.5), used(80, 0.25))
    with await reserve([budget], used(20, 0.25)) as held:
        held.settle(used(20, 0.25))
    assert budget.spent.tokens == 100


async def test_who_waits_for_a_reservation_goes_on_when_it_turns_out_to_be_less(budget: Budget) -> None:
    first, order = await reserve([budget], used(80)), list[str]()

    async def second() -> None:
        with await reserve([budget], used(60)):
            order.append("second")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second)
        await settle()
        assert order == []
        first.settle(used(40))
    assert order == ["second"]


async def test_who_waits_for_a_reservation_is_refused_when_nothing_is_left_of_it(budget: Budget) -> None:
    first, refused = await reserve([budget], used(80)), list[str]()

    async def second() -> None:
        with pytest.raises(BudgetError):
            await reserve([budget], used(60))
        refused.append("second")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second)
        await settle()
        assert refused == []
        first.settle(used(80))
    assert refused == ["second"]


async def test_who_gives_up_waiting_holds_nothing_back(budget: Budget) -> None:
    other = Budget("organisation acme", Limits(tokens=500))
    first = await reserve([budget], used(80))
    with anyio.move_on_after(0):
        await reserve([other, budget], used(60))
    first.close()
    assert budget.fits(used(100))
    assert other.fits(used(500))


async def test_of_two_budgets_both_are_respected() -> None:
    own, all_ = Budget("execution e1", Limits(tokens=100)), Budget("organisation acme", Limits(tokens=150), used(90))
    with pytest.raises(BudgetError, match="organisation acme"):
        await reserve([own, all_], used(70))
    with await reserve([own, all_], used(60)) as held:
        held.settle(used(40))
    assert (own.spent.tokens, all_.spent.tokens) == (40, 130)
    with pytest.raises(BudgetError, match="execution e1"):
        await reserve([own, Budget("organisation acme", Limits())], used(61))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tokens": 0},
        {"tokens": -5},
        {"tokens": 10**20},
        {"cost_usd": 0.0},
        {"cost_usd": math.nan},
        {"cost_usd": math.inf},
    ],
)
def test_a_budget_that_allows_nothing_or_that_no_database_holds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="a budget has"):
        Limits(**wrong)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Spending:
    """A call: what it may cost, which share of that it does cost, and how many turns of the loop it takes."""

    most: Usage
    share: float
    turns: int
    fails: bool

    @property
    def actual(self) -> Usage:
        return Usage(
            1,
            int(self.most.input_tokens * self.share),
            int(self.most.output_tokens * self.share),
            self.most.cost_usd * self.share,
        )


spendings = st.builds(
    Spending,
    st.builds(Usage, st.just(1), st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.0, 0.01, 0.2, 0.75])),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 3),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(calls=st.lists(spendings, max_size=25), tokens=st.integers(1, 400), dollars=st.sampled_from([0.1, 1.0, 3.0]))
def test_no_limit_is_crossed_by_any_calls_at_once_and_nobody_waits_for_ever(
    calls: Sequence[Spending], tokens: int, dollars: float
) -> None:
    limits = [Limits(tokens=tokens), Limits(cost_usd=dollars)]

    async def spend(call: Spending, budgets: Sequence[Budget], refused: list[Spending]) -> None:
        try:
            held: Reservations = await reserve(budgets, call.most)
        except BudgetError:
            refused.append(call)
            return
        with held:
            for _ in range(call.turns):
                await anyio.lowlevel.checkpoint()
            if not call.fails:
                held.settle(call.actual)

    async def main() -> None:
        budgets, refused = [Budget("one of two", limit) for limit in limits], list[Spending]()
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for call in calls:
                    tasks.start_soon(spend, call, budgets, refused)
        for budget, limit in zip(budgets, limits, strict=True):
            assert limit.exceeded_by(budget.spent) is None
        allowed = [call for call in calls if call not in refused and not call.fails]
        assert sum(call.actual.tokens for call in allowed) <= budgets[0].spent.tokens
        for call in refused:
            assert any(
                limit.exceeded_by(budget.spent + call.most) for budget, limit in zip(budgets, limits, strict=True)
            )

    anyio.run(main)
