from collections.abc import Callable
from pathlib import Path

import pytest

from lithograph.domain.ids import Iri
from lithograph.errors import OntologyError
from lithograph.ontology.load import load_ontology, ontology_from_bytes
from lithograph.ontology.model import Kind, Ontology

XSD = "http://www.w3.org/2001/XMLSchema#"


def iri(name: str) -> Iri:
    return Iri("http://example.org/" + name)


def xsd(*names: str) -> frozenset[Iri]:
    return frozenset(Iri(XSD + name) for name in names)


def test_content_hash_depends_on_meaning_and_not_on_order_spacing_or_syntax(turtle: Callable[..., Ontology]) -> None:
    one = turtle(':A a owl:Class ; rdfs:label "a" , "b" . :B a owl:Class ; rdfs:subClassOf :A .')
    same = turtle('\n\n:B rdfs:subClassOf :A ;\n a owl:Class . :A rdfs:label "b" , "a" ; a owl:Class .')
    other = turtle(':A a owl:Class ; rdfs:label "a" , "c" . :B a owl:Class ; rdfs:subClassOf :A .')
    assert one.content_hash == same.content_hash != other.content_hash
    assert one.classes == same.classes


def test_the_same_bytes_mean_the_same_wherever_the_file_lies(tmp_path: Path) -> None:
    data = b"<#A> a <http://www.w3.org/2002/07/owl#Class> ."
    (tmp_path / "sub").mkdir()
    paths = [tmp_path / "mine.ttl", tmp_path / "sub" / "mine.ttl"]
    for path in paths:
        path.write_bytes(data)
    hashes = {load_ontology(path).content_hash for path in paths}
    assert hashes == {ontology_from_bytes(data, source="mine.ttl").content_hash}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.ttl", b"", "empty.ttl is empty"),
        ("comment.ttl", b"# nothing yet\n", "holds no statement"),
        ("data.ttl", b"<http://x/a> <http://x/b> <http://x/c> .", "neither class nor property"),
        (
            "thesaurus.ttl",
            b"<http://x/a> a <http://www.w3.org/2004/02/skos/core#Concept> .",
            "SKOS concepts are things, not classes",
        ),
    ],
)
def test_a_file_without_an_ontology_in_it_is_named(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OntologyError, match=name) as raised:
        load_ontology(tmp_path / name)
    assert expected in str(raised.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(OntologyError, match="does not exist"):
        load_ontology(tmp_path / "none.ttl")
    with pytest.raises(OntologyError, match="is a folder"):
        load_ontology(tmp_path)
    with pytest.raises(OntologyError, match="cannot be read"):
        load_ontology(Path("nul\0.ttl"))


def test_domains_and_ranges_are_conjunctions_of_unions(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :p a owl:ObjectProperty ; rdfs:domain :A , [ owl:unionOf ( :B :C ) ] ;
           rdfs:range [ owl:intersectionOf ( :A :B [ owl:complementOf :C ] ) ] .
        :q a rdf:Property ; schema:domainIncludes :A ; old:domainIncludes :B ; schema:rangeIncludes :C .
        :r a owl:ObjectProperty ; rdfs:domain owl:Thing ; rdfs:range [ owl:unionOf ( :A [ owl:complementOf :B ] ) ] .
        """
    )
    a, b, c = iri("A"), iri("B"), iri("C")
    p, q, r = (known.properties[iri(name)] for name in "pqr")
    assert set(p.domain) == {frozenset((a,)), frozenset((b, c))}
    assert set(p.range) == {frozenset((a,)), frozenset((b,))}
    assert q.domain == (frozenset((a, b)),)
    assert (q.kind, q.range) == (Kind.OBJECT, (frozenset((c,)),))
    assert r.domain == r.range == ()


def test_literal_ranges_become_xsd_datatypes(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :any a rdf:Property ; rdfs:range rdfs:Literal .
        :year a owl:DatatypeProperty ; rdfs:range xsd:gYear .
        :size a owl:DatatypeProperty ; rdfs:range [ a rdfs:Datatype ; owl:oneOf ( "small" "big" ) ] .
        :age a owl:DatatypeProperty ; rdfs:range :Age . :Age a rdfs:Datatype ; owl:equivalentClass
            [ a rdfs:Datatype ; owl:onDatatype xsd:integer ; owl:withRestrictions ( [ xsd:minInclusive 0 ] ) ] .
        :about a rdf:Property ; schema:rangeIncludes schema:Text , schema:DateTime , :Thing .
        :link a rdf:Property ; old:rangeIncludes old:URL .
        """
    )
    found = {name: known.properties[iri(name)] for name in ("any", "year", "size", "age", "about", "link")}
    assert {name: (p.kind, p.datatypes) for name, p in found.items()} == {
        "any": (Kind.DATATYPE, frozenset()),
        "year": (Kind.DATATYPE, xsd("gYear")),
        "size": (Kind.DATATYPE, xsd("string")),
        "age": (Kind.DATATYPE, xsd("integer")),
        "about": (Kind.EITHER, xsd("string", "dateTime")),
        "link": (Kind.DATATYPE, xsd("anyURI")),
    }
    assert found["about"].range == (frozenset((iri("Thing"),)),)
    assert set(known.classes) == {iri("Thing")}


def test_a_property_inherits_what_it_does_not_say_itself(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :relative a owl:ObjectProperty ; rdfs:domain :Person ; rdfs:range :Person .
        :parent a rdf:Property ; rdfs:subPropertyOf :relative .
        :mother a rdf:Property ; rdfs:subPropertyOf :parent ; rdfs:range :Woman .
        :motherOf a owl:ObjectProperty ; owl:inverseOf :mother .
        """
    )
    person, woman = (frozenset((iri(name),)) for name in ("Person", "Woman"))
    mother, back = known.properties[iri("mother")], known.properties[iri("motherOf")]
    assert (mother.domain, mother.range, mother.kind) == ((person,), (woman,), Kind.OBJECT)
    assert (back.domain, back.range) == ((woman,), ())
    assert (mother.inverse, back.inverse) == (iri("motherOf"), iri("mother"))


def test_functional_follows_from_the_inverse_too(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :baseOf a owl:ObjectProperty , owl:InverseFunctionalProperty .
        :base a owl:ObjectProperty ; owl:inverseOf :baseOf .
        :weight a owl:FunctionalProperty .
        """
    )
    functional = {name: known.properties[iri(name)].functional for name in ("base", "baseOf", "weight")}
    assert functional == {"base": True, "baseOf": False, "weight": True}


def test_circles_in_hierarchies_and_lists_end(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :A a owl:Class ; rdfs:subClassOf :B . :B rdfs:subClassOf :A .
        :p a rdf:Property ; rdfs:subPropertyOf :q ; rdfs:range _:u . :q a rdf:Property ; rdfs:subPropertyOf :p .
        _:u owl:unionOf _:l . _:l rdf:first :A , _:u ; rdf:rest _:l .
        """
    )
    assert known.compatible(iri("A"), iri("B"))
    assert known.is_a(iri("B"), iri("A"))
    assert known.properties[iri("p")].range == ()


def test_what_is_deprecated_is_kept_and_marked(turtle: Callable[..., Ontology]) -> None:
    known = turtle(
        """
        :Old a owl:Class ; owl:deprecated true . :New a owl:Class ; owl:deprecated false .
        :was a owl:DeprecatedProperty . :tags a rdf:Property ; schema:supersededBy :tag .
        """
    )
    assert {c.iri for c in known.classes.values() if c.deprecated} == {iri("Old")}
    assert {p.iri for p in known.properties.values() if p.deprecated} == {iri("was"), iri("tags")}
