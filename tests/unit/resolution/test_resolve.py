import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import (
    HARBOUR,
    HOTEL,
    KNOWS,
    ONTOLOGY,
    ORGANIZATION,
    PERSON,
    PLACE,
    SAILOR,
    WORKS_FOR,
    WRITER,
    entities_of,
    named,
)

from lithograph.domain.document import Document
from lithograph.domain.facts import Flag, Literal
from lithograph.domain.graph import KnowledgeGraph, relation_of
from lithograph.domain.ids import Iri
from lithograph.resolution.names import Name, called_for_short, expands, name_of
from lithograph.resolution.resolve import _short_for, resolve


def together(*names: tuple[str, Iri]) -> list[set[str]]:
    """Return which names ended up as one entity, in order of first mention."""
    resolved = resolve(KnowledgeGraph.ordered(entities_of(*names), ()), ONTOLOGY)
    return [{mention.span.text for mention in entity.mentions} for entity in resolved.graph.entities]


def test_the_ways_to_call_one_person_are_one_entity() -> None:
    names = ("Dr. Jane Smith", "Smith", "Jane Smith", "SMITH", "Jane")
    resolved = resolve(KnowledgeGraph(tuple(entities_of(*((name, PERSON) for name in names)))), ONTOLOGY)
    (smith,) = resolved.graph.entities
    assert [mention.span.text for mention in smith.mentions] == list(names)
    assert (smith.label, len(smith.aliases)) == ("Dr. Jane Smith", 4)


def test_a_name_that_may_mean_two_persons_stays_apart() -> None:
    found = together(("Jane Smith", PERSON), ("John Smith", PERSON), ("Smith", PERSON), ("Jane", PERSON))
    assert found == [{"Jane Smith", "Jane"}, {"John Smith"}, {"Smith"}]


def test_a_title_decides_which_of_two_is_meant() -> None:
    found = together(("Mrs. Jane Smith", PERSON), ("Mr. John Smith", PERSON), ("Mr. Smith", PERSON))
    assert found == [{"Mrs. Jane Smith"}, {"Mr. John Smith", "Mr. Smith"}]


def test_mr_and_mrs_of_one_surname_are_two_persons() -> None:
    assert len(together(("Mr. Smith", PERSON), ("Mrs. Jane Smith", PERSON))) == 2


def test_an_acronym_joins_its_expansion_when_there_is_just_one() -> None:
    health, trade = ("World Health Organization", ORGANIZATION), ("Western Harbour Office", ORGANIZATION)
    assert together(health, ("WHO", ORGANIZATION)) == [{"World Health Organization", "WHO"}]
    assert len(together(health, trade, ("WHO", ORGANIZATION))) == 3


@pytest.mark.parametrize(
    ("one", "other"), [("ACME", "Acme"), ("the Acme Co.", "Acme"), ("Acme's", "Acme"), ("Saint-Malo", "saint-malo")]
)
def test_case_articles_and_punctuation_do_not_keep_names_apart(one: str, other: str) -> None:
    assert together((one, ORGANIZATION), (other, ORGANIZATION)) == [{one, other}]


def test_names_of_incompatible_classes_never_meet() -> None:
    assert len(together(("Dover", PERSON), ("Dover", HARBOUR))) == 2
    assert len(together(("Dover", HARBOUR), ("Dover", HOTEL))) == 2
    assert len(together(("Jane Dover", PERSON), ("Dover", HARBOUR))) == 2


def test_two_special_classes_do_not_meet_through_a_general_one() -> None:
    resolved = resolve(
        KnowledgeGraph(tuple(entities_of(*(("Drake", iri) for iri in (PERSON, SAILOR, WRITER))))), ONTOLOGY
    )
    assert len(resolved.graph.entities) == 2


def test_a_general_class_joins_a_special_one_and_the_votes_settle_the_type() -> None:
    entities = entities_of(("Dover", PLACE), ("Dover", HARBOUR), ("Dover", PLACE))
    (dover,) = resolve(KnowledgeGraph(tuple(entities)), ONTOLOGY).graph.entities
    assert (dover.types, dover.label, dover.aliases) == ((PLACE, HARBOUR), "Dover", ())


def test_a_sailor_is_called_by_the_surname_like_any_person() -> None:
    assert together(("Ann Drake", SAILOR), ("Drake", PERSON)) == [{"Ann Drake", "Drake"}]


def test_only_persons_go_by_a_part_of_their_name() -> None:
    assert len(together(("Dover Castle", PLACE), ("Dover", PLACE))) == 2


def test_numbers_are_values_without_variants() -> None:
    assert len(together(("12 May 1815", PERSON), ("12", PERSON))) == 2


def test_names_in_different_documents_are_not_compared() -> None:
    entities = [named("Ada", PERSON, start, Document.from_text("Ada" + " " * 9 + f"Ada{start}")) for start in (0, 12)]
    assert resolve(KnowledgeGraph(tuple(entities)), ONTOLOGY).graph.entities == tuple(
        sorted(entities, key=lambda entity: entity.mentions[0].span)
    )


def test_a_relation_whose_ends_become_one_is_left_out_and_counted() -> None:
    jane, smith, bob = entities_of(("Jane Smith", PERSON), ("Smith", PERSON), ("Bob", PERSON))
    evidence = (jane.mentions[0].span,)
    relations = [relation_of(jane.id, KNOWS, other.id, confidence=1.0, evidence=evidence) for other in (smith, bob)]
    resolved = resolve(KnowledgeGraph.ordered([jane, smith, bob], relations), ONTOLOGY)
    assert resolved.collapsed == 1
    assert [(r.subject, r.object) for r in resolved.graph.relations] == [(jane.id, bob.id)]


def test_relations_that_become_one_keep_all_evidence_and_only_shared_flags() -> None:
    smith, acme, jane = entities_of(("Smith", PERSON), ("Acme", ORGANIZATION), ("Jane Smith", PERSON))
    one, two = smith.mentions[0].span, jane.mentions[0].span
    relations = [
        relation_of(smith.id, WORKS_FOR, acme.id, confidence=0.6, evidence=(one, two), flags=(Flag.DOMAIN, Flag.RANGE)),
        relation_of(jane.id, WORKS_FOR, acme.id, confidence=0.8, evidence=(two,), flags=(Flag.RANGE,)),
        relation_of(jane.id, WORKS_FOR, Literal("Acme"), confidence=0.8, evidence=(two,)),
    ]
    merged, literal = resolve(KnowledgeGraph.ordered([smith, acme, jane], relations), ONTOLOGY).graph.relations
    assert (merged.evidence, merged.confidence, merged.flags) == ((one, two), 0.8, (Flag.RANGE,))
    assert merged.id == relation_of(smith.id, WORKS_FOR, acme.id, confidence=1.0, evidence=()).id
    assert (literal.subject, literal.object) == (smith.id, Literal("Acme"))


def test_an_empty_graph_resolves_to_itself() -> None:
    assert resolve(KnowledgeGraph(), ONTOLOGY).graph == KnowledgeGraph()


WORDS = st.sampled_from(["jane", "j", "john", "anna", "smith", "de", "marwick", "b"])
NAMES = st.lists(WORDS, min_size=1, max_size=5).map(lambda words: name_of(" ".join(words)))


@given(NAMES, NAMES)
def test_a_longer_name_is_looked_for_by_all_that_it_may_be_called_for_short(short: Name, long: Name) -> None:
    ends = (short.words[0], short.words[-1]) if len(short.words) > 1 else short.words
    if called_for_short(short, long):
        assert ends in _short_for(long)
    if expands(long, short):
        assert (short.acronym, ".") in _short_for(long)


def test_many_names_that_end_alike_are_not_compared_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Name] = []

    def count(short: Name, long: Name) -> bool:
        compared.append(long)
        return called_for_short(short, long)

    monkeypatch.setattr("lithograph.resolution.resolve.called_for_short", count)
    names = [f"{first}{second}ne Smith" for first in "ABCDEFGHIJ" for second in "aeiou"]
    assert len(together(*((name, PERSON) for name in [*names, "Smith"]))) == len(names) + 1
    assert len(compared) == len(names)
