from pathlib import Path

from lithograph.domain.ids import Iri
from lithograph.ontology.check import check_ontology, render
from lithograph.ontology.load import load_ontology

TEXT = """
<http://x/a> a owl:Ontology ; owl:imports <http://x/gone> .
:A a owl:Class ; rdfs:label "a"@en , "ah"@de . :B a owl:Class ; rdfs:subClassOf :Typo ; owl:deprecated true .
:p a owl:ObjectProperty ; rdfs:label "p"@en ; rdfs:domain :A . :d a owl:DatatypeProperty ; rdfs:range :Unit .
:e a rdf:Property ; rdfs:domain :A ; rdfs:subPropertyOf :gone .
"""


def iri(name: str) -> Iri:
    return Iri("http://example.org/" + name)


def test_the_report_counts_and_lists(tmp_path: Path, prefixes: str) -> None:
    path = tmp_path / "a.ttl"
    path.write_text(prefixes + TEXT, encoding="utf-8")
    report = check_ontology(path)
    assert (report.classes, report.properties) == (2, 3)
    assert (report.object_properties, report.datatype_properties, report.either_properties) == (1, 1, 1)
    assert report.languages == (("en", 2), ("de", 1))
    assert report.classes_without_label == (iri("B"),)
    assert report.properties_without_label == (iri("d"), iri("e"))
    assert report.properties_without_domain == (iri("d"),)
    assert report.properties_without_range == (iri("e"), iri("p"))
    assert report.unknown == (iri("Typo"), iri("Unit"), iri("gone"))
    assert report.deprecated == 1
    assert report.content_hash == load_ontology(path).content_hash
    lines = "\n".join(render(report))
    assert "classes     2" in lines
    assert "http://x/gone" in lines
    assert "http://example.org/Typo" in lines


def test_a_long_list_is_cut(tmp_path: Path, prefixes: str) -> None:
    path = tmp_path / "many.ttl"
    path.write_text(prefixes + "".join(f":C{n:02} a owl:Class ." for n in range(30)), encoding="utf-8")
    lines = render(check_ontology(path))
    assert "    and 20 more" in lines
    assert len(lines) < 20
