from collections.abc import Callable
from pathlib import Path

import pytest

from lithograph.domain.ids import Iri
from lithograph.errors import OntologyError
from lithograph.ontology.load import load_ontology
from lithograph.ontology.model import Import

Write = Callable[[Path, str], Path]


def iri(name: str) -> Iri:
    return Iri("http://example.org/" + name)


@pytest.fixture
def write(prefixes: str) -> Write:
    def write(path: Path, text: str) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.write_text(prefixes + text, encoding="utf-8")
        return path

    return write


def test_imports_are_found_by_path_by_declaration_and_by_name(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "parts" / "relative.ttl", ":Relative a owl:Class .")
    write(tmp_path / "whatever.owl", "<http://elsewhere.org/declared#> a owl:Ontology . :Declared a owl:Class .")
    write(tmp_path / "named.ttl", ":Named a owl:Class .")
    write(tmp_path / "broken.ttl", "this is near, and nobody imports it")
    root = write(
        tmp_path / "root.ttl",
        """<http://x/root> a owl:Ontology ; owl:imports <parts/relative.ttl> , <http://elsewhere.org/declared> ,
            <http://elsewhere.org/v2/named/> , <http://elsewhere.org/absent> . :Own a owl:Class .""",
    )
    known = load_ontology(root)
    assert known.iri == "http://x/root"
    assert set(known.classes) == {iri(name) for name in ("Own", "Relative", "Declared", "Named")}
    assert {one.path.name if one.path else None for one in known.imports} == {
        "relative.ttl",
        "whatever.owl",
        "named.ttl",
        None,
    }
    assert Import("http://elsewhere.org/absent") in known.imports


def test_without_imports_they_are_listed_and_not_read(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "b.ttl", ":B a owl:Class .")
    root = write(tmp_path / "a.ttl", "<http://x/a> a owl:Ontology ; owl:imports <http://x/b> . :A a owl:Class .")
    known = load_ontology(root, imports=False)
    assert set(known.classes) == {iri("A")}
    assert known.imports == (Import("http://x/b"),)


def test_a_circle_of_imports_ends_and_means_the_same_from_every_side(tmp_path: Path, write: Write) -> None:
    paths = [
        write(
            tmp_path / f"{here}.ttl",
            f"<http://x/{here}> a owl:Ontology ; owl:imports <http://x/{there}> , <http://x/{here}> ."
            f":{here} a owl:Class ; rdfs:subClassOf :{there} ; rdfs:comment 'from {here}' .",
        )
        for here, there in (("a", "b"), ("b", "c"), ("c", "a"))
    ]
    loaded = [load_ontology(path) for path in paths]
    assert len({one.content_hash for one in loaded}) == 1
    assert set(loaded[0].classes) == {iri("a"), iri("b"), iri("c")}


def test_the_document_names_its_terms_before_its_imports_do(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "b.ttl", ':A rdfs:label "another" . :B a owl:Class ; rdfs:label "theirs" .')
    root = write(
        tmp_path / "a.ttl",
        '<http://x/a> a owl:Ontology ; owl:imports <http://x/b> . :A a owl:Class ; rdfs:label "own" ; '
        "rdfs:subClassOf :B .",
    )
    known = load_ontology(root)
    assert [c.label for c in known.classes.values()] == ["own", "theirs"]
    assert known.classes[iri("A")].alternatives == ()


def test_a_broken_import_is_named(tmp_path: Path, write: Write) -> None:
    (tmp_path / "b.ttl").write_text("<http://x/B> a")
    root = write(tmp_path / "a.ttl", "<http://x/a> a owl:Ontology ; owl:imports <http://x/b> . :A a owl:Class .")
    with pytest.raises(OntologyError, match=r"b\.ttl, line 1"):
        load_ontology(root)
