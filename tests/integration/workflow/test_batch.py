"""A batch, in one process: every document is an execution of its own, and the batch says truly how far they are."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from tests.batches import Scene, ill, positions, story_folder, told
from tests.builders import StandIn
from tests.journals import ORGANIZATION, activities, seen, worker
from tests.stories import names, neighbours

from lithograph.domain.chunk import Chunk
from lithograph.domain.fragment import Stage
from lithograph.domain.usage import Usage
from lithograph.durable import lookup, signals
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.errors import BudgetError, StateError, UsageError
from lithograph.extraction.extractor import MentionAnswer, MentionQuestion
from lithograph.resilience.budget import Limits
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage
from lithograph.workflow.batch.input import BatchState, OnFailure
from lithograph.workflow.batch.result import clusters_of_batch, result_of_batch

DOCUMENTS = 8


@pytest.fixture
def scene(storage: Storage, tmp_path: Path) -> Scene:
    story_folder(tmp_path / "docs", DOCUMENTS)
    return Scene(storage, tmp_path / "docs")


async def test_every_document_is_an_execution_and_what_they_share_is_found(scene: Scene) -> None:
    batch = await scene.carry()
    assert batch.status is Status.COMPLETED
    assert scene.asked() == [f"Witness{number:02}" for number in range(DOCUMENTS)]
    assert {child.parent_id for child in scene.children(batch)} == {batch.id}
    events = told(scene.storage, batch.id)
    assert sorted(positions(events, "batch.document_completed")) == list(range(DOCUMENTS))
    assert [event.type for event in events if event.type.startswith("batch.") and "document" not in event.type] == [
        "batch.listed", "batch.extracting", "batch.resolving", "batch.resolved",
    ]  # fmt: skip
    found = await scene.overview(batch)
    assert (found.state, found.percent, found.total, found.unwell) == (BatchState.COMPLETED, 100.0, DOCUMENTS, ())
    assert found.counts["completed"] == DOCUMENTS

    (cluster,) = await anyio.to_thread.run_sync(clusters_of_batch, scene.storage, batch)
    assert sorted(child for child, _ in cluster.members) == sorted(child.id for child in scene.children(batch))
    whole = await anyio.to_thread.run_sync(result_of_batch, scene.storage, batch)
    assert whole.completed
    assert len(whole.documents) == DOCUMENTS
    everybody = whole.graph.entity(cluster.id)
    assert (everybody.label, len(everybody.mentions)) == ("Person00", DOCUMENTS)
    assert len(whole.graph.entities) == DOCUMENTS + 1
    assert {relation.object for relation in whole.graph.relations} == {cluster.id}
    assert len(whole.graph.relations) == DOCUMENTS
    shown = await anyio.to_thread.run_sync(Workspace(scene.storage, ORGANIZATION).graph, batch.id)
    assert {node.id for node in shown.nodes} == {entity.id for entity in whole.graph.entities}
    assert {edge.id for edge in shown.edges} == {relation.id for relation in whole.graph.relations}
    assert (shown.nodes[0].id, shown.nodes[0].degree) == (cluster.id, DOCUMENTS)


async def test_a_document_that_fails_leaves_the_others_alone_and_is_all_that_a_retry_runs(scene: Scene) -> None:
    (scene.folder / "05-empty.txt").write_text("")
    scene.extractor.before = ill("Witness03", "Witness06")
    batch = await scene.carry()
    assert batch.status is Status.COMPLETED_WITH_ERRORS
    found = await scene.overview(batch)
    assert [one.source.rpartition("/")[2] for one in found.unwell] == ["03.txt", "05-empty.txt", "06.txt"]
    assert "Witness03 cannot be understood" in (found.unwell[0].error or "")
    assert "is empty" in (found.unwell[1].error or "")
    assert (found.counts["completed"], found.counts["failed"], found.percent) == (6, 3, 66.7)
    whole = await anyio.to_thread.run_sync(result_of_batch, scene.storage, batch)
    assert len(whole.documents) == 6
    assert [(one.stage, one.attempts) for one in whole.missing] == [
        (Stage.MENTIONS, 1), (Stage.READ, 1), (Stage.MENTIONS, 1),
    ]  # fmt: skip
    assert all(name in one.error for name, one in zip(["03", "05-empty", "06"], whole.missing, strict=True))

    scene.extractor.before = ill("Witness06")
    scene.extractor.asked.clear()
    assert (await scene.run(batch)).status is Status.COMPLETED_WITH_ERRORS
    assert scene.asked() == ["Witness03", "Witness06"]
    assert (await scene.overview(batch)).counts["failed"] == 2
    told(scene.storage, batch.id)


async def test_after_the_first_failure_an_aborting_batch_begins_nothing(scene: Scene) -> None:
    scene.extractor.before = ill("Witness03")
    plan = scene.plan(OnFailure.ABORT, at_once=1)
    batch = await scene.carry(plan)
    assert batch.status is Status.FAILED
    assert "03.txt had failed" in (batch.error or "")
    assert "Witness03 cannot be understood" in (batch.error or "")
    assert scene.statuses(batch) == ["completed"] * 3 + ["failed"] + ["pending"] * 4
    assert (await scene.overview(batch)).counts == {
        "completed": 3, "completed_with_errors": 0, "failed": 1, "cancelled": 0, "running": 0, "pending": 4,
    }  # fmt: skip
    whole = await anyio.to_thread.run_sync(result_of_batch, scene.storage, batch)
    assert (len(whole.documents), len(whole.missing)) == (3, 5)

    scene.extractor.asked.clear()
    assert (await scene.run(batch)).status is Status.FAILED
    assert scene.asked() == ["Witness03"]
    scene.extractor.before = ill()
    scene.extractor.asked.clear()
    assert (await scene.carry(plan)).status is Status.COMPLETED
    assert scene.asked() == [f"Witness{number:02}" for number in range(3, DOCUMENTS)]
    told(scene.storage, batch.id)


async def test_a_file_that_cannot_be_read_aborts_a_batch_too(scene: Scene) -> None:
    (scene.folder / "00a-torn.pdf").write_bytes(b"%PDF-1.4 torn")
    batch = await scene.carry(scene.plan(OnFailure.ABORT, at_once=1))
    assert batch.status is Status.FAILED
    assert "00a-torn.pdf" in (batch.error or "")
    assert scene.asked() == ["Witness00"]


async def test_what_failed_is_run_again_in_two_rounds(scene: Scene) -> None:
    (scene.folder / "05-empty.txt").write_text("")
    first, second, third = (ill(f"Witness0{number}", times=number) for number in (1, 2, 3))

    async def before(stage: Stage, chunk: Chunk) -> None:
        for one in (first, second, third):
            await one(stage, chunk)

    scene.extractor.before = before
    batch = await scene.start(scene.plan(OnFailure.RETRY_FAILED))
    assert (await scene.run(batch)).status is Status.COMPLETED_WITH_ERRORS
    events = told(scene.storage, batch.id)
    rounds = [event.payload for event in events if event.type == "batch.retrying"]
    assert [(one["round"], one["documents"]) for one in rounds] == [(1, 3), (2, 2)]
    assert sorted(positions(events, "batch.document_failed")) == [1, 2, 2, 3, 3, 3, 5]
    assert [one.position for one in (await scene.overview(batch)).unwell] == [3, 5]
    # What can be done better is done better by a retry of the batch; the rounds that made something well are kept.
    journal = {name: status for name, status in activities(scene.storage, batch.id).items() if "retry" in name}
    assert journal == dict.fromkeys(["retry/1/1", "retry/1/2", "retry/2/2"], "completed")
    scene.extractor.asked.clear()
    assert (await scene.run(batch)).status is Status.COMPLETED_WITH_ERRORS
    assert scene.asked() == ["Witness03"]
    assert [one.position for one in (await scene.overview(batch)).unwell] == [5]
    told(scene.storage, batch.id)


async def test_two_batches_share_the_executions_of_documents_that_both_have(scene: Scene) -> None:
    first = await scene.carry()
    scene.extractor.asked.clear()
    (scene.folder / "99.txt").write_text("Witness99 met Person00.")
    second = await scene.carry()
    assert second.id != first.id
    assert second.status is Status.COMPLETED
    assert scene.asked() == ["Witness99"]
    assert scene.children(second)[:DOCUMENTS] == scene.children(first)
    assert [child.parent_id for child in scene.children(second)] == [first.id] * DOCUMENTS + [second.id]
    told(scene.storage, second.id)


async def test_the_same_files_are_the_same_batch_however_they_are_to_be_run(scene: Scene) -> None:
    batch = await scene.carry()
    again = await scene.start(scene.plan(OnFailure.ABORT, at_once=7))
    assert again == batch
    assert (await scene.run(again)) == batch
    (scene.folder / "00.txt").write_text("Witness00 met Person00 at the harbour in autumn.")
    assert (await scene.start()).id != batch.id


async def test_a_document_that_is_given_twice_is_run_once(scene: Scene) -> None:
    (scene.folder / "00-copy.txt").write_bytes((scene.folder / "00.txt").read_bytes())
    batch = await scene.carry()
    assert batch.status is Status.COMPLETED
    assert scene.asked() == [f"Witness{number:02}" for number in range(DOCUMENTS)]
    assert (await scene.overview(batch)).counts["completed"] == DOCUMENTS + 1
    told(scene.storage, batch.id)


async def test_a_document_without_a_budget_waits_and_the_others_do_not(scene: Scene) -> None:
    poor = True

    async def before(stage: Stage, chunk: Chunk) -> None:
        if poor and "Witness02" in chunk.text:
            raise BudgetError("the budget is used up")

    scene.extractor.before = before
    batch = await scene.carry()
    assert (batch.status, batch.waiting_for) == (Status.SUSPENDED, signals.BUDGET)
    assert "02.txt is suspended: the budget is used up" in (batch.error or "")
    assert scene.statuses(batch) == ["completed"] * 2 + ["suspended"] + ["completed"] * 5
    poor = False
    assert (await scene.run(batch)).status is Status.COMPLETED
    told(scene.storage, batch.id)


async def test_another_budget_is_for_every_document_that_has_not_ended(scene: Scene) -> None:
    poor = True

    async def before(stage: Stage, chunk: Chunk) -> None:
        if poor and "Witness02" in chunk.text:
            raise BudgetError("the budget is used up")

    scene.extractor.before = before
    batch = await scene.carry()
    workspace, limits = Workspace(scene.storage, ORGANIZATION), Limits(tokens=5_000)
    await anyio.to_thread.run_sync(partial(workspace.resume, batch.id, limits=limits))
    poor = False
    assert (await scene.run(batch)).status is Status.COMPLETED
    given = [child.input["limits"]["tokens"] for child in scene.children(batch)]
    assert given == [None] * 2 + [5_000] + [None] * 5


class Priced(StandIn):
    """An extractor whose answers cost something."""

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        return replace(await super().mentions(question), usage=Usage(1, 10, 5, 0.25))


async def test_what_documents_took_counts_once_and_for_the_batch_that_ran_them(scene: Scene) -> None:
    scene.extractor = Priced(names, relations_of=neighbours, before=ill("Witness02", times=1))
    batch = await scene.start(scene.plan(OnFailure.RETRY_FAILED))
    assert (await scene.run(batch)).status is Status.COMPLETED
    found = await scene.overview(batch)
    assert found.usage == Usage(DOCUMENTS, DOCUMENTS * 10, DOCUMENTS * 5, DOCUMENTS * 0.25)
    last = told(scene.storage, batch.id)[-1].payload
    assert (last["tokens"], last["cost_usd"]) == (DOCUMENTS * 15, DOCUMENTS * 0.25)
    (scene.folder / "99.txt").write_text("Witness99 met Person00.")
    another = await scene.carry()
    assert (await scene.overview(another)).usage == Usage(1, 10, 5, 0.25)


async def test_a_cancelled_document_is_no_failure_and_is_not_forgotten(scene: Scene) -> None:
    batch = await scene.start(scene.plan(OnFailure.ABORT))
    child = scene.children(batch)[4]
    await anyio.to_thread.run_sync(Workspace(scene.storage, ORGANIZATION).cancel, child.id)
    assert (await scene.run(batch)).status is Status.COMPLETED_WITH_ERRORS
    found = await scene.overview(batch)
    assert (found.counts["completed"], found.counts["cancelled"]) == (DOCUMENTS - 1, 1)
    told(scene.storage, batch.id)


async def test_what_is_given_later_counts_for_documents_that_are_not_begun(scene: Scene) -> None:
    batch = await scene.start()
    scene.settings = type(scene.settings)(concurrency=5)
    assert (await scene.start(scene.plan(at_once=2))).id == batch.id
    assert (await scene.run(batch)).input["at_once"] == 2
    assert {child.input["settings"]["concurrency"] for child in scene.children(batch)} == {5}


async def test_without_a_document_there_is_no_batch(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="there is no file in"):
        await scene.start(scene.plan(OnFailure.CONTINUE, tmp_path / "none"))
    with pytest.raises(UsageError, match=r"absent\.txt does not exist"):
        await scene.start(scene.plan(OnFailure.CONTINUE, tmp_path / "absent.txt"))


async def test_an_unfinished_list_is_nobodys_work_and_the_same_start_goes_on(storage: Storage, tmp_path: Path) -> None:
    scene = Scene(storage, tmp_path / "many")
    story_folder(scene.folder, 400)
    at = worker(storage)
    seen_before: list[int] = []

    def stop(listed: int, files: int) -> None:
        seen_before.append(listed)
        if listed > 200:
            raise InterruptedError

    from lithograph.workflow.batch.start import start_batch

    with pytest.raises(InterruptedError):
        await start_batch(at, scene.plan(), ORGANIZATION, named=scene.named, told=stop)
    (batch,) = await anyio.to_thread.run_sync(all_of, storage)
    assert (batch.status, batch.waiting_for, batch.input["documents"]) == (Status.PENDING, "documents", None)
    assert (await scene.overview(batch)).listed == seen_before[-1] == 250
    with pytest.raises(StateError, match="the same `litho batch start` goes on"):
        await scene.run(batch)
    assert seen(storage, batch.id).status is Status.PENDING

    heard: list[int] = []
    again = await start_batch(
        at, scene.plan(), ORGANIZATION, named=scene.named, told=lambda listed, files: heard.append(listed)
    )
    assert (again.id, again.waiting_for, again.input["documents"]) == (batch.id, None, 400)
    assert heard == [250, 400]
    children = await anyio.to_thread.run_sync(scene.children, batch)
    assert len({child.id for child in children}) == 400
    assert {child.status for child in children} == {Status.PENDING}


def all_of(storage: Storage) -> list[Execution]:

    with storage.read(ORGANIZATION) as connection:
        return lookup.listed(connection, ORGANIZATION, limit=10, children=False)
