import pytest

from lithograph.errors import OntologyError
from lithograph.ontology.load import ontology_from_bytes
from lithograph.ontology.syntax import Format, recognise

OWL = "http://www.w3.org/2002/07/owl#"
TURTLE = f"<http://x/A> a <{OWL}Class> ."
TRIPLE = f"<http://x/A> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <{OWL}Class> ."
JSON = f'{{"@id": "http://x/A", "@type": "{OWL}Class"}}'
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
XML = f'<rdf:RDF {RDF} xmlns:owl="{OWL}">\n<owl:Class rdf:about="http://x/Caf&#233;"/>\n</rdf:RDF>'


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.ttl", TURTLE, Format.TURTLE),
        ("a.nt", TRIPLE, Format.N_TRIPLES),
        ("a.owl", TRIPLE, Format.TURTLE),
        ("a.owl", f"# licence\n\n@prefix owl: <{OWL}> . <http://x/A> a owl:Class .", Format.TURTLE),
        ("a.owl", f'<?xml version="1.0"?>\n{XML}', Format.RDF_XML),
        ("a.ttl", f"<!-- in spite of its name -->\n{XML}", Format.RDF_XML),
        ("a.rdf", TURTLE, Format.TURTLE),
        ("a.owl", JSON, Format.JSON_LD),
        ("a", f"[{JSON}]", Format.JSON_LD),
        ("a.json", f"[] a <{OWL}Ontology> . {TURTLE}", Format.TURTLE),
    ],
)
def test_content_decides_where_the_name_says_nothing_or_lies(name: str, text: str, expected: Format) -> None:
    assert recognise(text.encode(), name) is expected
    assert len(ontology_from_bytes(text.encode(), source=name).classes) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!DOCTYPE html>\n<html>", "an HTML page"),
        ('<?xml version="1.0"?>\n<Ontology xmlns="http://www.w3.org/2002/07/owl#">', "OWL/XML"),
        ("Prefix(:=<http://x/>)\nOntology(<http://x>)", "OWL functional syntax"),
        ("Prefix: : <http://x/>\nOntology: <http://x>", "OWL Manchester syntax"),
        ("format-version: 1.2\n", "OBO"),
    ],
)
def test_a_known_format_that_is_not_read_is_named(text: str, expected: str) -> None:
    with pytest.raises(OntologyError, match=f"a.owl is {expected}, which is not supported"):
        ontology_from_bytes(text.encode(), source="a.owl")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.ttl", f"\n\n<http://x/A> a owl:Class .\n{TURTLE}", "a.ttl, line 3, is not valid Turtle: The prefix owl:"),
        ("a.nt", f"{TRIPLE}\n<http://x/A> oops", "a.nt, line 2, is not valid N-Triples"),
        ("a.jsonld", '{\n"@id": "http://x/A",\n}', "a.jsonld, line 3, is not valid JSON-LD"),
        ("a.rdf", f"<rdf:RDF {RDF}>\n<rdf:Description>\n</rdf:RDF>", "line 3, is not valid RDF/XML: mismatched tag"),
        ("a.rdf", f"<rdf:RDF {RDF}>\n\n<rdf:Bag rdf:ID='1 2'/>\n\n</rdf:RDF>", "line 3, is not valid RDF/XML: 1 2 is"),
    ],
)
def test_an_error_names_file_line_and_what_is_wrong(name: str, text: str, expected: str) -> None:
    with pytest.raises(OntologyError) as raised:
        ontology_from_bytes(text.encode(), source=name)
    assert expected in str(raised.value)


def test_a_remote_context_is_not_fetched_and_its_line_is_named() -> None:
    text = '{\n "@context": "http://127.0.0.1:9/context.jsonld",\n "@id": "http://x/A"\n}'
    with pytest.raises(OntologyError, match=r"line 2, .*nothing is fetched"):
        ontology_from_bytes(text.encode(), source="a.jsonld")


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8-sig", ""), ("utf-16", ""), ("utf-8-sig", "utf-8"), ("utf-16", "UTF-16"), ("iso-8859-1", "ISO-8859-1")],
)
def test_other_encodings_are_read(encoding: str, declared: str) -> None:
    head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    data = (head + XML.replace("&#233;", "é")).encode(encoding)
    assert list(ontology_from_bytes(data, source="a.rdf").classes) == ["http://x/Café"]


def test_entities_that_multiply_are_refused_before_they_are_expanded() -> None:
    bomb = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(12))
    text = (
        f'<!DOCTYPE rdf:RDF [<!ENTITY e0 "aaaaaaaaaa">{bomb}]>\n<rdf:RDF {RDF}><rdf:Bag rdf:about="&e12;"/></rdf:RDF>'
    )
    with pytest.raises(OntologyError, match="entities that expand to more than"):
        ontology_from_bytes(text.encode(), source="a.rdf")


def test_entities_that_refer_to_each_other_are_refused() -> None:
    text = (
        f'<!DOCTYPE rdf:RDF [<!ENTITY a "&b;"><!ENTITY b "&a;">]>\n<rdf:RDF {RDF}><rdf:Bag rdf:about="&a;"/></rdf:RDF>'
    )
    with pytest.raises(OntologyError, match="circle"):
        ontology_from_bytes(text.encode(), source="a.rdf")
