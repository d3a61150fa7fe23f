from itertools import permutations

import pytest
from tests.builders import BORN, KNOWS, PERSON, PLACE, SAILOR, WORKS_FOR

from lithograph.domain.document import Document
from lithograph.domain.facts import Attribute, Flag, Link, Literal, Mention, Typing
from lithograph.domain.fragment import Fragment
from lithograph.domain.ids import ChunkId, Iri, MentionId
from lithograph.extraction.assemble import assemble

DOCUMENT = Document.from_text("Ada \n Byron knew Bob and Bob knew Ada.")
ADA, BOB = DOCUMENT.span(0, 11), DOCUMENT.span(17, 20)
KNEW, AGAIN = DOCUMENT.span(0, 20), DOCUMENT.span(25, 37)
ONE, TWO = ChunkId("one"), ChunkId("two")
ADA_ID, BOB_ID = Mention(ADA, 1.0).id, Mention(BOB, 1.0).id


def typing(mention: MentionId, *types: Iri, chunk: ChunkId = ONE, confidence: float = 1.0) -> Typing:
    return Typing(mention, chunk, types, confidence)


BOTH = Fragment(
    frozenset({Mention(ADA, 1.0), Mention(BOB, 1.0)}), frozenset({typing(ADA_ID, PERSON), typing(BOB_ID, PERSON)})
)


def test_every_typed_mention_is_an_entity_in_order_of_the_document() -> None:
    graph = assemble(BOTH)
    assert [(e.label, e.types, e.aliases) for e in graph.entities] == [
        ("Ada Byron", (PERSON,), ()),
        ("Bob", (PERSON,), ()),
    ]
    graph.verify([DOCUMENT])


def test_a_mention_without_a_class_is_no_entity() -> None:
    assert assemble(Fragment(BOTH.mentions)).entities == ()


def test_the_surest_sighting_of_a_mention_counts() -> None:
    sightings = (Mention(ADA, 0.6, "z"), Mention(ADA, 0.8, "a"), Mention(ADA, 0.8, "b"))
    typings = (typing(ADA_ID, PERSON, confidence=0.5), typing(ADA_ID, PERSON, chunk=TWO, confidence=0.4))
    (entity,) = assemble(Fragment(frozenset(sightings), frozenset(typings))).entities
    assert entity.mentions == (sightings[2],)
    assert entity.confidence == pytest.approx(0.4)


def test_types_are_settled_by_vote_and_all_are_kept() -> None:
    votes = {
        typing(ADA_ID, PLACE, confidence=0.9),
        typing(ADA_ID, PERSON, SAILOR, chunk=TWO, confidence=0.6),
        typing(ADA_ID, PERSON, chunk=ChunkId("three"), confidence=0.6),
    }
    (entity,) = assemble(Fragment(frozenset({Mention(ADA, 1.0)}), frozenset(votes))).entities
    assert entity.types == (PERSON, PLACE, SAILOR)


def test_contradicting_attributes_are_both_kept_beside_their_evidence() -> None:
    born = [Attribute(BORN, Literal(year), (KNEW,)) for year in ("1815", "1816")]
    typings = {Typing(ADA_ID, chunk, (PERSON,), 1.0, (a,)) for chunk, a in zip((ONE, TWO), born, strict=True)}
    (entity,) = assemble(Fragment(frozenset({Mention(ADA, 1.0)}), frozenset(typings))).entities
    assert entity.attributes == tuple(born)


def test_a_relation_that_two_chunks_state_is_one_edge_with_all_evidence() -> None:
    links = {Link(ADA_ID, KNOWS, BOB_ID, 0.6, (AGAIN,)), Link(ADA_ID, KNOWS, BOB_ID, 0.9, (KNEW, AGAIN))}
    (relation,) = assemble(BOTH | Fragment(links=frozenset(links))).relations
    assert (relation.evidence, relation.confidence) == ((KNEW, AGAIN), 0.9)


def test_direction_property_and_object_tell_relations_apart() -> None:
    links = {
        Link(ADA_ID, KNOWS, BOB_ID, 1.0, (KNEW,)),
        Link(BOB_ID, KNOWS, ADA_ID, 1.0, (KNEW,)),
        Link(ADA_ID, WORKS_FOR, BOB_ID, 1.0, (KNEW,)),
        Link(ADA_ID, KNOWS, Literal("Bob"), 1.0, (KNEW,)),
        Link(ADA_ID, KNOWS, Literal("Bob", language="en"), 1.0, (KNEW,)),
    }
    assert len(assemble(BOTH | Fragment(links=frozenset(links))).relations) == 5


@pytest.mark.parametrize(("second", "kept"), [((), ()), ((Flag.RANGE,), (Flag.RANGE,))])
def test_a_flag_is_kept_when_every_sighting_has_it(second: tuple[Flag, ...], kept: tuple[Flag, ...]) -> None:
    links = {
        Link(ADA_ID, KNOWS, BOB_ID, 1.0, (KNEW,), (Flag.DOMAIN, Flag.RANGE)),
        Link(ADA_ID, KNOWS, BOB_ID, 1.0, (AGAIN,), second),
    }
    (relation,) = assemble(BOTH | Fragment(links=frozenset(links))).relations
    assert relation.flags == kept


def test_the_order_in_which_chunks_finish_cannot_show() -> None:
    parts = [
        BOTH,
        Fragment(typings=frozenset({typing(ADA_ID, PLACE, chunk=TWO, confidence=0.3)})),
        Fragment(typings=frozenset({typing(ADA_ID, SAILOR, chunk=ChunkId("three"), confidence=0.1)})),
        Fragment(links=frozenset({Link(ADA_ID, KNOWS, BOB_ID, 0.2, (KNEW,))})),
    ]
    first = assemble(Fragment.union(parts))
    assert all(assemble(Fragment.union([*order, *order])) == first for order in permutations(parts))


def test_nothing_gives_an_empty_graph() -> None:
    graph = assemble(Fragment())
    assert (graph.entities, graph.relations) == ((), ())
