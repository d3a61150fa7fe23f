"""The resident worker of a file: what can go on goes on, in turns, and what comes is heard of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from tests.journals import ORGANIZATION, gapless, until, worker
from tests.queued import ONTOLOGY, events_of, execution, queue

from lithograph.domain.document import Document
from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Lease
from lithograph.durable.listen import listening
from lithograph.durable.run import Worker
from lithograph.durable.signals import PAUSE, send
from lithograph.durable.status import Status
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model.process import fake_model_process
from lithograph.workflow.attend import Kind
from lithograph.workflow.batch.kept import KeptBatch
from lithograph.workflow.extraction_input import EXTRACTION, VERSION
from lithograph.workflow.extractors import ModelChoice, rules_only
from lithograph.workflow.kinds import kinds_of
from lithograph.workflow.models import Models
from lithograph.workflow.resident import due, reside
from lithograph.workflow.runner import Plan

ACME, GLOBEX = OrganizationId("acme"), OrganizationId("globex")


@asynccontextmanager
async def residing(storage: Storage, models: Models | None = None, at_once: int = 20) -> AsyncIterator[Worker]:
    """Have a resident worker while this lasts."""
    ready = worker(storage, clock=clock_of(storage), lease=Lease("resident", sole=True))
    with anyio.fail_after(60):
        async with listening(storage, 0.2) as listener, anyio.create_task_group() as tasks:
            kinds = kinds_of(ready, models or rules_only, at_once, listener)
            tasks.start_soon(reside, ready, kinds, listener)
            yield ready
            tasks.cancel_scope.cancel()


def ended(storage: Storage, execution_id: ExecutionId, organization_id: OrganizationId = ORGANIZATION) -> bool:
    return execution(storage, execution_id, organization_id).status.terminal


async def test_what_is_there_and_what_comes_is_run_once(sqlite_storage: Storage) -> None:
    first = queue(sqlite_storage, "first")
    async with residing(sqlite_storage):
        await until(lambda: ended(sqlite_storage, first))
        second = await anyio.to_thread.run_sync(queue, sqlite_storage, "second")
        await until(lambda: ended(sqlite_storage, second))
    for one in (first, second):
        assert execution(sqlite_storage, one).status is Status.COMPLETED
        assert execution(sqlite_storage, one).epoch == 1
        assert all(gapless(events_of(sqlite_storage, one)))


async def test_what_a_dead_process_had_in_work_is_recovered(sqlite_storage: Storage) -> None:
    one = queue(sqlite_storage, "left behind")
    executions.claim(sqlite_storage, ORGANIZATION, one, Lease("dead", 1_000), clock_of(sqlite_storage))
    async with residing(sqlite_storage):
        await until(lambda: ended(sqlite_storage, one))
    assert [event.type for event in events_of(sqlite_storage, one)][1] == "execution.recovered"


async def test_a_pause_that_was_asked_for_outlives_the_worker_and_a_resumption_is_heard(
    sqlite_storage: Storage,
) -> None:
    workspace = Workspace(sqlite_storage, ORGANIZATION)
    with fake_model_process(latency=0.1) as model:
        models = Models(environment={"OPENAI_API_KEY": "test"})
        one = queue(sqlite_storage, "annals", paragraphs=20, model=ModelChoice("openai:fake", model.url))
        executions.claim(sqlite_storage, ORGANIZATION, one, Lease("dead", 1_000), clock_of(sqlite_storage))
        send(sqlite_storage, ORGANIZATION, one, PAUSE, clock_of(sqlite_storage))
        async with residing(sqlite_storage, models):
            await until(lambda: execution(sqlite_storage, one).status is Status.SUSPENDED)
            await anyio.to_thread.run_sync(workspace.resume, one)
            await until(lambda: ended(sqlite_storage, one))
            await models.aclose()
    assert execution(sqlite_storage, one).status is Status.COMPLETED


async def test_a_worker_that_is_told_to_stop_gives_back_what_it_has(sqlite_storage: Storage) -> None:
    with fake_model_process(latency=0.3) as model:
        models = Models(environment={"OPENAI_API_KEY": "test"})
        one = queue(sqlite_storage, "annals", paragraphs=20, model=ModelChoice("openai:fake", model.url))
        async with residing(sqlite_storage, models):
            await until(lambda: any(event.type == "activity.completed" for event in events_of(sqlite_storage, one)))
        found = execution(sqlite_storage, one)
        assert found.status is Status.RUNNING
        assert found.lease_owner is None
        async with residing(sqlite_storage, models):
            await until(lambda: ended(sqlite_storage, one))
        assert execution(sqlite_storage, one).recovery_count == 0
        await models.aclose()


async def test_what_a_cancelled_batch_has_not_begun_runs_when_it_is_asked_for(sqlite_storage: Storage) -> None:
    workspace = Workspace(sqlite_storage, ORGANIZATION)
    documents = [Document.from_text(f"{name} was born in Dunholm.", source=name) for name in ("Ann Rook", "Bob Hart")]
    for document in documents:
        workspace.keep_document(document)
    batch = workspace.start_batch(KeptBatch([one.id for one in documents], Plan(ONTOLOGY)))
    workspace.cancel(batch.id)
    asked = workspace.start_extraction(documents[0], Plan(ONTOLOGY))
    (left,) = [one.execution for one in workspace.executions(parent=batch.id) if one.execution.id != asked.id]
    assert (asked.parent_id, asked.status) == (batch.id, Status.PENDING)
    async with residing(sqlite_storage):
        await until(lambda: ended(sqlite_storage, asked.id))
    assert execution(sqlite_storage, asked.id).status is Status.COMPLETED
    assert execution(sqlite_storage, left.id).status is Status.PENDING


async def test_what_was_asked_for_of_a_cancelled_batch_outlives_the_worker(sqlite_storage: Storage) -> None:
    workspace = Workspace(sqlite_storage, ORGANIZATION)
    documents = [Document.from_text(generated_text(20, seed=n), source=str(n)) for n in range(2)]
    for document in documents:
        workspace.keep_document(document)
    with fake_model_process(latency=0.2) as model:
        models = Models(environment={"OPENAI_API_KEY": "test"})
        plan = Plan(ONTOLOGY, ModelChoice("openai:fake", model.url))
        batch = workspace.start_batch(KeptBatch([one.id for one in documents], plan), named=models)
        workspace.cancel(batch.id)
        one = workspace.start_extraction(documents[0], plan, named=models).id
        async with residing(sqlite_storage, models):
            await until(lambda: any(event.type == "activity.completed" for event in events_of(sqlite_storage, one)))
        assert (execution(sqlite_storage, one).status, execution(sqlite_storage, one).parent_id) == (
            "running",
            batch.id,
        )
        async with residing(sqlite_storage, models):
            await until(lambda: ended(sqlite_storage, one))
        await models.aclose()
    assert execution(sqlite_storage, one).status is Status.COMPLETED


async def test_what_cannot_be_begun_fails_with_the_reason(sqlite_storage: Storage) -> None:
    one = queue(sqlite_storage, "no model", model=ModelChoice("openai:fake", "http://127.0.0.1:9"))
    async with residing(sqlite_storage):  # whose worker knows the rules alone
        await until(lambda: ended(sqlite_storage, one))
    assert "cannot be asked here" in (execution(sqlite_storage, one).error or "")


def test_organisations_take_turns_and_other_versions_are_left_alone(sqlite_storage: Storage) -> None:
    many = [queue(sqlite_storage, f"note {number}", organization_id=ACME) for number in range(5)]
    one = queue(sqlite_storage, "theirs", organization_id=GLOBEX)

    async def carry(*_: object) -> None: ...

    async def ready(_: object) -> bool:
        return True

    kind = Kind(EXTRACTION, VERSION, carry, 3, ready)
    found = [known.execution_id for known in due(sqlite_storage, kind, 3, [])]
    assert found == [many[0], one, many[1]]
    assert [known.execution_id for known in due(sqlite_storage, kind, 2, found)] == many[2:4]
    assert due(sqlite_storage, Kind(EXTRACTION, VERSION + 1, carry, 3, ready), 9, []) == []
