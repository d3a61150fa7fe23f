from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import delete, insert, update
from tests.journals import SetClock, claimed, new, seen, worker

from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.domain.usage import Usage
from lithograph.durable.commit import committing
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.journal_thread import ThreadJournal
from lithograph.durable.run import Worker
from lithograph.durable.writes import Owner
from lithograph.errors import BudgetError
from lithograph.resilience.budget import Budget, Limits, reserve
from lithograph.storage.open import Storage
from lithograph.storage.schema import organization, spending, workflow_execution
from lithograph.workflow.spending import budgets_of, standing_of

CLOCK = SetClock()
CALL = Usage(1, 30, 10, 0.25)


@asynccontextmanager
async def budgets(
    storage: Storage, owner: Owner, limits: Limits, of: Worker | None = None
) -> AsyncIterator[tuple[Budget, ...]]:
    """Give the budgets of a run, of a process of its own unless `of` is given; what it spends is in the database when
    it has ended.
    """
    with committing(storage, CLOCK) as commit, ThreadJournal(commit) as writer:
        yield budgets_of(of or worker(storage), owner, limits, standing_of(storage, owner), writer)


async def spend(of: tuple[Budget, ...], used: Usage = CALL) -> None:
    with await reserve(of, used) as held:
        held.settle(used)


def allow_all(storage: Storage, **limits: object) -> None:
    with transaction(storage, DEFAULT_ORGANIZATION, Transaction.CONTROL) as connection:
        connection.execute(update(organization).values(limits))


async def test_what_an_execution_spends_is_in_its_row_and_counts_when_it_goes_on(storage: Storage) -> None:
    owner, limits = claimed(storage, CLOCK), Limits(tokens=100, cost_usd=10.0)
    async with budgets(storage, owner, limits) as own:
        for _ in range(2):
            await spend(own)
    found = seen(storage, owner.execution_id)
    assert (found.spent_tokens, found.spent_cost_usd) == (80, 0.5)
    async with budgets(storage, owner, limits) as own:
        with pytest.raises(BudgetError, match=r"this execution, 100 tokens, .*: 80 tokens and 0.5000"):
            await spend(own)
        await spend(own, Usage(1, 20, 0, 0.0))
    assert seen(storage, owner.execution_id).spent_tokens == 100


async def test_an_execution_without_limits_is_counted_all_the_same(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    async with budgets(storage, owner, Limits()) as own:
        await spend(own)
    assert seen(storage, owner.execution_id).spent_tokens == 40


async def test_what_all_executions_of_an_organisation_spend_counts_against_its_own_limits(storage: Storage) -> None:
    one, other = claimed(storage, CLOCK), claimed(storage, CLOCK, new("two"))
    allow_all(storage, max_tokens=100, max_cost_usd=None)
    for owner in (one, other):
        async with budgets(storage, owner, Limits()) as both:
            await spend(both)
    async with budgets(storage, one, Limits(tokens=1_000)) as both:
        assert [budget.spent.tokens for budget in both] == [40, 80]
        with pytest.raises(BudgetError, match="organisation default, 100 tokens"):
            await spend(both)
        await spend(both, Usage(1, 20))
    assert seen(storage, one.execution_id).spent_tokens == 60
    assert seen(storage, other.execution_id).spent_tokens == 40


async def test_what_another_organisation_spends_does_not_count(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    allow_all(storage, max_tokens=None, max_cost_usd=1.0)
    elsewhere = claimed(storage, CLOCK, new("two", OrganizationId("acme")))
    with transaction(storage, elsewhere.organization_id, Transaction.CONTROL) as connection:
        theirs = {"organization_id": elsewhere.organization_id, "slot": 0, "tokens": 9, "cost_usd": 9.0}
        connection.execute(insert(spending), theirs)
    async with budgets(storage, owner, Limits()) as both:
        assert both[1].spent == Usage()
        await spend(both)


async def test_a_worker_that_lost_its_execution_books_nothing(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    async with budgets(storage, owner, Limits()) as own:
        with transaction(storage, DEFAULT_ORGANIZATION, Transaction.CONTROL) as connection:
            connection.execute(update(workflow_execution).values(epoch=owner.epoch + 1))
        await spend(own)
    assert seen(storage, owner.execution_id).spent_tokens == 0


async def test_executions_of_one_process_share_the_budget_of_their_organisation(storage: Storage) -> None:
    one, other = claimed(storage, CLOCK), claimed(storage, CLOCK, new("other"))
    allow_all(storage, max_tokens=100)
    process = worker(storage)
    async with budgets(storage, one, Limits(), process) as own, budgets(storage, other, Limits(), process) as its:
        await spend(own)
        await spend(its)
        with pytest.raises(BudgetError, match="organisation"):
            await spend(own)


async def test_other_limits_of_an_organisation_count_for_all_that_it_runs_and_nothing_is_spent_twice(
    storage: Storage,
) -> None:
    one, other, third = (claimed(storage, CLOCK, new(key)) for key in ("one", "other", "third"))
    allow_all(storage, max_tokens=100)
    process = worker(storage)
    async with budgets(storage, one, Limits(), process) as first:
        await spend(first)
        allow_all(storage, max_tokens=None)
        async with budgets(storage, other, Limits(), process) as unlimited:
            await spend(unlimited)
            await spend(unlimited)
        allow_all(storage, max_tokens=150)
        async with budgets(storage, third, Limits(), process) as again:
            for own in (first, again):
                with pytest.raises(BudgetError, match=r"150 tokens, .*: 120 tokens"):
                    await spend(own)


async def test_what_another_process_has_spent_counts_from_the_next_execution_on(storage: Storage) -> None:
    one, elsewhere, other = (claimed(storage, CLOCK, new(key)) for key in ("one", "elsewhere", "other"))
    allow_all(storage, max_tokens=100)
    process = worker(storage)
    async with budgets(storage, one, Limits(), process) as own:
        async with budgets(storage, elsewhere, Limits()) as its:
            await spend(its)
            await spend(its)
        async with budgets(storage, other, Limits(), process) as also:
            for every in (own, also):
                with pytest.raises(BudgetError, match="80 tokens"):
                    await spend(every)


async def test_an_organisation_that_is_made_anew_has_spent_nothing(storage: Storage) -> None:
    owner, process = claimed(storage, CLOCK), worker(storage)
    allow_all(storage, max_tokens=100)
    async with budgets(storage, owner, Limits(), process) as own:
        await spend(own)
    del own
    with transaction(storage, DEFAULT_ORGANIZATION, Transaction.CONTROL) as connection:
        connection.execute(delete(spending))
    async with budgets(storage, owner, Limits(), process) as own:
        assert own[1].spent == Usage()
