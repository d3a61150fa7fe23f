"""The graph store: a published graph in the database, replaced as a whole when its execution is run again."""

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert

from lithograph.domain.facts import Literal
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.storage.schema import entity, evidence, mention, relation

if TYPE_CHECKING:
    from sqlalchemy import Connection


def publish(
    connection: "Connection", organization_id: OrganizationId, execution_id: ExecutionId, graph: KnowledgeGraph
) -> None:
    """Write `graph` as that of an execution, in the place of what was there. To be called in a transaction."""
    for table in (evidence, relation, mention, entity):
        connection.execute(delete(table).where(table.c.execution_id == execution_id))
    owner = {"organization_id": organization_id, "execution_id": execution_id}
    rows = {
        entity: [
            {
                **owner,
                "id": found.id,
                "label": found.label,
                "types": list(found.types),
                "aliases": list(found.aliases),
                "attributes": msgspec.to_builtins(found.attributes),
                "confidence": found.confidence,
            }
            for found in graph.entities
        ],
        mention: [
            {
                **owner,
                "entity_id": found.id,
                "document_id": place.span.document,
                "start": place.span.start,
                "end": place.span.end,
                "text": place.span.text,
                "confidence": place.confidence,
            }
            for found in graph.entities
            for place in found.mentions
        ],
        relation: [
            {
                **owner,
                "id": found.id,
                "subject_id": found.subject,
                "predicate": found.predicate,
                "object_id": None if isinstance(found.object, Literal) else found.object,
                "literal": msgspec.to_builtins(found.object) if isinstance(found.object, Literal) else None,
                "confidence": found.confidence,
                "flags": list(found.flags),
            }
            for found in graph.relations
        ],
        evidence: [
            {
                **owner,
                "relation_id": found.id,
                "document_id": span.document,
                "start": span.start,
                "end": span.end,
                "text": span.text,
            }
            for found in graph.relations
            for span in found.evidence
        ],
    }
    for table, values in rows.items():
        if values:
            connection.execute(insert(table), values)
