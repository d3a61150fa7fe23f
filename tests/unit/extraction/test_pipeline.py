from collections.abc import Sequence
from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
from tests.builders import KNOWS, ONTOLOGY, PERSON, StandIn, propose

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document
from lithograph.domain.fragment import Reason, Stage
from lithograph.domain.ids import OrganizationId
from lithograph.domain.result import ExtractionResult
from lithograph.errors import AnswerError, IncompleteError
from lithograph.extraction.chunk import ChunkSettings
from lithograph.extraction.extractor import ProposedRelation, RelationQuestion
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress
from lithograph.extraction.settings import ExtractionSettings, OnMissing

NAMES = ("Ada", "Bob", "Eve", "Dan", "Flo", "Gil")
TEXT = "\n\n".join(f"Here {name} walked home." for name in NAMES)
SETTINGS = ExtractionSettings(chunks=ChunkSettings(30, 5, overlap=False))


def pipeline(extractor: StandIn, settings: ExtractionSettings = SETTINGS) -> ExtractionPipeline:
    return ExtractionPipeline(ONTOLOGY, extractor, settings)


def labels(result: ExtractionResult) -> list[str]:
    return [entity.label for entity in result.graph.entities]


def failing_at(stage: Stage, name: str) -> StandIn:
    async def fail(at: Stage, chunk: Chunk) -> None:
        if at is stage and name in chunk.text:
            raise AnswerError("the answer makes no sense")

    return StandIn(propose(*NAMES), before=fail)


async def test_a_text_becomes_a_graph_whose_spans_lie_in_it() -> None:
    result = await pipeline(StandIn(propose(*NAMES))).run(TEXT, organization_id=OrganizationId("acme"))
    document = Document.from_text(TEXT, organization_id=OrganizationId("acme"))
    assert labels(result) == list(NAMES)
    assert (result.organization_id, result.documents[0].id, result.completed) == ("acme", document.id, True)
    assert (result.stats.chunks, result.stats.mentions, result.stats.entities) == (6, 6, 6)
    result.graph.verify([document])


@pytest.mark.parametrize("text", ["", " \n "])
async def test_an_empty_document_gives_an_empty_graph_and_asks_nothing(text: str) -> None:
    extractor = StandIn()
    result = await pipeline(extractor).run(text)
    assert (result.graph.entities, result.stats.chunks, result.completed, extractor.asked) == ((), 0, True, [])


async def test_a_chunk_without_mentions_is_asked_nothing_more() -> None:
    extractor = StandIn(propose("Bob"))
    await pipeline(extractor).run(TEXT)
    later = [(stage, chunk.text) for stage, chunk in extractor.asked if stage is not Stage.MENTIONS]
    assert later == [(Stage.ENTITIES, "Here Bob walked home."), (Stage.RELATIONS, "Here Bob walked home.")]


async def test_a_chunk_whose_mentions_got_no_class_is_not_asked_for_relations() -> None:
    extractor = StandIn(propose("Bob"), entities_of=lambda _: ())
    result = await pipeline(extractor).run(TEXT)
    assert Stage.RELATIONS not in {stage for stage, _ in extractor.asked}
    assert dict(result.rejected) == {Reason.UNTYPED: 1}


async def test_at_most_40_mentions_are_asked_about_at_once() -> None:
    names = [f"Name{number}x" for number in range(85)]
    extractor = StandIn(propose(*names))
    result = await ExtractionPipeline(ONTOLOGY, extractor).run(" ".join(names))
    assert sorted(extractor.batches) == [5, 40, 40]
    assert labels(result) == names


@pytest.mark.parametrize("stage", [Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS])
async def test_under_fail_the_error_names_document_characters_and_stage(stage: Stage) -> None:
    document = Document.from_text(TEXT, source="walks.txt")
    with pytest.raises(IncompleteError, match=rf"walks\.txt: characters 46 to 67 failed in stage {stage}: .*no sense"):
        await pipeline(failing_at(stage, "Eve")).run(document)


@pytest.mark.parametrize("stage", [Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS])
async def test_under_skip_exactly_the_failed_chunk_is_missing(stage: Stage) -> None:
    skip = replace(SETTINGS, on_missing=OnMissing.SKIP)
    result = await pipeline(failing_at(stage, "Eve"), skip).run(TEXT)
    (missing,) = result.missing
    assert (missing.start, missing.end, missing.stage, missing.attempts) == (46, 67, stage, 1)
    assert "no sense" in missing.error
    kept_of_eve = ["Eve"] if stage is Stage.RELATIONS else []
    assert labels(result) == ["Ada", "Bob", *kept_of_eve, "Dan", "Flo", "Gil"]
    assert not result.completed


async def test_an_error_that_is_not_ours_is_never_swallowed() -> None:
    async def crash(stage: Stage, chunk: Chunk) -> None:
        raise ZeroDivisionError

    skip = replace(SETTINGS, on_missing=OnMissing.SKIP)
    with pytest.raises(ZeroDivisionError):
        await pipeline(StandIn(before=crash), skip).run(TEXT)


async def test_a_chunk_does_not_wait_for_others_between_its_stages() -> None:
    finished = anyio.Event()

    async def hold_ada_until_gil_is_done(stage: Stage, chunk: Chunk) -> None:
        if "Gil" in chunk.text and stage is Stage.RELATIONS:
            finished.set()
        if "Ada" in chunk.text and stage is Stage.MENTIONS:
            await finished.wait()

    with anyio.fail_after(5):
        result = await pipeline(StandIn(propose(*NAMES), before=hold_ada_until_gil_is_done)).run(TEXT)
    assert labels(result) == list(NAMES)


@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_no_more_chunks_are_in_work_than_the_limit_allows(limit: int) -> None:
    working: set[str] = set()
    most = 0

    async def count(stage: Stage, chunk: Chunk) -> None:
        nonlocal most
        working.add(chunk.id)
        most = max(most, len(working))
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        if stage is Stage.RELATIONS:
            working.remove(chunk.id)

    await pipeline(StandIn(propose(*NAMES), before=count), replace(SETTINGS, concurrency=limit)).run(TEXT)
    assert most == limit


async def test_a_relation_seen_by_two_overlapping_chunks_is_one_edge_with_all_evidence() -> None:
    text = "Ada knew him. Ada knew Bob. Ada again knew Bob."

    def knows(question: RelationQuestion) -> Sequence[ProposedRelation]:
        index = {candidate.text: place for place, candidate in enumerate(question.candidates)}
        quotes = [quote for quote in ("Ada knew Bob", "Ada again knew Bob") if quote in question.chunk.text]
        if not quotes or len(index) < 2:
            return ()
        return [ProposedRelation(index["Ada"], KNOWS, index["Bob"], (quote,)) for quote in quotes]

    extractor = StandIn(propose("Ada", "Bob"), relations_of=knows)
    overlapping = ExtractionSettings(chunks=ChunkSettings(34, 5))
    result = await pipeline(extractor, overlapping).run(text)
    shared = [chunk for stage, chunk in extractor.asked if stage is Stage.RELATIONS and "Ada knew Bob" in chunk.text]
    assert len(shared) == 2
    (relation,) = result.graph.relations
    assert [span.text for span in relation.evidence] == ["Ada knew Bob", "Ada again knew Bob"]


async def test_a_relation_whose_ends_turn_out_to_be_one_thing_is_counted() -> None:
    def same(question: RelationQuestion) -> Sequence[ProposedRelation]:
        return [ProposedRelation(0, KNOWS, 1, (question.chunk.text,))]

    result = await pipeline(StandIn(propose("Ada", "ADA"), relations_of=same)).run("Ada, or ADA.")
    assert not result.graph.relations
    assert dict(result.rejected)[Reason.SELF_RELATION] == 1


async def test_progress_tells_of_every_finished_stage_of_every_chunk() -> None:
    told: list[Progress] = []
    await pipeline(StandIn(propose(*NAMES))).run(TEXT, progress=told.append)
    for stage in (Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS):
        assert [(p.done, p.total) for p in told if p.stage is stage] == [(n, 6) for n in range(1, 7)]
    mentioned = {m.span.text for p in told if p.stage is Stage.MENTIONS for m in p.found.mentions}
    assert mentioned == set(NAMES)
    assert {t.types for p in told for t in p.found.typings} == {(PERSON,)}
