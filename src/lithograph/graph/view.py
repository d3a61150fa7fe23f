"""A graph as a whole, to be drawn: its best connected part, and what it is made of."""

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Row, func, select, true

from lithograph.domain.ids import EntityId, Iri, RelationId
from lithograph.graph.page import check_limit
from lithograph.graph.scope import Scope, wanted_entities
from lithograph.graph.shown import Count, Edge, GraphView, Node
from lithograph.storage.columns import among, elements
from lithograph.storage.schema import entity, relation

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Select

    from lithograph.domain.ids import ExecutionId

MOST_NODES: Final = 10_000
MOST_EDGES: Final = 50_000

_e, _r = entity.c, relation.c


def graph_view(
    scope: Scope, execution_id: "ExecutionId", *, type_: str = "", min_confidence: float = 0.0, limit: int = MOST_NODES
) -> GraphView:
    """Return the graph of an execution: the `limit` best connected of its entities that are of a class and at least so
    certain, and the relations among them that are, the most certain 50,000 of those.
    """
    check_limit(limit, MOST_NODES)
    connection = scope.connection
    mine = (_e.execution_id == execution_id) & (_e.organization_id == scope.organization_id)
    theirs = (_r.execution_id == execution_id) & (_r.organization_id == scope.organization_id)
    query: Select[Any] = select(_e.id, _e.label, _e.types, _e.confidence, _e.relations)
    query = query.where(mine, wanted_entities(connection, "", type_, min_confidence))
    rows = connection.execute(query.order_by(_e.relations.desc(), _e.id.desc()).limit(limit + 1)).all()
    nodes = [_node(row) for row in rows[:limit]]
    edges = _edges(scope, theirs & (_r.confidence >= min_confidence), [node.id for node in nodes])
    types = elements(connection, _e.types)
    of_type = select(types.c.value.label("iri"), func.count()).select_from(entity).join(types, true()).where(mine)
    of_predicate = select(_r.predicate.label("iri"), func.count()).where(theirs)
    return GraphView(
        nodes=nodes,
        edges=edges[:MOST_EDGES],
        entities=connection.execute(select(func.count()).where(mine)).scalar_one(),
        relations=connection.execute(select(func.count()).where(theirs)).scalar_one(),
        truncated=len(rows) > limit or len(edges) > MOST_EDGES,
        types=_counts(scope, of_type),
        predicates=_counts(scope, of_predicate),
    )


def _edges(scope: Scope, wanted: "ColumnElement[bool]", nodes: "Collection[EntityId]") -> "Sequence[Edge]":
    source, target = (among(scope.connection, column, nodes) for column in (_r.subject_id, _r.object_id))
    query = select(_r.id, _r.subject_id, _r.object_id, _r.predicate, _r.confidence)
    query = query.where(wanted, source, target)
    rows = scope.connection.execute(query.order_by(_r.confidence.desc(), _r.id).limit(MOST_EDGES + 1))
    return [Edge(RelationId(a), EntityId(b), EntityId(c), Iri(d), e) for a, b, c, d, e in rows]


def _node(row: Row[Any]) -> Node:
    return Node(EntityId(row.id), row.label, Iri(row.types[0]) if row.types else "", row.confidence, row.relations)


def _counts(scope: Scope, query: "Select[Any]") -> "Sequence[Count]":
    """Return the most frequent first; equally frequent ones by their IRIs, whatever the database's own order."""
    rows = scope.connection.execute(query.group_by("iri"))
    return sorted((Count(Iri(iri), count) for iri, count in rows), key=lambda one: (-one.count, one.iri))
