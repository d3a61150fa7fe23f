from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lithograph.domain.document import Document
from lithograph.domain.facts import XSD, Literal
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import Iri
from lithograph.errors import IncompleteError
from lithograph.extraction.chunk import ChunkSettings, chunk_document
from lithograph.extraction.extractor import MentionQuestion
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.model import Ontology
from lithograph.testing.gold import GoldDocument, read_gold
from lithograph.testing.oracle import OracleExtractor, Stray

Record = dict[str, Any]
Write = Callable[..., Path]
EXAMPLE = "http://example.org/"


@pytest.fixture
def ada(write: Write, record: Record) -> GoldDocument:
    return next(read_gold(write(record)))


@pytest.fixture
def silver(write: Write, silver_record: Record) -> GoldDocument:
    return next(read_gold(write(silver_record)))


async def graph_of(gold: GoldDocument, ontology: Ontology, stray: Stray = Stray.BY_SURFACE) -> KnowledgeGraph:
    result = await ExtractionPipeline(ontology, OracleExtractor(gold, ontology, stray=stray)).run(gold.text)
    return result.graph


def told(graph: KnowledgeGraph) -> set[tuple[str, str, str]]:
    return {
        (
            graph.entity(relation.subject).label,
            relation.predicate.removeprefix(EXAMPLE),
            relation.object.value if isinstance(relation.object, Literal) else graph.entity(relation.object).label,
        )
        for relation in graph.relations
    }


async def test_it_proposes_the_marked_mentions_that_lie_in_the_chunk_in_order(
    ada: GoldDocument, people: Ontology
) -> None:
    oracle = OracleExtractor(ada, people)
    chunks = chunk_document(Document.from_text(ada.text), ChunkSettings(maximum=80, minimum=20, overlap=False))
    answers = [await oracle.mentions(MentionQuestion(chunk, ())) for chunk in chunks]
    found = [[mention.text for mention in answer.mentions] for answer in answers]
    assert len(chunks) > 1
    assert [text for texts in found for text in texts] == [
        "Ada Lovelace", "Babbage", "London", "London", "London Gazette", "Lovelace",
    ]  # fmt: skip
    for chunk, texts in zip(chunks, found, strict=True):
        assert all(text in chunk.text for text in texts)


async def test_the_pipeline_gets_the_marked_classes_and_relations_from_it(ada: GoldDocument, people: Ontology) -> None:
    graph = await graph_of(ada, people)
    classes = {entity.label: entity.types[0].removeprefix(EXAMPLE) for entity in graph.entities}
    assert classes == {"Ada Lovelace": "PER", "Babbage": "PER", "London": "LOC", "London Gazette": "ORG"}
    assert told(graph) == {("Ada Lovelace", "P1", "Babbage"), ("Babbage", "P2", "London")}


async def test_it_quotes_the_marked_evidence_or_else_the_sentences_of_the_closest_mentions(
    ada: GoldDocument, people: Ontology
) -> None:
    graph = await graph_of(ada, people)
    evidence = {relation.predicate: [span.text for span in relation.evidence] for relation in graph.relations}
    assert evidence == {
        Iri(EXAMPLE + "P1"): ["Ada Lovelace met Babbage in London."],
        Iri(EXAMPLE + "P2"): ["Ada Lovelace met Babbage in London."],
    }


async def test_what_the_sweep_finds_gets_the_class_of_its_surface_or_none(ada: GoldDocument, people: Ontology) -> None:
    # "Babbage lived in London": nobody marked this Babbage.
    by_surface = await graph_of(ada, people)
    unanswered = await graph_of(ada, people, Stray.UNANSWERED)
    assert [len(e.mentions) for e in by_surface.entities if e.label == "Babbage"] == [2]
    assert [len(e.mentions) for e in unanswered.entities if e.label == "Babbage"] == [1]
    assert told(by_surface) == told(unanswered)


async def test_a_relation_whose_evidence_lies_in_another_chunk_is_not_proposed(
    ada: GoldDocument, people: Ontology
) -> None:
    far = replace(ada.relations[0], evidence=(ada.sentences[0], ada.sentences[2]))
    settings = ExtractionSettings(chunks=ChunkSettings(maximum=80, minimum=20, overlap=False))
    gold = replace(ada, relations=(far,))
    result = await ExtractionPipeline(people, OracleExtractor(gold, people), settings).run(gold.text)
    assert result.graph.relations == ()


async def test_without_marked_spans_it_finds_names_in_the_text_and_literals(
    silver: GoldDocument, people: Ontology
) -> None:
    graph = await graph_of(silver, people)
    assert {entity.label: entity.types[0].removeprefix(EXAMPLE) for entity in graph.entities} == {
        "Analytical Engine": "Machine",
        "Charles Babbage": "PER",
    }
    assert told(graph) == {("Analytical Engine", "P3", "Charles Babbage"), ("Analytical Engine", "P4", "1837")}
    (literal,) = (r.object for r in graph.relations if isinstance(r.object, Literal))
    assert literal.datatype == XSD + "gYear"


async def test_it_says_nothing_of_another_document(ada: GoldDocument, people: Ontology) -> None:
    with pytest.raises(IncompleteError, match="the oracle knows ada only"):
        await ExtractionPipeline(people, OracleExtractor(ada, people)).run("Quite another text.")


def test_its_identity_names_its_document(ada: GoldDocument, people: Ontology) -> None:
    assert OracleExtractor(ada, people).identity.parameters["document"] == "ada"
