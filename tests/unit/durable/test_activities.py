import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import select
from tests.journals import PlainCodec, SetClock, activities, claimed, events, kinds

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable.activities import Finished, Gate, JournaledActivities, current_activity, input_hash
from lithograph.durable.commit import committing
from lithograph.durable.journal_thread import ThreadJournal
from lithograph.durable.writes import Owner
from lithograph.errors import (
    ActivityError,
    AnswerError,
    BudgetError,
    ExhaustedError,
    FencedError,
    StorageError,
    TransientError,
)
from lithograph.resilience.retry import RetryPolicy
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity

CLOCK = SetClock()


class Work:
    """Counts its calls and fails the first times."""

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.calls, self.failures, self.error = 0, failures, error or TransientError("come back later")

    async def __call__(self, number: int) -> int:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return 2 * number


@asynccontextmanager
async def journaled(
    storage: Storage,
    owner: Owner,
    *,
    clock: SetClock = CLOCK,
    finished: Mapping[str, Finished] | None = None,
    overrides: Mapping[str, RetryPolicy] | None = None,
    seed: int = 0,
) -> AsyncIterator[JournaledActivities]:
    with committing(storage, clock) as commit, ThreadJournal(commit) as writer:
        yield JournaledActivities(
            owner=owner,
            writer=writer,
            finished=finished or {},
            codec=PlainCodec(),
            context="context",
            clock=clock,
            chance=random.Random(seed),
            overrides=overrides,
            progress=lambda: {"percent": 50},
        )


async def test_the_result_is_durable_before_anyone_has_it(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    async with journaled(storage, owner) as journal:
        assert await journal.run("double/2", Work(), 2) == 4
        assert activities(storage, owner.execution_id) == {"double/2": "completed"}
    with storage.read(DEFAULT_ORGANIZATION) as connection:
        (row,) = connection.execute(select(workflow_activity)).mappings()
    assert (row["result"], row["attempt"], row["epoch"], row["error"]) == (4, 1, owner.epoch, None)
    assert row["input_hash"] == input_hash("context", 2)
    last = events(storage, owner.execution_id)[-1]
    assert last.type == "activity.completed"
    assert last.payload == {"activity": "double/2", "attempt": 1, "duration_ms": 0.0, "percent": 50}


async def test_a_journaled_result_is_given_back_for_the_same_input_only(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    finished = {"double": Finished(input_hash("context", 2), "40"), "else": Finished(input_hash("other", 2), "40")}
    async with journaled(storage, owner, finished=finished) as journal:
        same, changed, context = Work(), Work(), Work()
        assert await journal.run("double", same, 2) == 40
        assert await journal.run("double", changed, 3) == 6
        assert await journal.run("else", context, 2) == 4
    assert (same.calls, changed.calls, context.calls) == (0, 1, 1)


async def test_a_journal_that_is_read_back_lets_others_take_turns(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    turns: list[str] = []

    async def read(journal: JournaledActivities, name: str) -> None:
        for _ in range(3):
            await journal.run("double", Work(), 2)
            turns.append(name)

    done = {"double": Finished(input_hash("context", 2), "4")}
    async with journaled(storage, owner, finished=done) as journal, anyio.create_task_group() as tasks:
        tasks.start_soon(read, journal, "a")
        tasks.start_soon(read, journal, "b")
    assert turns == ["a", "b"] * 3


async def test_a_transient_error_is_tried_again_three_times_after_waits_with_full_jitter(storage: Storage) -> None:
    owner, waits = claimed(storage, CLOCK), list[list[float]]()
    for seed in range(20):
        clock, work = SetClock(), Work(failures=9)
        async with journaled(storage, owner, clock=clock, seed=seed) as journal:
            with pytest.raises(ActivityError, match="come back later") as caught:
                await journal.run("double", work, 2)
        assert (work.calls, caught.value.attempts, len(clock.slept)) == (4, 4, 3)
        waits.append(clock.slept)
    for place, bound in enumerate((1.0, 2.0, 4.0)):
        drawn = [slept[place] for slept in waits]
        assert all(0 <= wait <= bound for wait in drawn)
        assert min(drawn) < bound / 4 < 3 * bound / 4 < max(drawn)


async def test_every_retry_is_told_and_the_next_success_counts(storage: Storage) -> None:
    owner, clock = claimed(storage, CLOCK), SetClock()
    async with journaled(storage, owner, clock=clock) as journal:
        assert await journal.run("double/2", Work(failures=2), 2) == 4
    told = events(storage, owner.execution_id)[1:]
    assert [event.type for event in told] == ["activity.retrying", "activity.retrying", "activity.completed"]
    assert [event.payload["attempt"] for event in told] == [1, 2, 3]
    assert told[0].payload["error"] == "come back later"
    assert [event.payload["wait"] for event in told[:2]] == [round(wait, 3) for wait in clock.slept]
    assert all(event.payload["percent"] == 50 for event in told)


async def test_a_stage_may_have_its_own_policy(storage: Storage) -> None:
    owner, clock = claimed(storage, CLOCK), SetClock()
    overrides = {"mentions": RetryPolicy(retries=1, first=0.0)}
    async with journaled(storage, owner, clock=clock, overrides=overrides) as journal:
        for name, tries in (("mentions/c1", 2), ("entities/c1", 4)):
            with pytest.raises(ActivityError) as caught:
                await journal.run(name, Work(failures=9), 2)
            assert caught.value.attempts == tries
    assert clock.slept[0] == 0.0


async def test_a_permanent_error_is_not_tried_again_and_journaled(storage: Storage) -> None:
    owner, work = claimed(storage, CLOCK), Work(failures=9, error=AnswerError("nonsense"))
    async with journaled(storage, owner) as journal:
        with pytest.raises(ActivityError, match="nonsense") as caught:
            await journal.run("double/2", work, 2)
    assert (work.calls, caught.value.attempts, caught.value.activity) == (1, 1, "double/2")
    assert isinstance(caught.value.__cause__, AnswerError)
    with storage.read(DEFAULT_ORGANIZATION) as connection:
        (row,) = connection.execute(select(workflow_activity)).mappings()
    assert (row["status"], row["error"], row["attempt"]) == ("failed", "nonsense", 1)
    assert events(storage, owner.execution_id)[-1].payload == {
        "activity": "double/2",
        "attempt": 1,
        "error": "nonsense",
        "percent": 50,
    }


@pytest.mark.parametrize("error", [FencedError("lost"), StorageError("full"), ZeroDivisionError()])
async def test_what_is_not_the_activitys_own_failure_passes_and_is_not_journaled(
    storage: Storage, error: Exception
) -> None:
    owner = claimed(storage, CLOCK)
    async with journaled(storage, owner) as journal:
        with pytest.raises(type(error)):
            await journal.run("double", Work(failures=1, error=error), 2)
        assert journal.gate.in_flight == 0
    assert kinds(storage, owner.execution_id) == ["execution.started"]


async def test_nothing_new_runs_while_the_gate_is_shut(storage: Storage) -> None:
    owner, let, late = claimed(storage, CLOCK), anyio.Event(), Work()

    async def slow(number: int) -> int:
        await let.wait()
        return number

    async with journaled(storage, owner) as journal, anyio.create_task_group() as tasks:
        tasks.start_soon(journal.run, "slow", slow, 1)
        await anyio.wait_all_tasks_blocked()
        journal.gate.close()
        tasks.start_soon(journal.run, "late", late, 1)
        await anyio.wait_all_tasks_blocked()
        assert not journal.gate.idle.is_set()
        let.set()
        await journal.gate.idle.wait()
        assert activities(storage, owner.execution_id) == {"slow": "completed"}
        tasks.cancel_scope.cancel()
    assert late.calls == 0


async def test_a_gate_with_nothing_in_flight_is_idle_when_it_shuts(storage: Storage) -> None:
    async with journaled(storage, claimed(storage, CLOCK)) as journal:
        await journal.run("double", Work(), 1)
        journal.gate.close()
        assert journal.gate.idle.is_set()


async def test_what_a_result_is_worth_is_told_with_it(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)

    async def words(number: int) -> list[str]:
        return ["a", "b"][:number]

    async with journaled(storage, owner) as journal:
        await journal.run("words", words, 2)
    told = events(storage, owner.execution_id)[1:]
    assert [event.type for event in told] == ["activity.completed", "text.found", "text.found"]
    assert told[2].payload == {"activity": "words", "text": "b", "percent": 50}


async def test_what_waits_aside_is_not_in_flight_and_stays_aside_once_the_gate_is_shut() -> None:
    gate, let, went = Gate(), anyio.Event(), list[str]()

    async def work(name: str) -> None:
        await gate.enter()
        try:
            async with gate.aside():
                await let.wait()
            went.append(name)
        finally:
            gate.leave()

    async with anyio.create_task_group() as tasks:
        for name in ("a", "b"):
            tasks.start_soon(work, name)
        await anyio.wait_all_tasks_blocked()
        assert gate.in_flight == 0
        gate.close()
        assert gate.idle.is_set()
        let.set()
        await anyio.wait_all_tasks_blocked()
        assert went == []
        tasks.cancel_scope.cancel()
    assert gate.in_flight == 0


@pytest.mark.parametrize("error", [None, ZeroDivisionError()])
async def test_what_comes_back_from_aside_is_in_flight_again(error: Exception | None) -> None:
    gate = Gate()
    await gate.enter()
    try:
        async with gate.aside():
            if error is not None:
                raise error
    except ZeroDivisionError:
        pass
    assert gate.in_flight == 1
    gate.close()
    assert not gate.idle.is_set()
    gate.leave()
    assert gate.idle.is_set()


async def test_what_blocks_one_activity_shuts_the_gate_and_lets_the_others_end(storage: Storage) -> None:
    owner, let = claimed(storage, CLOCK), anyio.Event()
    spent, late = BudgetError("the budget is spent"), Work()

    async def slow(number: int) -> int:
        await let.wait()
        return number

    async with journaled(storage, owner) as journal, anyio.create_task_group() as tasks:
        tasks.start_soon(journal.run, "slow", slow, 1)
        tasks.start_soon(journal.run, "poor", Work(failures=1, error=spent), 1)
        await anyio.wait_all_tasks_blocked()
        assert journal.gate.blocked is spent
        assert journal.gate.in_flight == 1
        tasks.start_soon(journal.run, "late", late, 1)
        let.set()
        await journal.gate.idle.wait()
        assert activities(storage, owner.execution_id) == {"slow": "completed", "poor": "running"}
        tasks.cancel_scope.cancel()
    assert late.calls == 0
    assert "activity.failed" not in kinds(storage, owner.execution_id)


def test_the_first_reason_to_be_blocked_is_the_one_that_is_told() -> None:
    gate, first = Gate(), BudgetError("first")
    gate.close(first)
    gate.close(BudgetError("second"))
    gate.close()
    assert gate.blocked is first


async def test_a_provider_that_was_asked_often_enough_is_not_asked_again_and_its_attempts_are_told(
    storage: Storage,
) -> None:
    owner, work = claimed(storage, CLOCK), Work(failures=9, error=ExhaustedError("down", attempts=4))
    async with journaled(storage, owner) as journal:
        with pytest.raises(ActivityError, match="down") as caught:
            await journal.run("double/2", work, 2)
    assert (work.calls, caught.value.attempts) == (1, 4)
    with storage.read(DEFAULT_ORGANIZATION) as connection:
        assert connection.execute(select(workflow_activity.c.attempt)).scalar_one() == 4
    assert events(storage, owner.execution_id)[-1].payload["attempt"] == 4


async def test_an_activity_knows_its_name_while_it_runs_and_no_other_one_does(storage: Storage) -> None:
    seen = dict[int, str]()

    async def look(number: int) -> int:
        await anyio.lowlevel.checkpoint()
        seen[number] = current_activity.get()
        return number

    async with journaled(storage, claimed(storage, CLOCK)) as journal, anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(journal.run, f"look/{number}", look, number)
    assert seen == {number: f"look/{number}" for number in range(3)}
    assert current_activity.get() == ""
