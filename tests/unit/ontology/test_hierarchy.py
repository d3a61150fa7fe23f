from collections.abc import Callable

from lithograph.domain.ids import Iri
from lithograph.ontology.model import Ontology


def iri(name: str) -> Iri:
    return Iri("http://example.org/" + name)


def test_a_class_is_declared_or_stands_where_only_a_class_can(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :Declared a owl:Class . :Sub rdfs:subClassOf :Super . :p a owl:ObjectProperty ; rdfs:domain :Subject ;
            rdfs:range [ owl:unionOf ( :Object owl:Thing ) ] . :d a owl:DatatypeProperty ; rdfs:range :Unit .
        :Odd rdfs:subClassOf owl:Thing . owl:Thing a owl:Class . [] a owl:Class . :i a :Declared .
        """
    )
    assert {c.iri for c in known.classes.values() if c.declared} == {iri("Declared")}
    assert {c.iri for c in known.classes.values() if not c.declared} == {
        iri(name) for name in ("Sub", "Super", "Subject", "Object", "Odd")
    }


def test_annotation_properties_alone_are_not_extracted(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :note a owl:AnnotationProperty ; rdfs:domain :A . :both a owl:AnnotationProperty , owl:DatatypeProperty .
        :knows rdfs:domain :A ; rdfs:range :A . :A a owl:Class . rdfs:label a rdf:Property .
        """
    )
    assert {p.iri: p.declared for p in known.properties.values()} == {iri("both"): True, iri("knows"): False}


def test_datatypes_are_no_classes(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        schema:DataType a rdfs:Class ; rdfs:subClassOf rdfs:Class . schema:Text a rdfs:Class , schema:DataType .
        :Code a rdfs:Class ; rdfs:subClassOf schema:Text . :Celsius a rdfs:Datatype . :A a owl:Class .
        """
    )
    assert set(known.classes) == {iri("A")}


def test_intersections_unions_and_equivalence_place_classes(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :WhiteWine a owl:Class ; owl:intersectionOf ( :Wine [ a owl:Restriction ] ) .
        :Mother a owl:Class ; owl:equivalentClass [ owl:intersectionOf ( :Woman [ owl:intersectionOf ( :Parent ) ] ) ] .
        :Agent a owl:Class ; owl:equivalentClass [ owl:unionOf ( :Person :Firm ) ] .
        :Firm a owl:Class ; owl:equivalentClass :Company . :Person a owl:Class . :Company a owl:Class .
        """
    )
    assert known.is_a(iri("WhiteWine"), iri("Wine"))
    assert known.classes[iri("Mother")].parents == {iri("Woman"), iri("Parent")}
    assert known.is_a(iri("Person"), iri("Agent"))
    assert not known.is_a(iri("Agent"), iri("Person"))
    assert known.is_a(iri("Company"), iri("Agent"))
    assert known.is_a(iri("Firm"), iri("Company"))
