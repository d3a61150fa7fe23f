"""Everything that one organisation can do, and that no other can see."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio.to_thread
import pytest
from tests.builders import ONTOLOGY
from tests.journals import SetClock, worker
from tests.stories import DOCUMENT, broken, stand_in

from lithograph.domain.document import Document
from lithograph.domain.fragment import Stage
from lithograph.domain.ids import DocumentId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.events import Event
from lithograph.durable.executions import Execution
from lithograph.durable.retention import DAY, Pruned, Retention
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.errors import AnswerError, UsageError
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import Extractor
from lithograph.graph.export.result_json import canonical_bytes
from lithograph.resilience.budget import Limits
from lithograph.service.workspace import Workspace
from lithograph.workflow.extraction import run_extraction
from lithograph.workflow.extraction_input import input_of
from lithograph.workflow.runner import Plan

if TYPE_CHECKING:
    from sqlalchemy import Connection

PLAN = Plan(ONTOLOGY)
SHORT = "Person01 met Person02."


def text(workspace: Workspace, content: str = SHORT, source: str = "note.txt") -> Document:
    return Document.from_text(content, source=source, organization_id=workspace.organization_id)


def start(workspace: Workspace, document: Document, extractor: Extractor | None = None) -> Execution:
    """Start an extraction with a stand-in for a model."""
    return workspace.start_extraction(document, PLAN, named=lambda choice, ontology: extractor or stand_in())


async def run(workspace: Workspace, execution: Execution, extractor: Extractor | None = None) -> Status:
    at = worker(workspace.storage)
    return await run_extraction(at, execution, named=lambda choice, ontology: extractor or stand_in())


async def test_an_extraction_is_started_looked_at_and_read(workspace: Workspace) -> None:
    document = text(workspace, DOCUMENT.text, "story.md")
    execution = await anyio.to_thread.run_sync(start, workspace, document)
    assert (execution.status, execution.organization_id) == (Status.PENDING, workspace.organization_id)
    assert start(workspace, document) == execution
    assert await run(workspace, execution) is Status.COMPLETED

    (row,) = workspace.executions()
    assert (row.execution.id, row.source, row.percent) == (execution.id, "story.md", 100.0)
    found = workspace.overview(execution.id.removeprefix("execution_")[:8])
    assert (found.percent, found.missing) == (100.0, ())
    assert workspace.document(input_of(found.execution).document) == document
    assert workspace.ontology(input_of(found.execution).ontology) == ONTOLOGY
    result = await anyio.to_thread.run_sync(workspace.result, execution.id)
    assert result.completed
    assert result.stats.relations > 0
    whole = workspace.events(execution.id)
    assert [event.seq for event in whole] == list(range(1, len(whole) + 1))
    assert workspace.events(execution.id, after=3, limit=2) == whole[3:5]
    assert [event async for event in workspace.follow(execution, after=5)] == whole[5:]


async def test_events_are_followed_as_they_come(workspace: Workspace) -> None:
    execution = await anyio.to_thread.run_sync(start, workspace, text(workspace))
    heard: list[Event] = []

    async def listen() -> None:
        heard.extend([event async for event in workspace.follow(execution)])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await run(workspace, execution)
    assert heard == workspace.events(execution.id)
    assert heard[-1].type == "execution.completed"


async def test_the_same_start_lets_go_on_what_was_stopped(workspace: Workspace) -> None:
    document = text(workspace, DOCUMENT.text)
    failing = broken(Stage.RELATIONS, chunk_document(document)[1], AnswerError("no answer"))
    execution = await anyio.to_thread.run_sync(start, workspace, document, failing)
    assert await run(workspace, execution, failing) is Status.FAILED
    first = await anyio.to_thread.run_sync(workspace.result, execution.id)

    again = await anyio.to_thread.run_sync(start, workspace, document)

    assert (again.id, again.status) == (execution.id, Status.PENDING)
    assert await run(workspace, again) is Status.COMPLETED
    assert start(workspace, document).status is Status.COMPLETED
    last = await anyio.to_thread.run_sync(workspace.result, execution.id)
    assert first.missing
    assert not last.missing
    assert canonical_bytes(first) != canonical_bytes(last)


def test_whoever_runs_executions_is_told_of_every_start_in_its_transaction(workspace: Workspace) -> None:
    told = []

    def wake(connection: "Connection", execution: Execution) -> None:
        told.append(executions.get(connection, execution.organization_id, execution.id))

    waking = Workspace(workspace.storage, workspace.organization_id, wake=wake)
    execution = start(waking, text(waking))
    assert told == [execution]
    waking.cancel(execution.id)
    another = start(waking, text(waking))
    assert another.id != execution.id
    assert told == [execution, another]

    def fail(connection: "Connection", execution: Execution) -> None:
        raise ConnectionError

    failing = Workspace(workspace.storage, workspace.organization_id, wake=fail)
    with pytest.raises(ConnectionError):
        start(failing, text(failing, "Something else."))
    assert {row.execution.id for row in workspace.executions()} == {execution.id, another.id}
    assert len(workspace.documents()) == 1


def test_what_runs_is_followed_and_not_disturbed_by_another_start(workspace: Workspace) -> None:
    told = []
    waking = Workspace(workspace.storage, workspace.organization_id, wake=lambda connection, one: told.append(one.id))
    document = text(waking)
    execution = start(waking, document)
    at = worker(waking.storage)
    executions.claim(waking.storage, waking.organization_id, execution.id, at.lease, at.clock)
    waking.signal(execution.id, "pause")
    running = waking.execution(execution.id)
    assert start(waking, document) == running
    assert told == [execution.id]
    with waking.storage.read(waking.organization_id) as connection:
        owner = Owner(waking.organization_id, execution.id, running.epoch)
        assert [signal.name for signal in signals.waiting(connection, owner)] == ["pause"]


def test_executions_are_listed_page_by_page_newest_first(workspace: Workspace) -> None:
    clock = SetClock()
    timed = Workspace(workspace.storage, workspace.organization_id, clock=clock)
    ids = []
    for number in range(7):
        clock.time += number % 2  # two of them at a time begin together
        ids.append(start(timed, text(timed, f"Note {number}.")).id)
    timed.cancel(ids[3])
    whole = [row.execution.id for row in timed.executions()]
    assert set(whole) == set(ids)
    assert whole[0] in ids[-2:]
    pages = [row.execution.id for row in timed.executions(limit=3)]
    while page := timed.executions(limit=3, before=pages[-1]):
        pages += [row.execution.id for row in page]
    assert pages == whole
    assert [row.execution.id for row in timed.executions(status=Status.CANCELLED)] == [ids[3]]


def test_documents_and_ontologies_are_kept_once_and_listed(workspace: Workspace) -> None:
    clock = SetClock()
    timed = Workspace(workspace.storage, workspace.organization_id, clock=clock)
    kept = [text(timed, f"Note {number}.", f"{number}.txt") for number in range(5)]
    for document in kept:
        clock.time += 1
        timed.keep_document(document)
        timed.keep_document(document)
    timed.keep_ontology(ONTOLOGY)
    timed.keep_ontology(ONTOLOGY)
    newest = timed.documents(limit=2)
    assert [one.source for one in newest] == ["4.txt", "3.txt"]
    assert [one.source for one in timed.documents(before=newest[-1])] == ["2.txt", "1.txt", "0.txt"]
    assert (newest[0].id, newest[0].characters) == (kept[4].id, len(kept[4].text))
    assert timed.document(kept[0].id) == kept[0]
    (ontology,) = timed.ontologies()
    assert (ontology.content_hash, ontology.source) == (ONTOLOGY.content_hash, ONTOLOGY.source)


def test_a_document_of_another_organisation_is_not_taken(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="was read for another organisation"):
        workspace.keep_document(DOCUMENT)
    with pytest.raises(UsageError, match="was read for another organisation"):
        start(workspace, DOCUMENT)
    assert workspace.documents() == []


def test_a_budget_is_set_and_read(workspace: Workspace) -> None:
    assert workspace.account().limits == Limits()
    workspace.limit(Limits(tokens=500))
    assert workspace.account().limits == Limits(tokens=500)


def test_what_ended_long_ago_is_pruned(workspace: Workspace) -> None:
    clock = SetClock()
    timed = Workspace(workspace.storage, workspace.organization_id, clock=clock)
    timed.cancel(start(timed, text(timed)).id)
    clock.time += 40 * DAY
    gone = Pruned({Status.CANCELLED: 1}, documents=1, ontologies=1)
    assert timed.prune(Retention(30 * DAY), dry_run=True) == gone
    assert len(timed.executions()) == 1
    assert timed.prune(Retention(30 * DAY)) == gone
    assert timed.executions() == []


async def test_what_one_organisation_has_no_other_sees(workspace: Workspace) -> None:
    document = text(workspace)
    execution = await anyio.to_thread.run_sync(start, workspace, document)
    await run(workspace, execution)
    workspace.limit(Limits(tokens=1))
    other = Workspace(workspace.storage, OrganizationId("other"))
    attempts: list[Callable[[], object]] = [
        lambda: other.execution(execution.id),
        lambda: other.overview(execution.id),
        lambda: other.events(execution.id),
        lambda: other.result(execution.id),
        lambda: other.executions(before=execution.id),
        lambda: other.document(DocumentId(document.id)),
        lambda: other.ontology(ONTOLOGY.content_hash),
    ]
    for attempt in attempts:
        with pytest.raises(UsageError, match="there is no"):
            attempt()
    assert (other.executions(), other.documents(), other.ontologies()) == ([], [], [])
    assert other.account().limits == Limits()
    with pytest.raises(UsageError, match="there is no"):
        await anext(aiter(other.follow(execution)))


def test_an_id_may_be_shortened_but_not_to_nothing(workspace: Workspace) -> None:
    one = start(workspace, text(workspace)).id
    short = one.removeprefix("execution_")
    for given in (one, one[:20], short, short[:6], f" {short[:9]} "):
        assert workspace.execution(given).id == one
    for given, said in (("", "too little"), ("%%%%%%%%", "there is no execution"), ("f" * 32, "there is no execution")):
        with pytest.raises(UsageError, match=said):
            workspace.execution(given)
