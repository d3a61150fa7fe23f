"""The graph of a batch: those of its documents, copied, in which what is one thing across documents is one entity.

What nothing was merged with is copied inside the database. Only what is merged, and the relations that point at it, are
read: what the documents of a batch say together may be more than memory holds.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import false, insert, literal, or_, select

from lithograph.domain.document import Span
from lithograph.domain.facts import Attribute, Flag, Literal, Mention
from lithograph.domain.graph import Entity, Relation, joined
from lithograph.domain.ids import DocumentId, EntityId, ExecutionId, Iri, OrganizationId, RelationId
from lithograph.graph.store import add_entities, add_relations, ends_of, withdraw
from lithograph.resolution.across import Cluster
from lithograph.resolution.canonical import merge
from lithograph.storage.columns import among
from lithograph.storage.schema import entity, evidence, mention, relation

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Table

_EXECUTIONS: Final = 50
"""Documents whose graphs are copied by one statement."""
_MEMBERS: Final = 5_000
"""Entities that are merged in memory at once, about."""


def publish_union(
    connection: "Connection",
    organization_id: OrganizationId,
    batch_id: ExecutionId,
    executions: Sequence[ExecutionId],
    clusters: Sequence[Cluster],
) -> None:
    """Write the published graphs of `executions` as that of a batch, in the place of what was there, with each cluster
    as one entity under its id. To be called in a transaction.
    """
    withdraw(connection, organization_id, batch_id)
    of_execution: defaultdict[ExecutionId, list[EntityId]] = defaultdict(list)
    cluster_of: dict[EntityId, EntityId] = {}
    for cluster in clusters:
        for execution, member in cluster.members:
            of_execution[execution].append(member)
            cluster_of[member] = cluster.id
    touched: list[Relation] = []
    for at in range(0, len(executions), _EXECUTIONS):
        page = executions[at : at + _EXECUTIONS]
        part = _Part(connection, organization_id, page, [member for one in page for member in of_execution[one]])
        found = part.touched()
        part.copy(batch_id, [one.id for one in found])
        touched += found
    relations = _repointed(touched, cluster_of)
    degrees = Counter(end for one in relations for end in ends_of(one))
    for chunk in _chunks(clusters):
        add_entities(connection, organization_id, batch_id, _merged(connection, chunk), degrees)
    add_relations(connection, organization_id, batch_id, relations)


class _Part:
    """The graphs of some executions, of whose entities some are `merged` with others."""

    def __init__(
        self,
        connection: "Connection",
        organization_id: OrganizationId,
        executions: Sequence[ExecutionId],
        merged: Sequence[EntityId],
    ) -> None:
        self._connection, self._organization_id = connection, organization_id
        self._executions, self._merged = executions, merged

    def touched(self) -> Sequence[Relation]:
        """Return the relations of which an end is merged."""
        r = relation.c
        ends = or_(self._among(r.subject_id, self._merged), self._among(r.object_id, self._merged))
        rows = self._connection.execute(select(relation).where(self._mine(relation), ends)).all()
        stated: defaultdict[str, list[Span]] = defaultdict(list)
        stating = self._among(evidence.c.relation_id, [row.id for row in rows])
        for row in self._connection.execute(select(evidence).where(self._mine(evidence), stating)):
            stated[row.relation_id].append(_span(row))
        return [_relation(row, stated[row.id]) for row in rows]

    def copy(self, batch_id: ExecutionId, touched: Sequence[RelationId]) -> None:
        """Copy what nothing was merged with, but for these relations, to the graph of a batch."""
        self._copy(batch_id, entity, entity.c.id, self._merged)
        self._copy(batch_id, mention, mention.c.entity_id, self._merged)
        self._copy(batch_id, relation, relation.c.id, touched)
        self._copy(batch_id, evidence, evidence.c.relation_id, touched)

    def _copy(self, batch_id: ExecutionId, table: "Table", key: "ColumnElement[str]", left: Sequence[str]) -> None:
        columns = [literal(batch_id) if c.name == "execution_id" else c for c in table.c]
        query = select(*columns).where(self._mine(table), ~self._among(key, left))
        self._connection.execute(insert(table).from_select([c.name for c in table.c], query))

    def _mine(self, table: "Table") -> "ColumnElement[bool]":
        here = table.c.execution_id.in_(self._executions)
        return here & (table.c.organization_id == self._organization_id)

    def _among(self, column: "ColumnElement[Any]", ids: Sequence[str]) -> "ColumnElement[bool]":
        return among(self._connection, column, ids) if ids else false()


def _repointed(relations: Iterable[Relation], cluster_of: Mapping[EntityId, EntityId]) -> list[Relation]:
    """Return the relations between clusters and the rest, those that are one now as one, but for those within one."""
    same: defaultdict[tuple[EntityId, Iri, EntityId | Literal], list[Relation]] = defaultdict(list)
    for one in relations:
        subject = cluster_of.get(one.subject, one.subject)
        target = one.object if isinstance(one.object, Literal) else cluster_of.get(one.object, one.object)
        if subject != target:
            same[subject, one.predicate, target].append(one)
    return [joined(*ends, sightings) for ends, sightings in same.items()]


def _chunks(clusters: Iterable[Cluster]) -> Iterator[Sequence[Cluster]]:
    page: list[Cluster] = []
    members = 0
    for cluster in clusters:
        page.append(cluster)
        members += len(cluster.members)
        if members >= _MEMBERS:
            yield page
            page, members = [], 0
    yield page


def _merged(connection: "Connection", clusters: Sequence[Cluster]) -> Iterator[Entity]:
    """Yield the entity that each cluster is, as far as its members are there."""
    members = [(execution, member) for cluster in clusters for execution, member in cluster.members]
    found = {one.id: one for one in _entities(connection, members)}
    for cluster in clusters:
        group = [found[member] for _, member in cluster.members if member in found]
        if group:
            yield replace(merge(group), id=cluster.id)


def _entities(connection: "Connection", wanted: Sequence[tuple[ExecutionId, EntityId]]) -> Iterator[Entity]:
    """Yield entities, some executions' at a time: an index is asked for each execution about each id."""
    by_execution = [(execution, [*group]) for execution, group in groupby(sorted(wanted), key=itemgetter(0))]
    for at in range(0, len(by_execution), _EXECUTIONS):
        page = by_execution[at : at + _EXECUTIONS]
        executions, ids = [execution for execution, _ in page], [one for _, group in page for _, one in group]
        m, e = mention.c, entity.c
        places: defaultdict[EntityId, list[Mention]] = defaultdict(list)
        here = m.execution_id.in_(executions) & among(connection, m.entity_id, ids)
        for row in connection.execute(select(mention).where(here)):
            places[row.entity_id].append(Mention(_span(row), row.confidence))
        here = e.execution_id.in_(executions) & among(connection, e.id, ids)
        for row in connection.execute(select(entity).where(here)):
            yield Entity(
                id=EntityId(row.id),
                label=row.label,
                types=tuple(map(Iri, row.types)),
                aliases=tuple(row.aliases),
                confidence=row.confidence,
                attributes=msgspec.convert(row.attributes, tuple[Attribute, ...]),
                mentions=tuple(sorted(places[row.id], key=lambda place: place.span)),
            )


def _relation(row: Any, stated: Iterable[Span]) -> Relation:
    return Relation(
        id=RelationId(row.id),
        subject=EntityId(row.subject_id),
        predicate=Iri(row.predicate),
        object=msgspec.convert(row.literal, Literal) if row.object_id is None else EntityId(row.object_id),
        confidence=row.confidence,
        evidence=tuple(sorted(stated)),
        flags=tuple(map(Flag, row.flags)),
    )


def _span(row: Any) -> Span:
    return Span(DocumentId(row.document_id), row.start, row.end, row.text)
