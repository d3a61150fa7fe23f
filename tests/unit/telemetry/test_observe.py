"""What observers are told of, by the real parts that tell them."""

from dataclasses import dataclass, field

import anyio
import pytest
from tests.journals import ORGANIZATION, Steps, claimed, run, started, worker
from tests.provided import COST, DOWN, World, first

from lithograph.domain.usage import Usage
from lithograph.durable import executions
from lithograph.durable.clock import SystemClock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Lease, change
from lithograph.durable.status import Status
from lithograph.errors import AnswerError, BudgetError, OverloadedError, RateLimitedError, RejectedError
from lithograph.storage.open import Storage
from lithograph.telemetry.observe import (
    Ended,
    Observed,
    Observer,
    Subject,
    Watch,
    current_subject,
    observing,
    watch_activity,
    watch_call,
)

CLOCK = SystemClock()


@dataclass
class Told(Observer):
    """Remembers what it is told."""

    ends: list[tuple[str, str]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    loads: list[tuple[int, int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    circuits: list[str] = field(default_factory=list)
    costs: list[Usage] = field(default_factory=list)
    subjects: list[Subject | None] = field(default_factory=list)
    providers: list[str] = field(default_factory=list)

    def _end(self, what: str) -> Ended:
        def ended(outcome: str, seconds: float, usage: Usage) -> None:
            assert seconds >= 0
            self.ends.append((what, str(outcome)))
            self.costs.append(usage)

        return ended

    def run(self, subject: Subject) -> Ended:
        return self._end("run")

    def loaded(self, subject: Subject, replayed: int, repeated: int) -> None:
        self.loads.append((replayed, repeated))

    def activity(self, name: str, attempt: int) -> Ended:
        self.subjects.append(current_subject.get())
        return self._end(f"{name} {attempt}")

    def call(self, model: str, task: str) -> Ended:
        return self._end(f"{model} {task}")

    def changed(self, subject: Subject, change: str) -> None:
        self.changes.append(change)

    def waited(self, model: str, seconds: float) -> None:
        self.waits.append(seconds)

    def circuit_changed(self, model: str, state: str) -> None:
        self.circuits.append(str(state))

    def provider(self, provider: Observed) -> None:
        self.providers.append(provider.name)


async def test_a_run_is_told_of_from_its_claim_to_its_end(storage: Storage) -> None:
    told, execution = Told(), started(storage, CLOCK).id
    with observing(told):
        await run(worker(storage), execution, Steps("a", "b"))
    assert told.changes == ["started", "completed"]
    assert told.ends == [("step/a 1", "completed"), ("step/b 1", "completed"), ("run", "completed")]
    assert told.loads == [(0, 0)]
    assert {subject and subject.execution_id for subject in told.subjects} == {execution}
    assert current_subject.get() is None


async def test_attempts_are_told_of_one_by_one(storage: Storage) -> None:
    faults = iter([DOWN, DOWN])

    async def fail() -> None:
        for fault in faults:
            raise fault

    told, execution = Told(), started(storage, CLOCK).id
    with observing(told):
        await run(worker(storage), execution, Steps("a", a=fail))
    assert [end for end in told.ends if end[0] != "run"] == [
        ("step/a 1", "retried"),
        ("step/a 2", "retried"),
        ("step/a 3", "completed"),
    ]


@pytest.mark.parametrize(
    ("error", "outcome", "change"),
    [(AnswerError("nonsense"), "failed", "failed"), (BudgetError("no money"), "blocked", "suspended")],
)
async def test_an_activity_that_ends_badly(storage: Storage, error: Exception, outcome: str, change: str) -> None:
    async def fail() -> None:
        raise error

    told, execution = Told(), started(storage, CLOCK).id
    with observing(told):
        await run(worker(storage), execution, Steps("a", a=fail))
    assert told.ends == [("step/a 1", outcome), ("run", change)]
    assert told.changes == ["started", change]


async def test_what_was_in_flight_is_told_of_when_another_goes_on(storage: Storage) -> None:
    begun = anyio.Event()

    async def hang() -> None:
        begun.set()
        await anyio.sleep_forever()

    told, execution = Told(), started(storage, CLOCK).id
    at = worker(storage, lease=Lease("w1", sole=True))
    with observing(told):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, at, execution, Steps("a", "b", b=hang))
            await begun.wait()
            tasks.cancel_scope.cancel()
        await run(at, execution, Steps("a", "b"))
    assert told.loads == [(0, 0), (1, 1)]
    assert ("step/b 1", "interrupted") in told.ends
    assert told.changes == ["started", "resumed", "completed"]


async def test_a_recovery_and_a_change_from_outside_are_told_of(storage: Storage) -> None:
    told, lost = Told(), claimed(storage, CLOCK)
    with observing(told):
        executions.claim(storage, ORGANIZATION, lost.execution_id, Lease("w2", sole=True), CLOCK)
        change(storage, ORGANIZATION, lost.execution_id, Status.CANCELLED, CLOCK)
    assert told.changes == ["recovered", "cancelled"]


def test_what_is_rolled_back_is_not_told_of(storage: Storage) -> None:
    told, owner = Told(), claimed(storage, CLOCK)
    now = timestamp(CLOCK.now())

    def fail() -> None:
        with transaction(storage, ORGANIZATION, Transaction.FINISH) as connection:
            assert executions.finish(connection, owner, Status.COMPLETED, now, values={}, payload={})
            raise ZeroDivisionError

    with observing(told), pytest.raises(ZeroDivisionError):
        fail()
    with observing(told), transaction(storage, ORGANIZATION, Transaction.CONTROL):
        pass
    assert told.changes == []


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DOWN, "unavailable"),
        (OverloadedError("busy"), "overloaded"),
        (RateLimitedError("later"), "rate_limited"),
        (RejectedError("wrong key"), "rejected"),
        (AnswerError("none"), "unusable"),
    ],
)
async def test_a_call_is_told_of_with_what_it_cost_and_how_it_failed(error: Exception, outcome: str) -> None:
    told = Told()
    with observing(told):
        world = World(first(error))
        await world.end()
    assert told.providers == ["openai:gpt"]
    assert told.ends[0] == ("openai:gpt mentions", outcome)
    assert told.costs[0] == Usage()
    if len(told.ends) > 1:
        assert (told.ends[-1], told.costs[-1]) == (("openai:gpt mentions", "completed"), COST)


async def test_waits_and_circuits_are_told_of() -> None:
    told = Told()
    with observing(told):
        world = World(first(*[DOWN] * 5), concurrency=1)
        await world.ends([world.patient(), world.patient()])
    assert told.circuits == ["open", "half_open", "closed"]
    assert max(told.waits) > 0


def test_with_nobody_there_nothing_is_watched() -> None:
    assert watch_activity("a/b", 1) is watch_call("m", "t")


def test_only_the_first_word_on_an_end_counts() -> None:
    heard: list[str] = []
    watch = Watch((lambda outcome, seconds, usage: heard.append(outcome), None))
    with watch:
        watch.end("failed")
        watch.end("completed")
    assert heard == ["failed"]
