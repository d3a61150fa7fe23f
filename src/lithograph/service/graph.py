"""What a workspace shows of an organisation's published graphs, each answer from one state of the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lithograph.domain.ids import EntityId, Iri, OrganizationId, RelationId
from lithograph.durable.lookup import find
from lithograph.graph import read, relations
from lithograph.graph.page import Page
from lithograph.graph.scope import Scope, check_text, scope_of
from lithograph.graph.shown import EntityDetail, EntitySummary, GraphView, Neighbour, RelationDetail
from lithograph.graph.view import graph_view
from lithograph.storage.open import Storage


@dataclass(frozen=True, slots=True)
class Graphs:
    """The published graphs of one organisation; see `Workspace`, which has the same methods."""

    storage: Storage
    organization_id: OrganizationId

    def entities(
        self, execution: str | None, search: str, type_: str, min_confidence: float, limit: int, cursor: str | None
    ) -> Page[EntitySummary]:
        """Return entities; see `Workspace.entities`."""
        with self._scope(execution) as scope:
            return read.entities(
                scope, search=search, type_=type_, min_confidence=min_confidence, limit=limit, cursor=cursor
            )

    def entity(self, entity_id: EntityId, execution: str | None) -> EntityDetail:
        """Return an entity; see `Workspace.entity`."""
        with self._scope(execution) as scope:
            return read.entity_detail(scope, entity_id)

    def neighbours(self, entity_id: EntityId, execution: str | None, limit: int, cursor: str | None) -> Page[Neighbour]:
        """Return what an entity is related to; see `Workspace.neighbours`."""
        with self._scope(execution) as scope:
            return relations.neighbours(scope, entity_id, limit=limit, cursor=cursor)

    def relations(
        self,
        execution: str | None,
        entity_id: EntityId | None,
        predicate: Iri | None,
        min_confidence: float,
        limit: int,
        cursor: str | None,
    ) -> Page[RelationDetail]:
        """Return relations; see `Workspace.relations`."""
        with self._scope(execution) as scope:
            return relations.relations(
                scope,
                entity_id=entity_id,
                predicate=predicate,
                min_confidence=min_confidence,
                limit=limit,
                cursor=cursor,
            )

    def relation(self, relation_id: RelationId, execution: str | None) -> RelationDetail:
        """Return a relation; see `Workspace.relation`."""
        with self._scope(execution) as scope:
            return relations.relation_detail(scope, relation_id)

    def graph(self, execution: str, type_: str, min_confidence: float, limit: int) -> GraphView:
        """Return a graph as a whole; see `Workspace.graph`."""
        check_text(execution, "an id")
        with self.storage.read(self.organization_id) as connection:
            found = find(connection, self.organization_id, execution)
            scope = Scope(connection, self.organization_id, found)
            return graph_view(scope, found.id, type_=type_, min_confidence=min_confidence, limit=limit)

    @contextmanager
    def _scope(self, execution: str | None) -> Iterator[Scope]:
        with self.storage.read(self.organization_id) as connection:
            yield scope_of(connection, self.organization_id, execution)
