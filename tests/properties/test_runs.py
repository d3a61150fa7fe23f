"""Two runs of the same input give the same bytes, in whatever order the chunks finish."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from random import Random

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import ONTOLOGY, StandIn

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document
from lithograph.domain.facts import Literal
from lithograph.domain.fragment import Stage
from lithograph.domain.result import ExtractionResult
from lithograph.errors import AnswerError
from lithograph.extraction.chunk import ChunkSettings
from lithograph.extraction.extractor import (
    EntityQuestion,
    MentionQuestion,
    ProposedAttribute,
    ProposedEntity,
    ProposedMention,
    ProposedRelation,
    RelationQuestion,
)
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.graph.export.result_json import canonical_bytes

WORDS = ["Ada", "Bob", "Smith", "Jane Smith", "Acme", "ACME", "WHO", "World Health Organization", "Dover", "1815"]
FILLERS = ["met", "in", "of", "and", "left.", "said.", "wrote.\n\n", "東京。"]
texts = st.lists(st.sampled_from([*WORDS, *FILLERS]), min_size=5, max_size=80).map(" ".join)
CONFIDENCES = [0.1, 0.3, 0.6, 0.7, 0.9, 1.0]
SETTINGS = ExtractionSettings(chunks=ChunkSettings(80, 10), batch=3, on_missing=OnMissing.SKIP)


def mentions_of(question: MentionQuestion) -> Sequence[ProposedMention]:
    """Propose some words of the chunk, and some that are not there; by chance that depends on the text alone."""
    random = Random(question.chunk.text)
    return [
        ProposedMention(word, random.choice(CONFIDENCES), random.choice("ab")) for word in random.choices(WORDS, k=6)
    ]


def entities_of(question: EntityQuestion) -> Sequence[ProposedEntity]:
    random = Random(question.chunk.text)
    classes, properties = [known.iri for known in question.classes], [known.iri for known in question.properties]

    def attributes() -> list[ProposedAttribute]:
        quote = random.choice([sentence.text for sentence in question.sentences])
        return [ProposedAttribute(iri, Literal("1"), quote) for iri in properties if random.random() < 0.5]

    return [
        ProposedEntity(index, random.sample(classes, 2), random.choice(CONFIDENCES), attributes())
        for index in range(len(question.mentions))
    ]


def relations_of(question: RelationQuestion) -> Sequence[ProposedRelation]:
    random = Random(question.chunk.text)
    ends: list[int | Literal] = [*range(len(question.candidates)), Literal("1815")]
    return [
        ProposedRelation(
            random.randrange(len(question.candidates)),
            random.choice(question.properties).iri,
            random.choice(ends),
            random.choices(question.chunk.text.split(), k=2),
            random.choice(CONFIDENCES),
        )
        for _ in range(6)
    ]


def waiting(seed: int) -> Callable[[Stage, Chunk], Awaitable[None]]:
    """Return what lets others go first by chance, and fails about relations where Dover and 1815 stand together."""
    random = Random(seed)

    async def wait(stage: Stage, chunk: Chunk) -> None:
        for _ in range(random.randrange(8)):
            await anyio.lowlevel.checkpoint()
        if "Dover" in chunk.text and "1815" in chunk.text and stage is Stage.RELATIONS:
            raise AnswerError("no answer")

    return wait


def run(document: Document, concurrency: int, seed: int) -> tuple[ExtractionResult, list[str]]:
    """Return the result of one run, and the chunks in the order in which relations were asked for."""
    extractor = StandIn(mentions_of, entities_of, relations_of, waiting(seed))
    pipeline = ExtractionPipeline(ONTOLOGY, extractor, replace(SETTINGS, concurrency=concurrency))

    async def extract() -> ExtractionResult:
        return await pipeline.run(document)

    result = anyio.run(extract)
    return result, [chunk.id for stage, chunk in extractor.asked if stage is Stage.RELATIONS]


@settings(max_examples=25, deadline=None)
@given(texts, st.integers(1, 1000))
def test_order_of_completion_and_concurrency_change_no_byte(text: str, seed: int) -> None:
    document = Document.from_text(text)
    one, at_a_time = run(document, 1, 0), [run(document, 20, seed), run(document, 20, seed + 1), run(document, 3, seed)]
    assert {canonical_bytes(result) for result, _ in at_a_time} == {canonical_bytes(one[0])}
    one[0].graph.verify([document])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_runs_that_are_compared_do_finish_in_different_orders_and_find_something(seed: int) -> None:
    random = Random(seed)
    document = Document.from_text(" ".join(random.choices([*WORDS, *FILLERS], k=300)))
    (alone, in_turn), (together, as_it_comes) = run(document, 1, 0), run(document, 20, seed)
    assert in_turn != as_it_comes
    assert alone.graph.relations
    assert alone.missing
    assert alone.rejected
    assert canonical_bytes(alone) == canonical_bytes(together)
