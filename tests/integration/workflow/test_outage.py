"""A provider that is away: calls wait, then the execution is suspended, and it goes on by itself."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
import anyio.to_thread
import pytest
from tests.journals import DEADLINE, ORGANIZATION, events, gapless, kinds, seen, until, worker

from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.domain.ids import ExecutionId
from lithograph.durable import executions, signals
from lithograph.durable.clock import SystemClock
from lithograph.durable.executions import Execution
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.errors import RejectedError
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.graph.export.result_json import canonical_bytes
from lithograph.models.prices import PriceTable
from lithograph.ontology.load import ontology_from_bytes
from lithograph.resilience.breaker import State
from lithograph.resilience.provider import Provider, ProviderLimits
from lithograph.resilience.retry import RetryPolicy
from lithograph.storage.open import Storage
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model import FakeModel, RunningFakeModel, serve_fake_model
from lithograph.workflow.extraction import result_of_execution, start_extraction
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Part, Plan, Watching, run_one

ONTOLOGY = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
DOCUMENT = Document.from_text(generated_text(10), source="annals.txt")
CONCURRENCY = 4
THRESHOLD = 5
AWAY = "outage=0-1000"
CLOCK = SystemClock()


class Hasty(SystemClock):
    """A clock on which nobody sleeps for long."""

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(min(seconds, 0.05))


@dataclass(slots=True)
class Scene:
    """One execution, and the provider that it asks."""

    storage: Storage
    running: RunningFakeModel
    models: Models
    execution_id: ExecutionId
    away: list[Execution] = field(default_factory=list)
    """The execution, whenever it was suspended for want of the provider."""

    @property
    def provider(self) -> Provider:
        (caller,) = self.models._callers.values()
        return caller.policy.provider

    def send_away(self) -> None:
        self.running.model.fail(AWAY)

    def call_back(self) -> None:
        self.running.model.fail("")

    async def run(self, at: Worker) -> Part:
        watching = Watching(away=self.away.append)
        with anyio.fail_after(DEADLINE):
            return await run_one(at, self.execution_id, ORGANIZATION, named=self.models, watching=watching)

    async def asked(self, name: str) -> None:
        await anyio.to_thread.run_sync(signals.send, self.storage, ORGANIZATION, self.execution_id, name, CLOCK)

    async def result(self) -> bytes:
        load = partial(result_of_execution, self.storage, ORGANIZATION, self.execution_id)
        return canonical_bytes(await anyio.to_thread.run_sync(load))


@asynccontextmanager
async def scene(storage: Storage, *, reset_after: float, key: str = "") -> AsyncIterator[Scene]:
    """Give an execution that nobody runs yet."""
    async with serve_fake_model(FakeModel(latency=0.02, key=key)) as running:
        limits = ProviderLimits(CONCURRENCY, threshold=THRESHOLD, reset_after=reset_after)
        models = Models(limits, PriceTable({}), {"OPENAI_API_KEY": key}, RetryPolicy(first=0.01))
        choice = ModelChoice("openai:fake", running.url)
        plan = Plan(ONTOLOGY, choice, ExtractionSettings(concurrency=CONCURRENCY))
        start = partial(start_extraction, storage, DOCUMENT, ONTOLOGY, models(choice, ONTOLOGY))
        execution = await anyio.to_thread.run_sync(start, plan.input(DOCUMENT), CLOCK)
        try:
            yield Scene(storage, running, models, execution.id)
        finally:
            await models.aclose()


def impatient(storage: Storage) -> Worker:
    """Return a worker that suspends after half a second, and often asks whether the provider is back."""
    return replace(worker(storage, clock=Hasty()), outage_patience=0.5)


async def faultless() -> bytes:
    return canonical_bytes(await ExtractionPipeline(ONTOLOGY, RulesExtractor(ONTOLOGY)).run(DOCUMENT))


@asynccontextmanager
async def suspended(at: Scene) -> AsyncIterator[Callable[[], Part]]:
    """Give an execution that waits for its provider; afterwards what became of it can be had."""
    parts: list[Part] = []

    async def run() -> None:
        parts.append(await at.run(impatient(at.storage)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await until(lambda: at.running.stats().answered >= 5)
        at.send_away()
        await until(lambda: bool(at.away))
        yield lambda: parts[0]


async def test_a_long_outage_suspends_and_it_goes_on_by_itself(storage: Storage) -> None:
    async with scene(storage, reset_after=0.2) as at:
        async with suspended(at) as part:
            (found,) = at.away
            assert (found.status, found.waiting_for) == (Status.SUSPENDED, signals.PROVIDER)
            assert f"openai:fake failed {THRESHOLD} times in a row" in (found.error or "")
            assert seen(storage, at.execution_id) == found
            at.call_back()
        assert part().execution.status is Status.COMPLETED
        assert await at.result() == await faultless()
        assert {prompt.ok for prompt in at.running.stats().prompts} == {1}
    told = kinds(storage, at.execution_id)
    assert [kind for kind in told if kind.startswith("execution.")] == [
        "execution.started",
        "execution.suspended",
        "execution.resumed",
        "execution.completed",
    ]
    circuit = [kind for kind in told if kind.startswith("provider.")]
    assert circuit[-2:] == ["provider.circuit_opened", "provider.circuit_closed"]
    assert told.index("execution.resumed") < len(told) - told[::-1].index("provider.circuit_closed")
    assert all(gapless(events(storage, at.execution_id)))


async def test_one_that_waits_for_its_provider_can_be_cancelled(storage: Storage) -> None:
    async with scene(storage, reset_after=0.2) as at:
        async with suspended(at) as part:
            cancel = partial(executions.change, storage, ORGANIZATION, at.execution_id, Status.CANCELLED, CLOCK)
            await anyio.to_thread.run_sync(cancel)
        assert part().execution.status is Status.CANCELLED
        assert part().execution.error == "cancelled while nobody ran it"
        assert kinds(storage, at.execution_id)[-1] == "execution.cancelled"


async def test_one_that_waits_for_its_provider_can_be_paused(storage: Storage) -> None:
    async with scene(storage, reset_after=0.2) as at:
        async with suspended(at) as part:
            await at.asked(signals.PAUSE)
        assert part().execution.status is Status.SUSPENDED
        at.call_back()
        assert (await at.run(impatient(storage))).execution.status is Status.COMPLETED
        assert await at.result() == await faultless()


async def test_a_provider_that_is_back_and_refuses_is_waited_for_no_more(storage: Storage) -> None:
    async with scene(storage, reset_after=0.2, key="sk-valid-at-first") as at:

        async def refused() -> None:
            async with suspended(at):
                at.running.model._key = "sk-another-now"
                at.call_back()

        with pytest.raises(ExceptionGroup) as raised:
            await refused()
        assert raised.group_contains(RejectedError, match="does not accept the key")
        assert seen(storage, at.execution_id).status is Status.SUSPENDED


@pytest.mark.parametrize(("name", "status"), [(signals.PAUSE, Status.SUSPENDED), (signals.CANCEL, Status.CANCELLED)])
async def test_what_is_asked_during_an_outage_is_done_within_a_second(
    storage: Storage, name: str, status: Status
) -> None:
    async with scene(storage, reset_after=30.0) as at, anyio.create_task_group() as tasks:
        tasks.start_soon(at.run, worker(storage))
        await until(lambda: at.running.stats().answered >= 5)
        at.send_away()
        await until(lambda: at.provider.circuit.state is State.OPEN and at.provider.limiter.running == 0)
        await at.asked(name)
        began = time.monotonic()
        await until(lambda: seen(storage, at.execution_id).status is status)
        assert time.monotonic() - began < 1.0
    assert seen(storage, at.execution_id).error == f"{'paused' if name == signals.PAUSE else 'cancelled'} by a signal"


async def test_few_requests_go_into_an_outage_and_events_tell_of_it(storage: Storage) -> None:
    seconds, reset_after = 2.0, 0.3
    async with scene(storage, reset_after=reset_after) as at:
        at.running.model.fail(f"outage=0.2-{0.2 + seconds},429-after=0.1:0.2")
        assert (await at.run(worker(storage))).execution.status is Status.COMPLETED
        faults = at.running.stats().faults
        assert await at.result() == await faultless()
    # Those that open the circuit, those that were on their way by then, and one after the other that tries; on a busy
    # machine an answer to what was asked before comes late, and ends a row of faults.
    row = THRESHOLD - 1
    assert THRESHOLD <= faults["outage"] <= row + THRESHOLD + CONCURRENCY - 1 + seconds / reset_after
    told = events(storage, at.execution_id)
    assert all(gapless(told))
    names = {event.type for event in told}
    assert names >= {"provider.circuit_opened", "provider.circuit_closed", "provider.rate_limited"}
    assert "execution.suspended" not in names
    retrying = [event.payload for event in told if event.type == "activity.retrying"]
    assert retrying
    assert all(str(payload["activity"]).split("/")[0] in ("mentions", "entities", "relations") for payload in retrying)
    models = {event.payload["model"] for event in told if event.type.startswith("provider.")}
    assert models == {"openai:fake"}
