"""Small ontologies written in Turtle."""

from collections.abc import Callable

import pytest

from lithograph.ontology.load import ontology_from_bytes
from lithograph.ontology.model import Ontology


@pytest.fixture(scope="session")
def prefixes() -> str:
    """Prefix declarations; the empty prefix is http://example.org/."""
    return """
        @prefix : <http://example.org/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
        @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
        @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
        @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
        @prefix schema: <https://schema.org/> . @prefix old: <http://schema.org/> .
        """


@pytest.fixture(scope="session")
def turtle(prefixes: str) -> Callable[..., Ontology]:
    """Makes an ontology of a text in Turtle, in the languages that are named after it."""

    def load(text: str, *languages: str) -> Ontology:
        return ontology_from_bytes((prefixes + text).encode(), source="test.ttl", languages=languages or ("en",))

    return load
