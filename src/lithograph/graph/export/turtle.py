"""Turtle, with the prefixes of the vocabularies that the result uses."""

from pyoxigraph import RdfFormat, serialize

from lithograph.domain.result import ExtractionResult
from lithograph.graph.prefixes import prefixes_of
from lithograph.graph.rdf import DEFAULT_BASE, namespace, triples


def to_turtle(result: ExtractionResult, *, base: str = DEFAULT_BASE) -> bytes:
    """Return the triples of `result`; `base` begins the IRIs of its nodes. The same result gives the same bytes."""
    found = triples(result, base)
    prefixes = prefixes_of(found, namespace(result.organization_id, base))
    return serialize(found, format=RdfFormat.TURTLE, prefixes=prefixes) or b""
