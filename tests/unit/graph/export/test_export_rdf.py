import json
from dataclasses import replace

import pytest
from pyoxigraph import NamedNode, RdfFormat, Store, Triple, parse

from lithograph.domain.facts import XSD, Literal
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import Iri
from lithograph.domain.result import ExtractionResult
from lithograph.errors import UsageError
from lithograph.graph.export.jsonld import to_jsonld
from lithograph.graph.export.turtle import to_turtle
from lithograph.graph.prefixes import namespace_of
from lithograph.graph.rdf import RDFS, namespace, triples
from lithograph.graph.terms import RDF, iri, literal, plain

NODES = "urn:lithograph:A%20%26%20B%3A%20100%25:"


def read(data: bytes, form: RdfFormat) -> set[Triple]:
    return {quad.triple for quad in parse(data, format=form)}


def ask(result: ExtractionResult, query: str) -> list[list[str]]:
    store = Store()
    store.load(to_turtle(result), format=RdfFormat.TURTLE)
    prefixes = "".join(
        f"PREFIX {name}: <{namespace}>\n"
        for name, namespace in {
            "lith": "urn:lithograph:vocabulary#",
            "oa": "http://www.w3.org/ns/oa#",
            "prov": "http://www.w3.org/ns/prov#",
            "rdf": RDF,
            "rdfs": RDFS,
        }.items()
    )
    return [[term.value for term in row] for row in store.query(prefixes + query)]  # type: ignore[union-attr]


def test_turtle_and_json_ld_hold_the_same_triples(result: ExtractionResult) -> None:
    expected = set(triples(result))
    assert read(to_turtle(result), RdfFormat.TURTLE) == expected
    assert read(to_jsonld(result), RdfFormat.JSON_LD) == expected


def test_an_empty_result_is_an_empty_graph(result: ExtractionResult) -> None:
    empty = ExtractionResult(result.organization_id, (), KnowledgeGraph())
    assert read(to_turtle(empty), RdfFormat.TURTLE) == read(to_jsonld(empty), RdfFormat.JSON_LD) == set()


def test_relations_and_attributes_are_plain_triples(result: ExtractionResult) -> None:
    found = {(t.subject.value, t.predicate.value, t.object.value) for t in triples(result)}  # type: ignore[union-attr]
    assert (NODES + "entity_1", "http://example.org/made", NODES + "entity_2") in found
    assert (NODES + "entity_1", "https://schema.org/birthDate", "1815") in found
    assert (NODES + "entity_2", RDF + "type", "http://example.org/on%20to#Machine") in found
    assert (NODES + "entity_1", RDF + "type", "urn:lithograph:iri#Thing") in found


def test_a_query_finds_the_evidence_of_a_relation(result: ExtractionResult) -> None:
    found = ask(
        result,
        """SELECT ?text ?start ?end ?source WHERE {
             ?statement rdf:predicate <http://example.org/made> ; lith:confidence 0.8 ; prov:wasDerivedFrom ?span .
             ?span oa:exact ?text ; oa:start ?start ; oa:end ?end ; prov:wasQuotedFrom/rdfs:label ?source .
           } ORDER BY ?start""",
    )
    assert found[1] == ["made =1+1", "50", "59", "Ada, \u202e;.txt"]
    assert len(found) == 2


def test_a_query_finds_flags_and_mentions(result: ExtractionResult) -> None:
    flags = ask(result, "SELECT ?flag WHERE { ?statement a lith:Relation ; lith:flag ?flag } ORDER BY ?flag")
    assert flags == [["domain"], ["range"]]
    mentions = ask(result, "SELECT ?text WHERE { ?e rdfs:label '=1+1' ; prov:wasDerivedFrom/oa:exact ?text }")
    assert mentions == [["=1+1"]]


def test_a_small_confidence_is_a_decimal_without_exponent(result: ExtractionResult) -> None:
    assert b"0.0000001" in to_turtle(result)


def test_nothing_depends_on_the_run(result: ExtractionResult) -> None:
    assert b"execution" not in to_turtle(result)


def test_json_ld_is_shortened_by_its_context(result: ExtractionResult) -> None:
    loaded = json.loads(to_jsonld(result))
    ada = next(node for node in loaded["@graph"] if node["@id"] == "id:entity_1")
    assert "schema:Person" in ada["@type"]
    assert ada["rdfs:label"] == 'Ada "Bob" <script>'
    assert loaded["@context"]["id"] == NODES


def test_an_iri_with_a_prefix_as_its_scheme_stays_what_it_is(result: ExtractionResult) -> None:
    ada, formula = result.graph.entities
    odd = replace(ada, types=(Iri("schema:Person"), Iri("https://schema.org/Person")))
    changed = replace(result, graph=replace(result.graph, entities=(odd, formula)))
    assert read(to_jsonld(changed), RdfFormat.JSON_LD) == set(triples(changed))


def test_the_base_of_iris_can_be_given(result: ExtractionResult) -> None:
    assert b"<https://kg.example/A%20%26%20B%3A%20100%25/>" in to_turtle(result, base="https://kg.example/")
    with pytest.raises(UsageError, match="no base"):
        namespace(result.organization_id, "no base")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://x/é?q=1#f", "http://x/é?q=1#f"),
        ("http://x/a%20b", "http://x/a%20b"),
        ("http://x/a b", "http://x/a%20b"),
        ("http://x/%zz", "http://x/%25zz"),
        ("http://x/<a>", "http://x/%3Ca%3E"),
        ("Person", "urn:lithograph:iri#Person"),
        ("", "urn:lithograph:iri#"),
        ("http://x#a#b", "urn:lithograph:iri#http%3A%2F%2Fx%23a%23b"),
        ("http://x/\ud800", "http://x/%ED%A0%80"),
    ],
)
def test_any_text_becomes_a_legal_iri(text: str, expected: str) -> None:
    assert iri(text) == NamedNode(expected)


def test_a_literal_keeps_what_rdf_can_hold() -> None:
    assert literal(Literal("1", Iri(XSD + "integer"))).datatype.value == XSD + "integer"
    assert literal(Literal("eins", language="de")).language == "de"
    assert literal(Literal("eins", language="not a tag")) == plain("eins")
    assert literal(Literal("eins", Iri(RDF + "langString"))) == plain("eins")
    assert literal(Literal("a\ud800")).value == "a\ufffd"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("http://x/a#b", "http://x/a#"), ("http://x/a", "http://x/"), ("urn:x:a", "urn:x:"), ("a", "")],
)
def test_a_namespace_ends_before_the_local_name(name: str, expected: str) -> None:
    assert namespace_of(name) == expected
