"""Ontologies: whatever the bytes, an ontology or an `OntologyError`; whatever the order, the same ontology."""

from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lithograph.errors import LithographError
from lithograph.ontology.load import ontology_from_bytes

PERSON = b"""@prefix : <http://x/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:A a owl:Class ; rdfs:label "a"@en ; rdfs:subClassOf [ owl:unionOf ( :B :C ) ] .
:p a owl:ObjectProperty ; rdfs:domain :A ; rdfs:range [ owl:intersectionOf ( :A :B ) ] ."""
TRIPLES = b"""<http://x/A> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/2002/07/owl#Class> .
<http://x/A> <http://www.w3.org/2000/01/rdf-schema#label> "caf\\u00e9"@fr .
"""
JSON = b"""{"@context": {"owl": "http://www.w3.org/2002/07/owl#", "label": "http://www.w3.org/2000/01/rdf-schema#label"},
"@graph": [{"@id": "http://x/A", "@type": "owl:Class", "label": {"@value": "a", "@language": "en"}}]}"""
XML = b"""<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE rdf:RDF [<!ENTITY owl "http://www.w3.org/2002/07/owl#">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="http://www.w3.org/2002/07/owl#">
<owl:Class rdf:about="http://x/A"><rdf:type rdf:resource="&owl;Class"/></owl:Class>
</rdf:RDF>"""
VALID = {"a.ttl": PERSON, "a.nt": TRIPLES, "a.jsonld": JSON, "a.rdf": XML}


def survives(data: bytes, name: str) -> None:
    try:
        known = ontology_from_bytes(data, source=name)
    except LithographError as error:
        message = str(error)
    else:
        assert known.classes or known.properties
        return
    assert message.startswith(name)
    assert "\n" not in message


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([*VALID, "a.owl", "a"]))
@example(b"\xff\xfe\xff", "a.owl")
def test_any_bytes_are_an_ontology_or_an_ontology_error(data: bytes, name: str) -> None:
    survives(data, name)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(sorted(VALID)))
    data = bytearray(VALID[name])
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 6)))
        piece = draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b"<", b'"', b"&", b"}", b"\0", b"_:", b"[", b"]"]))
        )
        data[start:end] = piece
    return name, bytes(data)


@settings(max_examples=200, deadline=None)
@given(damaged())
def test_damaged_files_are_an_ontology_or_an_ontology_error(case: tuple[str, bytes]) -> None:
    survives(case[1], case[0])


NAMES = st.sampled_from([f"<http://x/{letter}>" for letter in "ABCpqr"])
OWL = "<http://www.w3.org/2002/07/owl#{}>".format
RDFS = "<http://www.w3.org/2000/01/rdf-schema#{}>".format
STATEMENTS = st.one_of(
    st.tuples(NAMES, st.just("a"), st.sampled_from([OWL("Class"), OWL("ObjectProperty"), OWL("DatatypeProperty")])),
    st.tuples(NAMES, st.sampled_from([RDFS(n) for n in ("subClassOf", "subPropertyOf", "domain", "range")]), NAMES),
    st.tuples(NAMES, st.sampled_from([OWL("equivalentClass"), OWL("inverseOf")]), NAMES),
    st.tuples(NAMES, st.just(RDFS("label")), st.sampled_from(['"x"@en', '"y"@en', '"z"', '"w"@de', '"v"@fr'])),
    st.tuples(
        NAMES,
        st.sampled_from([RDFS("subClassOf"), RDFS("domain"), RDFS("range")]),
        st.tuples(st.sampled_from([OWL("unionOf"), OWL("intersectionOf")]), NAMES, NAMES).map(
            lambda parts: f"[ {parts[0]} ( {parts[1]} {parts[2]} ) ]"
        ),
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(STATEMENTS, min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_statements_changes_nothing(statements: list[tuple[str, str, str]], random: Random) -> None:
    lines = [f"<http://x/A> a {OWL('Class')} .", *(" ".join((*statement, ".")) for statement in statements)]
    shuffled = random.sample(lines, len(lines))
    one, two = (ontology_from_bytes("\n".join(text).encode(), source="a.ttl") for text in (lines, shuffled))
    assert one == two
