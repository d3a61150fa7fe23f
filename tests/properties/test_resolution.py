"""Resolution depends on what the entities are, not on the order in which they come, and loses nothing."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import HARBOUR, HOTEL, KNOWS, ONTOLOGY, ORGANIZATION, PERSON, PLACE, SAILOR, WRITER, entities_of

from lithograph.domain.graph import Entity, KnowledgeGraph, Relation, relation_of
from lithograph.resolution.resolve import resolve

NAMES = (
    *("Jane Smith", "John Smith", "Smith", "Jane", "Dr. Jane Smith", "Mr. Smith", "Mrs. Smith", "Mrs. Jane Smith"),
    *("J. Smith", "Jane M. Smith", "SMITH", "World Health Organization", "WHO", "W.H.O.", "Western Harbour Office"),
    *("Dover", "Dover Castle", "12", "12 May", "東京", "…"),
)
names = st.tuples(
    st.sampled_from(NAMES) | st.text(min_size=1, max_size=6),
    st.sampled_from([PERSON, SAILOR, WRITER, ORGANIZATION, PLACE, HARBOUR, HOTEL]),
)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Entity], list[Relation]]:
    entities = entities_of(*draw(st.lists(names, min_size=1, max_size=10)))
    pairs = st.tuples(st.sampled_from(entities), st.sampled_from(entities))
    relations = {}
    for one, other in draw(st.lists(pairs, max_size=6)):
        relation = relation_of(one.id, KNOWS, other.id, confidence=1.0, evidence=(one.mentions[0].span,))
        relations[relation.id] = relation
    return entities, list(relations.values())


shuffled = graphs().flatmap(
    lambda graph: st.tuples(st.just(graph), st.tuples(st.permutations(graph[0]), st.permutations(graph[1])))
)
modest = settings(max_examples=100, deadline=None)


@modest
@given(shuffled)
def test_the_order_of_entities_and_relations_changes_nothing(
    orders: tuple[tuple[list[Entity], list[Relation]], tuple[list[Entity], list[Relation]]],
) -> None:
    one, other = (resolve(KnowledgeGraph(tuple(e), tuple(r)), ONTOLOGY) for e, r in orders)
    assert one == other


@modest
@given(graphs())
def test_every_mention_name_and_relation_is_kept_or_counted(given_: tuple[list[Entity], list[Relation]]) -> None:
    entities, relations = given_
    resolved = resolve(KnowledgeGraph(tuple(entities), tuple(relations)), ONTOLOGY)
    kept = resolved.graph.entities
    assert sorted(m.id for e in kept for m in e.mentions) == sorted(m.id for e in entities for m in e.mentions)
    assert {name for e in kept for name in (e.label, *e.aliases)} == {e.label for e in entities}
    evidence = {span for relation in resolved.graph.relations for span in relation.evidence}
    assert len(resolved.graph.relations) <= len(relations) - resolved.collapsed
    assert evidence <= {span for relation in relations for span in relation.evidence}
    assert all(relation.subject != relation.object for relation in resolved.graph.relations)


@modest
@given(graphs())
def test_things_of_incompatible_classes_never_become_one(given_: tuple[list[Entity], list[Relation]]) -> None:
    resolved = resolve(KnowledgeGraph(tuple(given_[0]), ()), ONTOLOGY)
    persons = {PERSON, SAILOR, WRITER}
    for entity in resolved.graph.entities:
        assert set(entity.types) <= persons or persons.isdisjoint(entity.types)
        assert not {HARBOUR, HOTEL} <= set(entity.types)
        assert not {SAILOR, WRITER} <= set(entity.types)
