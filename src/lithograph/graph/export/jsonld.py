"""JSON-LD 1.1: one context with the prefixes, then one node per line.

The serializer writes the expanded form; it is shortened here, which for triples without blank nodes and lists comes
down to prefixes and to leaving out what JSON-LD takes for granted.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pyoxigraph import RdfFormat, serialize

from lithograph.domain.result import ExtractionResult
from lithograph.graph.prefixes import prefixes_of
from lithograph.graph.rdf import DEFAULT_BASE, namespace, triples
from lithograph.graph.terms import RDF

Value: TypeAlias = dict[str, str]
"""Either `@id`, or `@value` with `@type` or `@language` beside it."""
Short: TypeAlias = "str | Value | list[str | Value]"


def to_jsonld(result: ExtractionResult, *, base: str = DEFAULT_BASE) -> bytes:
    """Return the triples of `result`; `base` begins the IRIs of its nodes. The same result gives the same bytes."""
    found = triples(result, base)
    prefixes = prefixes_of(found, namespace(result.organization_id, base))
    nodes: list[dict[str, str | list[Value]]] = json.loads(serialize(found, format=RdfFormat.JSON_LD) or b"[]")
    schemes = _schemes(nodes)
    short = _Shortener({name: iri for name, iri in prefixes.items() if name not in schemes})
    rows = ",\n    ".join(json.dumps(short.node(node), ensure_ascii=False) for node in nodes)
    context = json.dumps(short.prefixes, ensure_ascii=False)
    graph = f"[\n    {rows}\n  ]" if rows else "[]"
    return f'{{\n  "@context": {context},\n  "@graph": {graph}\n}}\n'.encode()


def _schemes(nodes: Iterable[Mapping[str, str | list[Value]]]) -> set[str]:
    """The schemes of all IRIs: a prefix of the same name would make a reader take them for shortened ones."""
    found: set[str] = set()
    for node in nodes:
        for key, values in node.items():
            iris = [values] if isinstance(values, str) else [v.get("@id", v.get("@type", "")) for v in values]
            found.update(iri.partition(":")[0] for iri in (key, *iris))
    return found


class _Shortener:
    def __init__(self, prefixes: Mapping[str, str]) -> None:
        self.prefixes = dict(prefixes)

    def iri(self, iri: str) -> str:
        best = max(
            ((namespace, name) for name, namespace in self.prefixes.items() if iri.startswith(namespace)),
            key=lambda pair: len(pair[0]),
            default=None,
        )
        # `prefix://` would be read as an absolute IRI.
        if best is None or iri.startswith("//", len(best[0])):
            return iri
        return f"{best[1]}:{iri[len(best[0]) :]}"

    def node(self, node: Mapping[str, str | list[Value]]) -> dict[str, Short]:
        short: dict[str, Short] = {}
        for key, values in node.items():
            if isinstance(values, str):
                short[key] = self.iri(values)
            elif key == RDF + "type" and all("@id" in value for value in values):
                short["@type"] = [self.iri(value["@id"]) for value in values]
            else:
                found = [self.value(value) for value in values]
                short[self.iri(key)] = found[0] if len(found) == 1 else found
        return short

    def value(self, value: Value) -> str | Value:
        if value.keys() == {"@value"}:
            return value["@value"]
        return {key: self.iri(text) if key in ("@id", "@type") else text for key, text in value.items()}
