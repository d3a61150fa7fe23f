"""What is asked through a workspace reaches the workers of a server, and what is deleted does not trouble them."""

from collections.abc import Iterator

import pytest
from tests.journals import SetClock
from tests.postgres import Server
from tests.queued import ONTOLOGY, execution, jobs, until, until_ended

from lithograph.domain.document import Document
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable.queue import enqueue_unended
from lithograph.durable.retention import DAY, Retention
from lithograph.durable.status import Status
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.corpus import generated_text
from lithograph.testing.workers import WorkerProcess
from lithograph.workflow.runner import Plan


@pytest.fixture
def server_storage(postgres: Server) -> Iterator[Storage]:
    with postgres.database() as url, open_storage(url) as opened:
        yield opened


def test_a_worker_runs_what_is_started_and_passes_over_what_was_pruned(server_storage: Storage) -> None:
    workspace = Workspace(server_storage, DEFAULT_ORGANIZATION, wake=enqueue_unended)

    def start(name: str) -> str:
        return workspace.start_extraction(Document.from_text(f"{name}. {generated_text(2)}"), Plan(ONTOLOGY)).id

    pruned, wanted = start("pruned"), start("wanted")
    workspace.cancel(pruned)
    later = Workspace(server_storage, DEFAULT_ORGANIZATION, clock=SetClock(workspace.clock.now() + 3 * DAY))
    assert later.prune(Retention(DAY)).executions == {Status.CANCELLED: 1}
    assert [one for one, _ in jobs(server_storage)] == [pruned, wanted]

    with WorkerProcess(server_storage.url) as worker:
        until_ended(server_storage, [workspace.execution(wanted).id])
        until(lambda: jobs(server_storage) == [])
        assert worker.alive
        again = workspace.execution(start("later")).id
        until_ended(server_storage, [again])
    assert execution(server_storage, again).status is Status.COMPLETED
