"""A batch that is left to workers: its documents run wherever there is room, and nothing depends on one worker."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.journals import ORGANIZATION, gapless, worker
from tests.postgres import Server
from tests.queued import ONTOLOGY, events_of, execution, jobs, until

from lithograph.domain.ids import ExecutionId
from lithograph.durable.executions import Execution
from lithograph.durable.queue import enqueue_unended
from lithograph.durable.status import Status
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model.process import FakeModelProcess, fake_model_process
from lithograph.testing.workers import WorkerProcess
from lithograph.workflow.batch.documents import documents_of
from lithograph.workflow.batch.start import BatchPlan, start_batch
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Plan

KEY = {"OPENAI_API_KEY": "test"}
LEASE = 2.0
DOCUMENTS = 6


@pytest.fixture
def server_storage(postgres: Server) -> Iterator[Storage]:
    with postgres.database() as url, open_storage(url) as opened:
        yield opened


@pytest.fixture
def slow_model() -> Iterator[FakeModelProcess]:
    with fake_model_process(latency=0.2) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some documents, and a file that is none."""
    given = tmp_path / "given"
    given.mkdir()
    for number in range(DOCUMENTS):
        (given / f"{number}.txt").write_text(generated_text(4, seed=number))
    (given / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    return given


async def queued(storage: Storage, folder: Path, model: FakeModelProcess) -> Execution:
    models = Models(environment=KEY)
    try:
        batch = BatchPlan([folder], Plan(ONTOLOGY, ModelChoice("openai:fake", model.url)))
        start = partial(start_batch, worker(storage), batch, ORGANIZATION, named=models)
        return await start(then=enqueue_unended, checked=False)
    finally:
        await models.aclose()


def children(storage: Storage, batch: ExecutionId) -> list[Execution]:
    listed = documents_of(storage, ORGANIZATION, batch)
    return [execution(storage, document.execution) for document in listed if document.execution is not None]


def done(storage: Storage, batch: ExecutionId) -> int:
    return sum(child.status.terminal for child in children(storage, batch))


async def test_a_batch_outlives_the_worker_that_looks_after_it(
    server_storage: Storage, slow_model: FakeModelProcess, folder: Path
) -> None:
    batch = (await queued(server_storage, folder, slow_model)).id
    with WorkerProcess(server_storage.url, LEASE, environment=KEY) as first:
        until(lambda: done(server_storage, batch) > 0)
        first.kill()
        with WorkerProcess(server_storage.url, LEASE, environment=KEY):
            until(lambda: execution(server_storage, batch).status.terminal)
    found = execution(server_storage, batch)
    assert found.status is Status.COMPLETED_WITH_ERRORS
    assert found.recovery_count == 1
    assert Counter(child.status for child in children(server_storage, batch)) == {Status.COMPLETED: DOCUMENTS}
    told = events_of(server_storage, batch)
    assert all(gapless(told))
    ended = Counter[str]()
    for event in told:
        if event.type in ("batch.document_completed", "batch.document_failed"):
            ended[event.payload["status"]] += 1
            assert event.payload["counts"]["completed"] == ended["completed"]
            assert event.payload["counts"]["failed"] == ended["failed"]
    assert ended == {"completed": DOCUMENTS, "failed": 1}


async def test_what_waits_for_a_worker_when_its_batch_is_cancelled_is_not_begun_until_it_is_asked_for(
    server_storage: Storage, slow_model: FakeModelProcess, folder: Path
) -> None:
    workspace = Workspace(server_storage, ORGANIZATION)
    batch = (await queued(server_storage, folder, slow_model)).id
    with WorkerProcess(server_storage.url, LEASE, environment=KEY, options=("--executions=1",)):
        until(lambda: any(child.last_activity_name for child in children(server_storage, batch)))
        until(lambda: len(jobs(server_storage)) > 1)
        workspace.cancel(batch)
        until(lambda: execution(server_storage, batch).status is Status.CANCELLED)
        until(lambda: not jobs(server_storage))
        statuses = Counter(child.status for child in children(server_storage, batch))
        assert statuses == {Status.CANCELLED: 1, Status.PENDING: DOCUMENTS - 1}
        left = next(child for child in children(server_storage, batch) if child.status is Status.PENDING)
        workspace.resume(left.id)
        until(lambda: execution(server_storage, left.id).status is Status.COMPLETED)
