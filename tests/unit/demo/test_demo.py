import json
import re
from pathlib import Path
from typing import TypedDict

import pyoxigraph
import pytest

from lithograph.demo import demo_document, demo_ontology, demo_paths
from lithograph.domain.ids import Iri
from lithograph.ontology.load import ontology_from_bytes
from lithograph.ontology.model import Kind

NAMESPACE = "https://lithograph.example/demo#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
TEXT = demo_document().decode("utf-8")
ONTOLOGY = ontology_from_bytes(demo_ontology(), source="ontology.ttl")


EntityRow = TypedDict("EntityRow", {"label": str, "class": str, "variants": list[str]})


class RelationRow(TypedDict):
    subject: str
    predicate: str
    object: str


class Expected(TypedDict):
    entities: list[EntityRow]
    relations: list[RelationRow]
    """Stated in one sentence, by a cue phrase of the ontology, between two names."""
    harder: list[RelationRow]
    """True as well, but said through a pronoun, a table, an apposition or two sentences."""


EXPECTED: Expected = json.loads(Path(__file__).with_name("expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def statements() -> pyoxigraph.Store:
    store = pyoxigraph.Store()
    store.load(demo_ontology(), format=pyoxigraph.RdfFormat.TURTLE)
    return store


def named(store: pyoxigraph.Store, kind: str) -> list[pyoxigraph.NamedNode]:
    found = store.quads_for_pattern(None, pyoxigraph.NamedNode(RDF + "type"), pyoxigraph.NamedNode(OWL + kind))
    return [quad.subject for quad in found if isinstance(quad.subject, pyoxigraph.NamedNode)]


def has(store: pyoxigraph.Store, subject: pyoxigraph.NamedNode, predicate: str) -> bool:
    return any(store.quads_for_pattern(subject, pyoxigraph.NamedNode(RDFS + predicate), None))


def test_the_document_is_a_few_pages_long() -> None:
    assert 11_000 <= len(TEXT) <= 16_000
    assert 1_800 <= len(TEXT.split()) <= 2_450


@pytest.mark.parametrize(
    "phenomenon",
    [
        pytest.param(r"^# .+", id="title"),
        pytest.param(r"^## .+", id="heading"),
        pytest.param(r"^- .+\n- .+", id="list"),
        pytest.param(r"^\|.+\|\n\|[-|]+\|\n\|.+\|", id="table"),
        pytest.param(r"Dr\. Helena Marwick", id="name with a title"),
        pytest.param(r"[.\"] Helena Marwick", id="full name"),
        pytest.param(r"\" Marwick told", id="surname alone"),
        pytest.param(r"Royal Cartographic Society \(RCS\)", id="acronym with its expansion"),
        pytest.param(r"the RCS\b", id="acronym alone"),
        pytest.param(r"Marwick & Sons Ltd\.", id="firm with its legal form"),
        pytest.param(r"Marwick & Sons (?!Ltd)", id="firm without its legal form"),
        pytest.param(r"\" Carrick would explain", id="person named like a place"),
        pytest.param(r"Carrick lies in", id="place named like a person"),
        pytest.param(r"Robert Fenwick(.|\n)+Walter Fenwick", id="two people with one surname"),
        pytest.param(r"Thomas Vane(.|\n)+Vane & Co\.", id="person and firm of one name"),
        pytest.param(r"14 March 1871", id="full date"),
        pytest.param(r"in 1893\b", id="year"),
        pytest.param(r"In the spring of 1902", id="vague date"),
        pytest.param(r"£4,200", id="pounds"),
        pytest.param(r"\$1\.5 million", id="dollars"),
        pytest.param(r"312 sheets", id="count"),
        pytest.param(r"40 per cent", id="share"),
        pytest.param(r"\bSt\. Brannoc", id="abbreviation in a name"),
        pytest.param(r"No\. 4 ", id="abbreviation before a number"),
        pytest.param(r"e\.g\. ", id="abbreviation in a sentence"),
        pytest.param(r"\"Stone forgets, and that is its virtue\.\"", id="quoted sentence"),
    ],
)
def test_the_document_contains(phenomenon: str) -> None:
    assert re.search(phenomenon, TEXT, re.MULTILINE)


def test_every_class_has_a_label(statements: pyoxigraph.Store) -> None:
    classes = named(statements, "Class")

    assert len(classes) == 18
    assert [one for one in classes if not has(statements, one, "label")] == []


@pytest.mark.parametrize(("kind", "count"), [("ObjectProperty", 23), ("DatatypeProperty", 7)])
def test_every_property_says_what_it_is_called_and_what_it_joins(
    statements: pyoxigraph.Store, kind: str, count: int
) -> None:
    properties = named(statements, kind)

    assert len(properties) == count
    for one in properties:
        assert all(has(statements, one, said) for said in ("label", "comment", "domain", "range")), one


def test_every_class_and_property_that_is_used_is_declared() -> None:
    assert [one.iri for one in ONTOLOGY.classes.values() if not one.declared] == []
    assert [one.iri for one in ONTOLOGY.properties.values() if not one.declared or one.kind is Kind.EITHER] == []


def test_every_property_has_a_phrase_that_stands_in_the_document() -> None:
    silent = {
        one.label
        for one in ONTOLOGY.properties.values()
        if not any(re.search(rf"\b{re.escape(said)}\b", TEXT) for said in (one.label, *one.alternatives))
    }

    assert silent == set()


def test_the_files_hold_what_the_functions_return() -> None:
    with demo_paths() as (document, ontology):
        assert (document.name, document.read_bytes()) == ("document.md", demo_document())
        assert (ontology.name, ontology.read_bytes()) == ("ontology.ttl", demo_ontology())


def test_expected_entities_stand_in_the_document_under_every_name() -> None:
    for entity in EXPECTED["entities"]:
        assert Iri(NAMESPACE + entity["class"]) in ONTOLOGY.classes
        assert [name for name in (entity["label"], *entity["variants"]) if name not in TEXT] == []


def test_expected_relations_join_expected_entities_as_the_ontology_allows() -> None:
    types = {entity["label"]: NAMESPACE + entity["class"] for entity in EXPECTED["entities"]}
    for relation in (*EXPECTED["relations"], *EXPECTED["harder"]):
        known = ONTOLOGY.properties[Iri(NAMESPACE + relation["predicate"])]
        assert ONTOLOGY.fits([Iri(types[relation["subject"]])], known.domain), relation
        if known.kind is Kind.OBJECT:
            assert ONTOLOGY.fits([Iri(types[relation["object"]])], known.range), relation
