"""The graph store: a published graph in the database, replaced as a whole when its execution is run again."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, insert, select

from lithograph.domain.document import Span
from lithograph.domain.facts import Literal
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation
from lithograph.domain.ids import EntityId, ExecutionId, OrganizationId
from lithograph.storage.schema import entity, evidence, mention, relation

if TYPE_CHECKING:
    from sqlalchemy import Connection


def publish(
    connection: "Connection", organization_id: OrganizationId, execution_id: ExecutionId, graph: KnowledgeGraph
) -> None:
    """Write `graph` as that of an execution, in the place of what was there. To be called in a transaction."""
    withdraw(connection, organization_id, execution_id)
    degrees = Counter(end for found in graph.relations for end in ends_of(found))
    add_entities(connection, organization_id, execution_id, graph.entities, degrees)
    add_relations(connection, organization_id, execution_id, graph.relations)


def withdraw(connection: "Connection", organization_id: OrganizationId, execution_id: ExecutionId) -> None:
    """Delete the graph of an execution. Where there is none, as a rule, one look is all it takes."""
    c = entity.c
    if connection.execute(select(c.id).where(c.execution_id == execution_id).limit(1)).first() is None:
        return
    for table in (evidence, relation, mention, entity):
        mine = (table.c.execution_id == execution_id) & (table.c.organization_id == organization_id)
        connection.execute(delete(table).where(mine))


def add_entities(
    connection: "Connection",
    organization_id: OrganizationId,
    execution_id: ExecutionId,
    entities: Iterable[Entity],
    degrees: Counter[EntityId],
) -> None:
    """Write entities with their mentions; `degrees` says of how many relations each is an end."""
    owner = {"organization_id": organization_id, "execution_id": execution_id}
    found: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for one in entities:
        found.append(
            {
                **owner,
                "id": one.id,
                "label": one.label,
                "types": list(one.types),
                "aliases": list(one.aliases),
                "attributes": msgspec.to_builtins(one.attributes),
                "confidence": one.confidence,
                "folded": "\n".join(map(fold, (one.label, *one.aliases))),
                "mentions": len(one.mentions),
                "relations": degrees[one.id],
            }
        )
        places += (
            {**owner, "entity_id": one.id, **_span(place.span), "confidence": place.confidence}
            for place in one.mentions
        )
    if found:
        connection.execute(insert(entity), found)
    if places:
        connection.execute(insert(mention), places)


def add_relations(
    connection: "Connection", organization_id: OrganizationId, execution_id: ExecutionId, relations: Iterable[Relation]
) -> None:
    """Write relations with their evidence."""
    owner = {"organization_id": organization_id, "execution_id": execution_id}
    found: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for one in relations:
        literal = isinstance(one.object, Literal)
        found.append(
            {
                **owner,
                "id": one.id,
                "subject_id": one.subject,
                "predicate": one.predicate,
                "object_id": None if literal else one.object,
                "literal": msgspec.to_builtins(one.object) if literal else None,
                "confidence": one.confidence,
                "flags": list(one.flags),
            }
        )
        places += ({**owner, "relation_id": one.id, **_span(span)} for span in one.evidence)
    if found:
        connection.execute(insert(relation), found)
    if places:
        connection.execute(insert(evidence), places)


def ends_of(found: Relation) -> Iterator[EntityId]:
    """Yield the entities that a relation is between, each once."""
    yield found.subject
    if not isinstance(found.object, Literal) and found.object != found.subject:
        yield found.object


def fold(name: str) -> str:
    """Return a name as it is searched: compatible forms, case and white space make no difference."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _span(span: Span) -> dict[str, Any]:
    return {"document_id": span.document, "start": span.start, "end": span.end, "text": span.text}
