"""GraphML for Gephi, yEd, Cytoscape and NetworkX: entities as nodes, relations between entities as edges.

A relation to a literal is no edge; it stands beside the attributes of its subject.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

from lithograph.domain.document import Span
from lithograph.domain.facts import Literal
from lithograph.domain.graph import Entity, Relation
from lithograph.domain.ids import EntityId
from lithograph.domain.result import ExtractionResult
from lithograph.graph.export.naming import Names, printable
from lithograph.ontology.model import Ontology

NODE_KEYS = {
    "label": "string",
    "type": "string",
    "type_iri": "string",
    "types": "string",
    "aliases": "string",
    "confidence": "double",
    "mentions": "int",
    "evidence": "string",
    "attributes": "string",
}
EDGE_KEYS = {
    "label": "string",
    "predicate": "string",
    "confidence": "double",
    "flags": "string",
    "evidence": "string",
    "document": "string",
    "start": "int",
    "end": "int",
    "evidence_count": "int",
}
Data = Mapping[str, str | int | float]


def to_graphml(result: ExtractionResult, ontology: Ontology | None = None) -> bytes:
    """Return `result` as a directed multigraph; names come from `ontology` where it is given.

    Characters that XML cannot hold become U+FFFD. The same result gives the same bytes.
    """
    names = Names(ontology)
    literals: defaultdict[EntityId, list[Relation]] = defaultdict(list)
    for relation in result.graph.relations:
        if isinstance(relation.object, Literal):
            literals[relation.subject].append(relation)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">']
    lines += _keys("node", NODE_KEYS) + _keys("edge", EDGE_KEYS)
    lines.append(f'  <graph id={_quoted(result.organization_id)} edgedefault="directed">')
    for entity in result.graph.entities:
        lines.append(f"    <node id={_quoted(entity.id)}>")
        lines += _data("node", _node(entity, literals[entity.id], names))
        lines.append("    </node>")
    for relation in result.graph.relations:
        if not isinstance(relation.object, Literal):
            ends = f"source={_quoted(relation.subject)} target={_quoted(relation.object)}"
            lines.append(f"    <edge id={_quoted(relation.id)} {ends}>")
            lines += _data("edge", _edge(relation, names))
            lines.append("    </edge>")
    lines += ["  </graph>", "</graphml>", ""]
    return "\n".join(lines).encode()


def _node(entity: Entity, literals: Iterable[Relation], names: Names) -> Data:
    return {
        "label": entity.label,
        "type": names.of_class(entity.types[0]) if entity.types else "",
        "type_iri": entity.types[0] if entity.types else "",
        "types": _json([*entity.types]),
        "aliases": _json([*entity.aliases]),
        "confidence": float(entity.confidence),
        "mentions": len(entity.mentions),
        "evidence": entity.mentions[0].span.text if entity.mentions else "",
        "attributes": _json(_facts(entity, literals)),
    }


def _facts(entity: Entity, literals: Iterable[Relation]) -> list[object]:
    facts: list[object] = [_fact(a.predicate, a.value, a.evidence) for a in entity.attributes]
    for relation in literals:
        if isinstance(relation.object, Literal):
            said = {"relation": relation.id, "confidence": float(relation.confidence)}
            facts.append({**_fact(relation.predicate, relation.object, relation.evidence), **said})
    return facts


def _fact(predicate: str, literal: Literal, evidence: Iterable[Span]) -> dict[str, object]:
    return {
        "predicate": predicate,
        "value": literal.value,
        "datatype": literal.datatype,
        **({"language": literal.language} if literal.language else {}),
        "evidence": [{"document": s.document, "start": s.start, "end": s.end, "text": s.text} for s in evidence],
    }


def _edge(relation: Relation, names: Names) -> Data:
    shown: dict[str, str | int | float] = {
        "label": names.of_property(relation.predicate),
        "predicate": relation.predicate,
        "confidence": float(relation.confidence),
        "flags": " ".join(flag.value for flag in relation.flags),
    }
    if relation.evidence:
        first = relation.evidence[0]
        shown |= {"evidence": first.text, "document": first.document, "start": first.start, "end": first.end}
    return {**shown, "evidence_count": len(relation.evidence)}


def _json(value: object) -> str:
    # Cleaned before it is escaped, so that what is read back is legal and not only what is written.
    return printable(json.dumps(value, ensure_ascii=False))


def _quoted(text: str) -> str:
    return quoteattr(printable(text), {"\r": "&#13;"})


def _keys(owner: str, keys: Mapping[str, str]) -> list[str]:
    return [
        f'  <key id="{owner}_{name}" for="{owner}" attr.name="{name}" attr.type="{kind}"/>'
        for name, kind in keys.items()
    ]


def _data(owner: str, values: Data) -> list[str]:
    # A reader may turn a carriage return into a line feed, and then offsets into the text would no longer fit it.
    return [
        f'      <data key="{owner}_{name}">{escape(printable(str(value)), {chr(13): "&#13;"})}</data>'
        for name, value in values.items()
    ]
