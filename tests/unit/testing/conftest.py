"""A small gold document: two chapters, two people of one surname, a homonym, a name inside another name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lithograph.ontology.load import ontology_from_bytes
from lithograph.ontology.model import Ontology

TEXT = "Ada Lovelace met Babbage in London. Babbage lived in London. The London Gazette praised Lovelace in 1843."


def span(word: str, nth: int = 0) -> tuple[int, int]:
    start = -1
    for _ in range(nth + 1):
        start = TEXT.index(word, start + 1)
    return start, start + len(word)


def mention(word: str, nth: int, kind: str, entity: str) -> dict[str, Any]:
    start, end = span(word, nth)
    return {"id": f"m{start}", "start": start, "end": end, "text": word, "type": kind, "entity": entity}


@pytest.fixture
def record() -> dict[str, Any]:
    """The document as it stands in a file."""
    return {
        "id": "ada",
        "source": "made-up",
        "ontology": "people",
        "split": "dev",
        "text": TEXT,
        "sentences": [[0, 35], [36, 60], [61, len(TEXT)]],
        "mentions": [
            mention("Ada Lovelace", 0, "PER", "e0"),
            mention("Babbage", 0, "PER", "e1"),
            mention("London", 0, "LOC", "e2"),
            mention("London", 1, "LOC", "e2"),
            mention("London Gazette", 0, "ORG", "e3"),
            mention("Lovelace", 1, "PER", "e0"),
        ],
        "entities": [
            {"id": "e0", "name": "Ada Lovelace", "type": "PER", "mentions": []},
            {"id": "e1", "name": "Babbage", "type": "PER", "types": ["PER"], "mentions": []},
            {"id": "e2", "name": "London", "type": "LOC", "types": ["LOC"], "mentions": []},
            {"id": "e3", "name": "London Gazette", "type": "ORG", "types": ["ORG"], "mentions": []},
        ],
        "relations": [
            {"subject": "e0", "predicate": "P1", "object": "e1", "evidence_sentences": [0]},
            {"subject": "e1", "predicate": "P2", "object": "e2", "evidence_sentences": []},
            {"subject": "e3", "predicate": "P9", "object": "e2"},
        ],
    }


@pytest.fixture
def silver_record() -> dict[str, Any]:
    """A document without marked spans, whose relations are written with names."""
    return {
        "id": "silver",
        "source": "text2kgbench/made-up",
        "ontology": "people",
        "split": "dev",
        "text": "The Analytical Engine was designed by Charles Babbage in 1837; Babbage never built it.",
        "mentions": [],
        "mentions_silver": [{"start": 38, "end": 53, "text": "Charles Babbage", "entity": "e1"}],
        "entities": [
            {"id": "e0", "name": "analytical engine", "types_from_schema": ["machine"]},
            {"id": "e1", "name": "Charles Babbage", "types_from_schema": ["person"]},
        ],
        "relations": [
            {
                "subject": "Analytical_Engine",
                "subject_label": "analytical engine",
                "predicate": "designer",
                "predicate_iri": "http://example.org/P3",
                "object": "Charles_Babbage",
                "object_label": "Charles Babbage",
                "object_kind": "entity",
            },
            {
                "subject": "Analytical_Engine",
                "subject_label": "analytical engine",
                "predicate": "inception",
                "predicate_iri": "http://example.org/P4",
                "object": '"1837"',
                "object_label": "1837",
                "object_kind": "literal",
            },
        ],
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes records, or raw lines, to a file."""

    def to_file(*records: dict[str, Any] | str) -> Path:
        path = tmp_path / "gold.jsonl"
        lines = (one if isinstance(one, str) else json.dumps(one) for one in records)
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return to_file


@pytest.fixture(scope="session")
def people() -> Ontology:
    return ontology_from_bytes(
        b"""
        @prefix : <http://example.org/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
        :PER a owl:Class ; rdfs:label "person" . :LOC a owl:Class . :ORG a owl:Class .
        :Machine a owl:Class ; rdfs:label "machine" .
        :P1 a owl:ObjectProperty ; rdfs:label "met" . :P2 a owl:ObjectProperty ; rdfs:label "lived in" .
        :P3 a owl:ObjectProperty ; rdfs:label "designer" .
        :P4 a owl:DatatypeProperty ; rdfs:label "inception" ; rdfs:range xsd:gYear .
        """,
        source="people.ttl",
    )
