from functools import partial
from itertools import islice
from pathlib import Path

import anyio.to_thread
import pytest
from tests.builders import ONTOLOGY
from tests.journals import ORGANIZATION, SetClock, activities, count, events, kinds, seen, worker
from tests.stories import DOCUMENT, PARAGRAPHS, broken, stand_in, written

from lithograph.demo import demo_document, demo_ontology
from lithograph.documents.read import document_from_bytes
from lithograph.domain.document import Document
from lithograph.domain.fragment import Missing, Stage
from lithograph.domain.result import ExtractionResult
from lithograph.durable import executions
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.errors import AnswerError, StateError
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import (
    Extractor,
)
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.graph.export.result_json import canonical_bytes
from lithograph.ontology.load import load_ontology, ontology_from_bytes
from lithograph.ontology.model import Ontology
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import entity, evidence, mention, relation, workflow_execution
from lithograph.testing.gold import read_gold, read_index
from lithograph.testing.oracle import OracleExtractor
from lithograph.workflow.extraction import result_of_execution, run_extraction, start_extraction
from lithograph.workflow.extraction_input import ExtractionInput
from lithograph.workflow.materials import document_of

CLOCK = SetClock()
SKIP = ExtractionSettings(on_missing=OnMissing.SKIP)


def start(
    storage: Storage,
    document: Document,
    extractor: Extractor,
    ontology: Ontology = ONTOLOGY,
    settings: ExtractionSettings | None = None,
) -> Execution:
    given = ExtractionInput(
        document.id, document.source, ontology.content_hash, "stand-in", settings or ExtractionSettings()
    )
    return start_extraction(storage, document, ontology, extractor, given, CLOCK)


async def run(storage: Storage, execution: Execution, extractor: Extractor) -> Status:
    return await run_extraction(worker(storage), execution, named=lambda model, ontology: extractor)


async def extract(
    storage: Storage, document: Document, extractor: Extractor, ontology: Ontology = ONTOLOGY
) -> tuple[Status, bytes]:
    execution = start(storage, document, extractor, ontology)
    status = await run(storage, execution, extractor)
    return status, canonical_bytes(await result(storage, execution))


async def result(storage: Storage, execution: Execution) -> ExtractionResult:
    return await anyio.to_thread.run_sync(partial(result_of_execution, storage, ORGANIZATION, execution.id))


async def faultless(document: Document, extractor: Extractor, ontology: Ontology = ONTOLOGY) -> bytes:
    return canonical_bytes(await ExtractionPipeline(ontology, extractor).run(document))


def percents(storage: Storage, execution: Execution) -> list[float]:
    return [event.payload["percent"] for event in events(storage, execution.id) if "percent" in event.payload]


async def test_the_demo_document_gives_what_the_pipeline_gives(storage: Storage) -> None:
    ontology = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
    document, extractor = document_from_bytes(demo_document(), source="story.md"), RulesExtractor(ontology)
    status, found = await extract(storage, document, extractor, ontology)
    assert status is Status.COMPLETED
    assert found == await faultless(document, extractor, ontology)
    plain = await ExtractionPipeline(ontology, extractor).run(document)
    assert count(storage, entity) == plain.stats.entities > 0
    assert count(storage, mention) == plain.stats.mentions
    assert count(storage, relation) == plain.stats.relations > 0
    assert count(storage, evidence) == sum(len(one.evidence) for one in plain.graph.relations)


async def test_gold_documents_give_what_the_pipeline_gives(storage: Storage, shared_data: Path) -> None:
    index = read_index(shared_data / "gold" / "ontologies" / "index.json")
    known: dict[str, Ontology] = {}
    for gold in islice(read_gold(shared_data / "gold" / "dev.jsonl"), 20):
        ontology = known.setdefault(gold.ontology, load_ontology(index[gold.ontology]))
        document, extractor = Document.from_text(gold.text, source=gold.id), OracleExtractor(gold, ontology)
        status, found = await extract(storage, document, extractor, ontology)
        assert status is Status.COMPLETED
        assert found == await faultless(document, extractor, ontology), gold.id


async def test_a_second_start_returns_the_same_execution_and_runs_nothing(storage: Storage) -> None:
    first = start(storage, DOCUMENT, stand_in())
    assert await run(storage, first, stand_in()) is Status.COMPLETED
    extractor = stand_in()
    again = start(storage, DOCUMENT, extractor, settings=ExtractionSettings(concurrency=2, on_missing=OnMissing.SKIP))
    assert again == seen(storage, first.id)
    assert again.status is Status.COMPLETED
    with pytest.raises(StateError, match="is completed"):
        await run(storage, again, extractor)
    assert extractor.asked == []
    assert canonical_bytes(await result(storage, again)) == await faultless(DOCUMENT, stand_in())
    assert count(storage, workflow_execution) == 1


async def test_each_reading_of_the_same_bytes_keeps_the_text_that_its_offsets_refer_to(storage: Storage) -> None:
    data = b"<p>Person01 met <b>Person02</b>.</p>"
    readings = [document_from_bytes(data, source=source) for source in ("page.txt", "page.html")]
    assert len({document.sha256 for document in readings}) == 1
    for document in readings:
        assert await extract(storage, document, stand_in()) == (Status.COMPLETED, await faultless(document, stand_in()))
    for document in readings:
        found = await result(storage, start(storage, document, stand_in()))
        assert [one.sha256 for one in found.documents] == [document.sha256]
        assert [document.check(span) for span in found.graph.spans()]
        assert await anyio.to_thread.run_sync(document_of, storage, ORGANIZATION, document.id) == document


async def test_what_decides_the_result_decides_which_execution_it_is(storage: Storage) -> None:
    first = start(storage, DOCUMENT, stand_in())
    others = [
        start(storage, written(PARAGRAPHS[1:]), stand_in()),
        start(storage, DOCUMENT, stand_in(), settings=ExtractionSettings(sweep=False)),
        start(storage, DOCUMENT, RulesExtractor(ONTOLOGY)),
    ]
    assert len({first.id, *(one.id for one in others)}) == 4


@pytest.mark.parametrize("stage", [Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS])
async def test_a_chunk_that_fails_is_listed_and_later_only_what_is_missing_runs(storage: Storage, stage: Stage) -> None:
    chunks = chunk_document(DOCUMENT)
    culprit = chunks[len(chunks) // 2]
    extractor = broken(stage, culprit, AnswerError("nonsense"))
    execution = start(storage, DOCUMENT, extractor, settings=SKIP)
    assert await run(storage, execution, extractor) is Status.COMPLETED_WITH_ERRORS
    (missing,) = (await result(storage, execution)).missing
    assert (missing.chunk, missing.stage, missing.error, missing.attempts) == (culprit.id, stage, "nonsense", 1)
    output = seen(storage, execution.id).output
    assert output is not None
    assert output["missing"] == 1
    assert output["percent"] < 100

    executions.change(storage, ORGANIZATION, execution.id, Status.PENDING, CLOCK)
    cured = stand_in()
    assert await run(storage, start(storage, DOCUMENT, cured, settings=SKIP), cured) is Status.COMPLETED
    stages = [Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS]
    assert cured.asked == [(one, culprit) for one in stages[stages.index(stage) :]]
    assert canonical_bytes(await result(storage, execution)) == await faultless(DOCUMENT, stand_in())
    assert count(storage, entity) == len((await result(storage, execution)).graph.entities)
    told = percents(storage, execution)
    assert told == sorted(told)
    assert told[-1] == 100


async def test_a_run_that_may_miss_nothing_fails_and_keeps_what_is_finished(storage: Storage) -> None:
    chunks = chunk_document(DOCUMENT)
    extractor = broken(Stage.RELATIONS, chunks[-1], AnswerError("nonsense"))
    settings = ExtractionSettings(concurrency=3)
    execution = start(storage, DOCUMENT, extractor, settings=settings)
    assert await run(storage, execution, extractor) is Status.FAILED
    assert "nonsense" in (seen(storage, execution.id).error or "")
    finished = {name for name, status in activities(storage, execution.id).items() if status == "completed"}
    assert len(finished) > len(chunks)
    assert f"relations/{chunks[-1].id}" in {missing_name(one) for one in (await result(storage, execution)).missing}

    executions.change(storage, ORGANIZATION, execution.id, Status.PENDING, CLOCK)
    cured = stand_in()
    assert await run(storage, execution, cured) is Status.COMPLETED
    asked = {f"{stage}/{chunk.id}" for stage, chunk in cured.asked}
    assert asked.isdisjoint("/".join(name.split("/")[:2]) for name in finished)
    assert canonical_bytes(await result(storage, execution)) == await faultless(DOCUMENT, stand_in())


def missing_name(missing: Missing) -> str:
    return f"{missing.stage}/{missing.chunk}"


@pytest.mark.parametrize("place", [0, 20, 40])
async def test_after_an_edit_only_chunks_whose_text_changed_are_asked_about(
    storage: Storage, tmp_path: Path, place: int
) -> None:
    first = stand_in()
    await extract(storage, DOCUMENT, first)
    known = {chunk.text for chunk in chunk_document(DOCUMENT)}
    assert len(known) > 6
    assert {chunk.text for _, chunk in first.asked} == known

    inserted = "Guest came late. Nobody had asked Guest to come, and Guest left before the tide turned."
    edited = written([*PARAGRAPHS[:place], inserted, *PARAGRAPHS[place:]])
    second = stand_in()
    status, found = await extract(storage, edited, second)
    asked = {chunk.text for _, chunk in second.asked}
    assert status is Status.COMPLETED
    assert asked == {chunk.text for chunk in chunk_document(edited)} - known
    assert 1 <= len(asked) <= 3

    with open_storage(f"sqlite:///{tmp_path}/fresh.db") as fresh:
        assert await extract(fresh, edited, stand_in()) == (Status.COMPLETED, found)
    assert found == await faultless(edited, stand_in())


async def test_an_answer_is_bought_once_for_equal_questions_of_two_documents(storage: Storage) -> None:
    await extract(storage, DOCUMENT, stand_in())
    copy = Document(ORGANIZATION, "copy.html", "0" * 64, "text/html", DOCUMENT.text)
    extractor = stand_in()
    _, found = await extract(storage, copy, extractor)
    assert extractor.asked == []
    assert found == await faultless(copy, stand_in())


async def test_events_tell_of_stages_and_their_percent_never_falls(storage: Storage) -> None:
    extractor = stand_in()
    execution = start(storage, DOCUMENT, extractor)
    await run(storage, execution, extractor)
    told = kinds(storage, execution.id)
    assert [told.count(kind) for kind in ("stage.started", "stage.completed")] == [3, 3]
    assert told.count("activity.completed") == len(extractor.asked)
    assert told[-1] == "execution.completed"
    found = percents(storage, execution)
    assert found == sorted(found)
    assert found[-1] == 100
