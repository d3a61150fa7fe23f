"""Published graphs for tests, made without any extraction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.journals import SetClock

from lithograph.domain.document import Document
from lithograph.domain.facts import Attribute, Literal, Mention
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation, relation_of
from lithograph.domain.ids import EntityId, ExecutionId, Iri, OrganizationId, digest
from lithograph.durable import executions
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import NewExecution
from lithograph.graph.store import publish
from lithograph.storage.open import Storage

PERSON, HARBOUR, SHIP = (Iri(f"http://example.org/{name}") for name in ("Person", "Harbour", "Ship"))
KNOWS, LIVES_IN, AGE = (Iri(f"http://example.org/{name}") for name in ("knows", "livesIn", "age"))
CLOCK = SetClock()


def graph_of(
    names: Mapping[str, Iri],
    related: Sequence[tuple[str, Iri, str]] = (),
    *,
    organization_id: OrganizationId,
    confidence: float = 1.0,
) -> KnowledgeGraph:
    """Return the graph of a document that says these names, each once, and these relations. What an object is called
    that is no name is a value.
    """
    document = Document.from_text("; ".join(names), organization_id=organization_id)
    found: dict[str, Entity] = {}
    start = 0
    for name, class_iri in names.items():
        span = document.span(start, start + len(name))
        entity_id = EntityId(digest("entity", span.document, span.start))
        found[name] = Entity(entity_id, name, (class_iri,), (), confidence, (), (Mention(span, confidence),))
        start += len(name) + 2
    relations: list[Relation] = []
    for subject, predicate, target in related:
        end = found[target].id if target in found else Literal(target)
        stated = (found[subject].mentions[0].span,)
        relations.append(relation_of(found[subject].id, predicate, end, confidence=confidence, evidence=stated))
    return KnowledgeGraph.ordered(found.values(), relations)


def published(
    storage: Storage,
    organization_id: OrganizationId,
    graph: KnowledgeGraph,
    *,
    key: str = "one",
    parent_id: ExecutionId | None = None,
    at: float = CLOCK.time,
) -> ExecutionId:
    """Publish a graph as that of an execution that was made at some time."""
    new = NewExecution(organization_id, "test", 1, key, {}, parent_id)
    with transaction(storage, organization_id, Transaction.START) as connection:
        execution = executions.start(connection, new, SetClock(at))
        publish(connection, organization_id, execution.id, graph)
    return execution.id


def known(graph: KnowledgeGraph, label: str, **changes: object) -> KnowledgeGraph:
    """Return the graph with another entity in the place of the one of that label."""
    entities = [replace(one, **changes) if one.label == label else one for one in graph.entities]  # type: ignore[arg-type]
    return KnowledgeGraph(tuple(entities), graph.relations)


def attribute(graph: KnowledgeGraph, label: str, value: str) -> Attribute:
    """Return an attribute of an entity that its own mention says."""
    (found,) = (one for one in graph.entities if one.label == label)
    return Attribute(AGE, Literal(value), (found.mentions[0].span,))
