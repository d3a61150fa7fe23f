from itertools import permutations

import pytest

from lithograph.domain.document import Document, Span
from lithograph.domain.facts import Attribute, Literal, Mention
from lithograph.domain.graph import Entity, KnowledgeGraph, relation_of
from lithograph.domain.ids import EntityId, Iri
from lithograph.errors import InvariantError

DOCUMENT = Document.from_text("Ada met Bob.")
KNOWS = Iri("urn:knows")


def entity(name: str, attribute: Span | None = None) -> Entity:
    start = DOCUMENT.text.index(name)
    mention = Mention(DOCUMENT.span(start, start + len(name)), 1.0)
    attributes = (Attribute(Iri("urn:a"), Literal("1"), (attribute,)),) if attribute else ()
    return Entity(EntityId(f"entity_{name}"), name, (Iri("urn:T"),), (), 1.0, attributes, (mention,))


ADA, BOB = entity("Ada"), entity("Bob")
MET = relation_of(ADA.id, KNOWS, BOB.id, confidence=1.0, evidence=(DOCUMENT.span(0, 11),))
SAID = relation_of(BOB.id, KNOWS, Literal("met"), confidence=1.0, evidence=(DOCUMENT.span(4, 7),))


def test_both_ends_of_a_relation_are_entities_of_the_graph() -> None:
    for entities in ((ADA,), (BOB,)):
        with pytest.raises(InvariantError, match="not in the graph"):
            KnowledgeGraph(entities, (MET,))
    assert KnowledgeGraph((BOB,), (SAID,)).relations == (SAID,)


def test_two_entities_cannot_have_one_id() -> None:
    with pytest.raises(InvariantError, match="same id"):
        KnowledgeGraph((ADA, ADA))


def test_an_entity_is_found_by_its_id() -> None:
    graph = KnowledgeGraph((ADA, BOB))
    assert graph.entity(BOB.id) is BOB
    with pytest.raises(KeyError):
        graph.entity(EntityId("nobody"))


def test_order_is_that_of_the_document_and_not_that_of_arrival() -> None:
    graphs = {KnowledgeGraph.ordered(entities, relations) == KnowledgeGraph((ADA, BOB), (MET, SAID))
              for entities in permutations((ADA, BOB)) for relations in permutations((MET, SAID))}  # fmt: skip
    assert graphs == {True}


def test_a_relations_id_depends_on_its_ends_and_its_property_alone() -> None:
    literal = relation_of(EntityId("entity_a"), Iri("urn:p"), Literal("1"), confidence=0.5, evidence=MET.evidence)
    linked = relation_of(EntityId("entity_a"), Iri("urn:p"), EntityId("entity_b"), confidence=1.0, evidence=())
    assert literal.id == "relation_00d149f3b223340316aa5fc6259ca983"
    assert linked.id == "relation_6055ef4de842c3a02bea61326c235a22"


def test_a_literal_that_reads_like_an_entitys_id_is_another_object() -> None:
    literal = relation_of(ADA.id, KNOWS, Literal(BOB.id), confidence=1.0, evidence=MET.evidence)
    tagged = relation_of(ADA.id, KNOWS, Literal(BOB.id, language="en"), confidence=1.0, evidence=MET.evidence)
    assert len({MET.id, literal.id, tagged.id}) == 3


def test_verify_accepts_what_reads_as_it_says() -> None:
    graph = KnowledgeGraph((entity("Ada", DOCUMENT.span(4, 7)), BOB), (MET, SAID))
    assert len(list(graph.spans())) == 5
    graph.verify([DOCUMENT])


@pytest.mark.parametrize("place", ["mention", "attribute", "evidence"])
def test_verify_looks_at_every_kind_of_span(place: str) -> None:
    wrong = Span(DOCUMENT.id, 4, 7, "MET")
    mentioned = Entity(ADA.id, "Ada", ADA.types, (), 1.0, (), (Mention(wrong, 1.0),))
    graph = {
        "mention": KnowledgeGraph((mentioned,)),
        "attribute": KnowledgeGraph((entity("Ada", wrong),)),
        "evidence": KnowledgeGraph(
            (ADA, BOB), (relation_of(ADA.id, KNOWS, BOB.id, confidence=1.0, evidence=(wrong,)),)
        ),
    }[place]
    with pytest.raises(InvariantError, match="does not read 'MET'"):
        graph.verify([DOCUMENT])


def test_verify_needs_every_document_that_is_pointed_at() -> None:
    with pytest.raises(InvariantError, match="not given"):
        KnowledgeGraph((ADA,)).verify([Document.from_text("Ada")])
