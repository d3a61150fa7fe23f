"""What is deleted when it has ended long ago, and what stays."""

import anyio.to_thread
import pytest
from sqlalchemy import insert
from tests.builders import ONTOLOGY
from tests.journals import ORGANIZATION, SetClock, Steps, claimed, count, new, run, started, worker
from tests.retained import ALL, LATER, MONTH, NOW, OTHER, TODAY, batch, begin, cached, ended, keep, there
from tests.stories import DOCUMENT, broken, stand_in

from lithograph.domain.document import Document
from lithograph.domain.fragment import Stage
from lithograph.durable import executions, retention
from lithograph.durable.clock import SystemClock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.retention import DAY, Pruned, Retention, prunable, prune
from lithograph.durable.signals import send
from lithograph.durable.status import Status
from lithograph.errors import AnswerError, UsageError
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import Extractor
from lithograph.storage.open import Storage
from lithograph.storage.schema import document, metadata, ontology, response_cache, spending
from lithograph.workflow.extraction import run_extraction
from lithograph.workflow.materials import keep_document, keep_ontology
from lithograph.workflow.spending import account_of


async def extracted(storage: Storage, extractor: Extractor) -> Status:
    execution = begin(storage, DOCUMENT, extractor)
    send(storage, ORGANIZATION, execution.id, "note", TODAY)
    return await run_extraction(worker(storage), execution, named=lambda choice, known: extractor)


async def pruned(storage: Storage, wanted: Retention) -> Pruned:
    return await anyio.to_thread.run_sync(prune, storage, ORGANIZATION, wanted, LATER)


async def test_all_that_belongs_to_an_extraction_goes_with_it(storage: Storage) -> None:
    assert await extracted(storage, stand_in()) is Status.COMPLETED
    full = {table.name for table in metadata.sorted_tables if count(storage, table)}
    assert full >= {
        "workflow_activity",
        "workflow_event",
        "workflow_signal",
        "entity",
        "mention",
        "relation",
        "evidence",
    }

    assert await pruned(storage, MONTH) == Pruned()
    answers = count(storage, response_cache)
    gone = Pruned({Status.COMPLETED: 1}, documents=1, ontologies=1, cached=answers)
    assert await pruned(storage, ALL) == gone

    left = {table.name for table in metadata.sorted_tables if count(storage, table)}
    assert left <= {"organization", "spending"}


def test_what_was_spent_is_not_forgotten(storage: Storage) -> None:
    spent = {"organization_id": ORGANIZATION, "slot": 0, "tokens": 500, "cost_usd": 2.5}
    with transaction(storage, ORGANIZATION, Transaction.JOURNAL) as connection:
        connection.execute(insert(spending), spent)
    ended(storage, "one", Status.FAILED)
    assert prune(storage, ORGANIZATION, ALL, LATER).executions == {Status.FAILED: 1}
    assert account_of(storage, ORGANIZATION).spent.tokens == 500


async def test_one_that_failed_goes_by_itself_and_can_be_started_anew(storage: Storage) -> None:
    failing = broken(Stage.RELATIONS, chunk_document(DOCUMENT)[1], AnswerError("no answer"))
    assert await extracted(storage, failing) is Status.FAILED
    assert await pruned(storage, MONTH) == Pruned({Status.FAILED: 1}, documents=1, ontologies=1)
    assert await extracted(storage, stand_in()) is Status.COMPLETED


async def test_it_is_no_hindrance_to_a_worker_and_none_to_it(storage: Storage) -> None:
    """On a file too, whose lock the worker has."""
    for number in range(5):
        ended(storage, f"old {number}", Status.FAILED)
    gone = []

    async def meanwhile() -> None:
        gone.append(await pruned(storage, MONTH))

    steps = Steps("one", "two", two=meanwhile)
    execution = started(storage, SystemClock(), new("at work"))
    assert await run(worker(storage), execution.id, steps) is Status.COMPLETED
    assert gone == [Pruned({Status.FAILED: 5})]
    assert there(storage) == {"at work"}


def test_only_what_ended_goes_and_what_completed_must_be_named(storage: Storage) -> None:
    for status in Status:
        if status.terminal:
            ended(storage, status, status)
            ended(storage, f"young {status}", status, at=NOW + 20 * DAY)
    ended(storage, "took long", Status.FAILED, begun=NOW, at=NOW + 20 * DAY)
    started(storage, TODAY, new("pending"))
    claimed(storage, TODAY, new("running"))
    ended(storage, "suspended", Status.SUSPENDED)

    assert prune(storage, ORGANIZATION, MONTH, LATER).executions == {Status.CANCELLED: 1, Status.FAILED: 1}
    assert {"completed", "completed_with_errors", "young failed", "pending", "running", "suspended"} <= there(storage)
    named = Retention(30 * DAY, frozenset({Status.COMPLETED}))
    assert prune(storage, ORGANIZATION, named, LATER).executions == {Status.COMPLETED: 1}
    assert prune(storage, ORGANIZATION, ALL, LATER).executions == {Status.COMPLETED_WITH_ERRORS: 1}
    young = {f"young {status}" for status in Status if status.terminal}
    assert there(storage) == {"pending", "running", "suspended", "took long"} | young


def test_one_that_was_retried_since_it_failed_stays(storage: Storage) -> None:
    one = ended(storage, "one", Status.FAILED)
    executions.change(storage, ORGANIZATION, one, Status.PENDING, TODAY)
    assert prune(storage, ORGANIZATION, ALL, LATER) == Pruned()
    assert there(storage) == {"one"}


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.SUSPENDED])
def test_what_has_not_ended_cannot_be_named(status: Status) -> None:
    with pytest.raises(UsageError, match=f"what is {status} has not ended"):
        Retention(30 * DAY, frozenset({status}))


@pytest.mark.parametrize("seconds", [0.0, DAY - 1, -5.0, float("nan"), float("inf")])
def test_what_is_younger_than_a_day_cannot_be_pruned(seconds: float) -> None:
    with pytest.raises(UsageError, match="between 1 and 36,525 days ago"):
        Retention(seconds)


def test_documents_stay_that_an_execution_works_on_or_that_were_given_lately(storage: Storage) -> None:
    used, again, unused = keep(storage, TODAY, "used", "again", "unused")
    keep(storage, SetClock(NOW + 20 * DAY), again.text)
    begin(storage, used, stand_in())

    assert prune(storage, ORGANIZATION, ALL, LATER) == Pruned(documents=1)
    with storage.read(ORGANIZATION) as connection:
        left = set(connection.execute(document.select()).scalars(document.c.source))
    assert left == {"used", "again"}
    assert unused.source not in left
    assert count(storage, ontology) == 1


def test_cached_answers_go_when_they_are_named(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_OTHERS_AT_ONCE", 2)
    cached(storage, ORGANIZATION, "a", "c", "e", "f", "z")
    cached(storage, ORGANIZATION, "b", "d", at=NOW + 20 * DAY)
    assert prune(storage, ORGANIZATION, MONTH, LATER) == Pruned()
    assert prunable(storage, ORGANIZATION, ALL, LATER) == Pruned(cached=5)
    assert prune(storage, ORGANIZATION, ALL, LATER) == Pruned(cached=5)
    assert count(storage, response_cache) == 2


def test_a_dry_run_says_what_would_go_and_deletes_nothing(storage: Storage) -> None:
    failed = begin(storage, DOCUMENT, stand_in())
    executions.change(storage, ORGANIZATION, failed.id, Status.CANCELLED, TODAY)
    keep(storage, TODAY, "unused")
    cached(storage, ORGANIZATION, "a")
    before = {table.name: count(storage, table) for table in metadata.sorted_tables}

    said = prunable(storage, ORGANIZATION, ALL, LATER)

    assert {table.name: count(storage, table) for table in metadata.sorted_tables} == before
    assert said == Pruned({Status.CANCELLED: 1}, documents=2, ontologies=1, cached=1)
    assert prune(storage, ORGANIZATION, ALL, LATER) == said


def test_nothing_of_another_organisation_goes(storage: Storage) -> None:
    execution = started(storage, TODAY, new("theirs", OTHER))
    executions.change(storage, OTHER, execution.id, Status.CANCELLED, TODAY)
    with transaction(storage, OTHER, Transaction.START) as connection:
        keep_document(connection, Document.from_text("theirs", organization_id=OTHER), timestamp(NOW))
        keep_ontology(connection, OTHER, ONTOLOGY, timestamp(NOW))
    cached(storage, OTHER, "theirs")
    assert prunable(storage, ORGANIZATION, ALL, LATER) == prune(storage, ORGANIZATION, ALL, LATER) == Pruned()
    theirs = Pruned({Status.CANCELLED: 1}, documents=1, ontologies=1, cached=1)
    assert prune(storage, OTHER, ALL, LATER) == theirs


def test_everything_of_an_organisation_can_be_erased(storage: Storage) -> None:
    part = ended(storage, "part", Status.COMPLETED)
    batch(storage, "batch", Status.RUNNING, [part])
    begin(storage, DOCUMENT, stand_in())
    cached(storage, ORGANIZATION, "a")
    cached(storage, OTHER, "theirs")
    retention.erase(storage, ORGANIZATION)
    for table in metadata.sorted_tables:
        if "organization_id" in table.c and table.name != "spending":
            with storage.read(ORGANIZATION) as connection:
                mine = table.select().where(table.c.organization_id == ORGANIZATION)
                assert connection.execute(mine).all() == [], table.name
    with storage.read(OTHER) as connection:
        assert connection.execute(response_cache.select()).all()
