"""JSON in the format "lithograph/1": everything that a result holds; `lithograph-1.schema.json` describes it.

The layout is one record per line, so that two results can be compared with `diff` and searched with `grep`.
"""

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from lithograph.domain.document import Span
from lithograph.domain.facts import Attribute, Literal, Mention
from lithograph.domain.fragment import Missing
from lithograph.domain.graph import Entity, Relation
from lithograph.domain.result import ExtractionResult, ResultDocument

Json: TypeAlias = "str | int | float | Mapping[str, Json] | list[Json]"

FORMAT = "lithograph/1"
RUN_DEPENDENT = frozenset({"execution_id", "calls", "tokens", "cost_usd", "seconds"})
"""The keys whose values may differ between two runs of the same input."""


def to_json(result: ExtractionResult, *, canonical: bool = False) -> bytes:
    """Return `result` in UTF-8, ending with a line feed; the same result gives the same bytes.

    `canonical` leaves the run-dependent keys out, so that two runs of one input compare byte for byte; what remains is
    meant for comparing and is not a complete "lithograph/1" file. A lone surrogate is written as its JSON escape.
    """
    lines = [f'"format": {_dump(FORMAT)}', f'"organization_id": {_dump(result.organization_id)}']
    rows: dict[str, Iterable[dict[str, Json]]] = {
        "documents": map(_document, result.documents),
        "entities": map(_entity, result.graph.entities),
        "relations": map(_relation, result.graph.relations),
        "missing": map(_missing, result.missing),
    }
    for key, records in rows.items():
        dumped = ",\n    ".join(_dump(_stable(record) if canonical else record) for record in records)
        lines.append(f'"{key}": [\n    {dumped}\n  ]' if dumped else f'"{key}": []')
    stats = _stats(result)
    lines.append(f'"rejected": {_dump({reason.value: count for reason, count in sorted(result.rejected)})}')
    lines.append(f'"stats": {_dump(_stable(stats) if canonical else stats)}')
    text = "{\n  " + ",\n  ".join(lines) + "\n}\n"
    # Only surrogates cannot be encoded, and Python's escape for them is the one that JSON uses.
    return text.encode("utf-8", "backslashreplace")


def canonical_bytes(result: ExtractionResult) -> bytes:
    """Return the bytes that two runs of the same input have in common."""
    return to_json(result, canonical=True)


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _stable(record: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in record.items() if key not in RUN_DEPENDENT}


def _document(document: ResultDocument) -> dict[str, Json]:
    return {
        "id": document.id,
        "execution_id": document.execution_id,
        "source": document.source,
        "sha256": document.sha256,
        "media_type": document.media_type,
        "characters": document.characters,
    }


def _span(span: Span) -> dict[str, Json]:
    return {"document": span.document, "start": span.start, "end": span.end, "text": span.text}


def _mention(mention: Mention) -> dict[str, Json]:
    return {**_span(mention.span), "confidence": float(mention.confidence)}


def _literal(literal: Literal) -> dict[str, Json]:
    plain: dict[str, Json] = {"value": literal.value, "datatype": literal.datatype}
    return {**plain, "language": literal.language} if literal.language else plain


def _attribute(attribute: Attribute) -> dict[str, Json]:
    return {
        "predicate": attribute.predicate,
        **_literal(attribute.value),
        "evidence": [_span(span) for span in attribute.evidence],
    }


def _entity(entity: Entity) -> dict[str, Json]:
    return {
        "id": entity.id,
        "label": entity.label,
        "types": [*entity.types],
        "aliases": [*entity.aliases],
        "confidence": float(entity.confidence),
        "attributes": [_attribute(attribute) for attribute in entity.attributes],
        "mentions": [_mention(mention) for mention in entity.mentions],
    }


def _relation(relation: Relation) -> dict[str, Json]:
    target: dict[str, Json] = (
        _literal(relation.object) if isinstance(relation.object, Literal) else {"entity": relation.object}
    )
    return {
        "id": relation.id,
        "subject": relation.subject,
        "predicate": relation.predicate,
        "object": target,
        "confidence": float(relation.confidence),
        "evidence": [_span(span) for span in relation.evidence],
        "flags": [flag.value for flag in relation.flags],
    }


def _missing(missing: Missing) -> dict[str, Json]:
    return {
        "document": missing.document,
        "chunk": missing.chunk,
        "start": missing.start,
        "end": missing.end,
        "stage": missing.stage.value,
        "error": missing.error,
        "attempts": missing.attempts,
    }


def _stats(result: ExtractionResult) -> dict[str, Json]:
    stats, usage = result.stats, result.stats.usage
    return {
        "chunks": stats.chunks,
        "mentions": stats.mentions,
        "entities": stats.entities,
        "relations": stats.relations,
        "calls": usage.calls,
        "tokens": {"input": usage.input_tokens, "output": usage.output_tokens},
        "cost_usd": float(usage.cost_usd),
        "seconds": round(float(stats.seconds), 3),
    }
