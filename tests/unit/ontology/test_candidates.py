from collections.abc import Callable
from pathlib import Path

import pytest

from lithograph.domain.ids import Iri
from lithograph.ontology.candidates import Candidates
from lithograph.ontology.load import load_ontology
from lithograph.ontology.model import Kind, Ontology

Turtle = Callable[..., Ontology]


def iri(name: str) -> Iri:
    return Iri("http://example.org/" + name)


@pytest.fixture
def firms(turtle: Turtle) -> Ontology:
    return turtle(
        """
    :Agent a owl:Class . :Person rdfs:subClassOf :Agent . :Firm rdfs:subClassOf :Agent . :Place a owl:Class .
    :worksFor a owl:ObjectProperty ; rdfs:domain :Person ; rdfs:range :Firm .
    :founder a owl:ObjectProperty ; rdfs:domain :Firm ; rdfs:range :Agent .
    :capital a owl:ObjectProperty ; rdfs:domain :Place ; rdfs:range :Place .
    :name a owl:DatatypeProperty ; rdfs:domain :Agent .
    :area a owl:DatatypeProperty ; rdfs:domain :Place .
    :about a rdf:Property ; rdfs:domain :Person .
    """
    )


@pytest.fixture(scope="module")
def schema(shared_data: Path) -> Ontology:
    return load_ontology(shared_data / "ontologies" / "schemaorg-current-https.ttl")


def names(terms: tuple[object, ...]) -> list[str]:
    return [str(term.iri).rpartition("/")[2] for term in terms]  # type: ignore[attr-defined]


def test_a_small_ontology_is_offered_whole(firms: Ontology) -> None:
    assert names(Candidates(firms).classes("")) == ["Agent", "Firm", "Person", "Place"]


def test_properties_fit_the_types_with_subclasses_counted(firms: Ontology) -> None:
    candidates = Candidates(firms)
    assert names(candidates.properties("", [iri("Person"), iri("Firm")])) == ["about", "founder", "name", "worksFor"]
    assert names(candidates.properties("", [iri("Person")])) == ["about", "name"]
    assert names(candidates.properties("", [iri("Place")])) == ["area", "capital"]
    assert names(candidates.attributes("", [iri("Person"), iri("Firm")])) == ["name"]
    assert candidates.properties("", []) == ()


def test_an_ontology_without_properties_or_of_unknown_types_offers_none(turtle: Turtle) -> None:
    candidates = Candidates(turtle(":A a owl:Class ."))
    assert candidates.properties("A and B", [iri("A"), iri("Unknown")]) == ()
    assert names(candidates.classes("text", limit=1)) == ["A"]


def test_the_text_decides_what_is_offered_where_there_is_too_much(turtle: Turtle) -> None:
    many = turtle("".join(f':C{n} a owl:Class ; rdfs:label "kind{n} thing" .' for n in range(200)))
    found = names(Candidates(many).classes("Something of kind7s and of kind123.", limit=12))
    assert len(found) == 12


def test_names_split_at_capitals_and_inflected_words_are_found(turtle: Turtle) -> None:
    filler = "".join(f':F{n} a owl:Class ; rdfs:label "filler{n}" .' for n in range(100))
    known = turtle(filler + ":JetFactory a owl:Class . :Vineyard a owl:Class ; rdfs:comment 'Where wine is grown.' .")
    found = names(Candidates(known).classes("She ran two factories, and grows wines.", limit=3))
    assert {"JetFactory", "Vineyard"} <= set(found)


def test_general_classes_are_offered_even_when_the_text_does_not_name_them(schema: Ontology) -> None:
    found = names(Candidates(schema).classes("Ada Lovelace left Acme Ltd for Paris in 1852."))
    assert len(found) == 60
    assert {"Person", "Organization", "Place", "Event", "Product", "CreativeWork"} <= set(found)


def test_a_text_finds_its_special_classes_and_properties(schema: Ontology) -> None:
    candidates = Candidates(schema)
    text = "The recipe needs flour. The restaurant in Lyon was founded by Jean, who was born in Nice."
    assert {"Recipe", "Restaurant"} <= set(names(candidates.classes(text)))
    types = [Iri("https://schema.org/" + name) for name in ("Person", "Restaurant", "Place")]
    offered = candidates.properties(text, types)
    assert len(offered) == 60
    assert {"founder", "birthPlace", "foundingLocation"} <= set(names(offered))
    assert all(known.kind is Kind.DATATYPE for known in candidates.attributes(text, types))


def test_the_same_question_has_the_same_answer(schema: Ontology) -> None:
    text = "An airline flew musicians to a festival."
    types = [Iri("https://schema.org/" + name) for name in ("Airline", "Festival", "Person")]
    one, two = Candidates(schema), Candidates(schema)
    two.classes("something else first")
    assert one.classes(text) == two.classes(text)
    assert one.properties(text, types) == two.properties(text, reversed(types))
