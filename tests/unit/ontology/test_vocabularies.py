"""Published vocabularies: what is loaded is what SPARQL says is in them."""

from pathlib import Path

import pytest
import rdflib

from lithograph.ontology.load import load_ontology

PUBLISHED = [
    *("Agents.rdf", "People.rdf", "foaf.ttl", "org.ttl", "pizza.owl", "prov-o.ttl"),
    *("schemaorg-current-https.ttl", "skos.ttl", "wine.owl"),
]
COUNTED = ["wine.owl", "foaf.ttl", "org.ttl", "prov-o.ttl", "Agents.rdf", "People.rdf"]
PROLOGUE = """
PREFIX owl: <http://www.w3.org/2002/07/owl#> PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
"""
OWN = r"""FILTER(isIRI(?term) && !regex(str(?term),
    "^http://www[.]w3[.]org/(2002/07/owl|1999/02/22-rdf-syntax-ns|2000/01/rdf-schema|2001/XMLSchema)#"))"""
DECLARED_CLASSES = f"SELECT DISTINCT ?term {{ VALUES ?kind {{ owl:Class rdfs:Class }} ?term a ?kind {OWN} }}"
CLASSES = f"""SELECT DISTINCT ?term {{
    {{ VALUES ?kind {{ owl:Class rdfs:Class }} ?term a ?kind }}
    UNION {{ ?term rdfs:subClassOf ?parent FILTER isIRI(?parent) }}
    UNION {{ ?child rdfs:subClassOf ?term }}
    UNION {{ ?p rdfs:domain/((owl:unionOf|owl:intersectionOf)/rdf:rest*/rdf:first)* ?term
             FILTER NOT EXISTS {{ ?p a owl:AnnotationProperty MINUS {{ ?p a owl:ObjectProperty }} }} }}
    UNION {{ ?p rdfs:range/((owl:unionOf|owl:intersectionOf)/rdf:rest*/rdf:first)* ?term
             FILTER NOT EXISTS {{ VALUES ?literal {{ owl:DatatypeProperty owl:AnnotationProperty }} ?p a ?literal
                                  MINUS {{ ?p a owl:ObjectProperty }} }} }}
    FILTER NOT EXISTS {{ ?term a rdfs:Datatype }} {OWN} }}"""
PROPERTIES = f"""SELECT DISTINCT ?term {{
    VALUES ?kind {{ rdf:Property owl:ObjectProperty owl:DatatypeProperty owl:FunctionalProperty
                    owl:InverseFunctionalProperty owl:SymmetricProperty owl:TransitiveProperty }}
    ?term a ?kind {OWN} }}"""


def answers(graph: rdflib.Graph, query: str) -> set[str]:
    return {str(row[0]) for row in graph.query(PROLOGUE + query)}  # type: ignore[index]


@pytest.mark.parametrize("name", COUNTED)
def test_classes_and_properties_are_those_that_sparql_finds(shared_data: Path, name: str) -> None:
    path = shared_data / "ontologies" / name
    known = load_ontology(path, imports=False)
    graph = rdflib.Graph().parse(path, format="turtle" if path.suffix == ".ttl" else "xml")
    assert {c.iri for c in known.classes.values() if c.declared} == answers(graph, DECLARED_CLASSES)
    assert set(known.classes) == answers(graph, CLASSES)
    assert {p.iri for p in known.properties.values()} == answers(graph, PROPERTIES)


def test_every_ontology_at_hand_loads(shared_data: Path) -> None:
    gold = sorted((shared_data / "gold" / "ontologies").glob("*.ttl"))
    assert len(gold) == 31
    for path in (*gold, *(shared_data / "ontologies" / name for name in PUBLISHED)):
        known = load_ontology(path)
        assert known.classes
        assert all(term.label for part in (known.classes, known.properties) for term in part.values())


def test_schema_org_has_no_datatypes_among_its_classes(shared_data: Path) -> None:
    known = load_ontology(shared_data / "ontologies" / "schemaorg-current-https.ttl")
    names = {iri.removeprefix("https://schema.org/") for iri in known.classes}
    assert {"Person", "Place", "Thing"} <= names
    assert names.isdisjoint({"Text", "URL", "Number", "Float", "Boolean", "Date", "DataType", "XPathType"})
    birth_date = known.properties[next(iri for iri in known.properties if iri.endswith("/birthDate"))]
    assert birth_date.datatypes == {"http://www.w3.org/2001/XMLSchema#date"}
