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
    clusters: Iterable[Cluster],
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
        copying = _Copy(connection, organization_id, batch_id, page, [m for one in page for m in of_execution[one]])
        copying.copy()
        touched += copying.touched()
    relations = _repointed(touched, cluster_of)
    degrees = Counter(end for one in relations for end in ends_of(one))
    for chunk in _chunks(clusters):
        add_entities(connection, organization_id, batch_id, _merged(connection, chunk), degrees)
    add_relations(connection, organization_id, batch_id, relations)


class _Copy:
    """The graphs of some executions on their way to a batch's; what is `merged` does not come along."""

    def __init__(
        self,
        connection: "Connection",
        organization_id: OrganizationId,
        batch_id: ExecutionId,
        executions: Sequence[ExecutionId],
        merged: Sequence[EntityId],
    ) -> None:
        self._connection, self._organization_id, self._batch_id = connection, organization_id, batch_id
        self._executions, self._merged = executions, merged

    def copy(self) -> None:
        """Copy what nothing was merged with."""
        joint = (evidence.c.execution_id == relation.c.execution_id) & (evidence.c.relation_id == relation.c.id)
        ours = evidence.join(relation, joint)
        self._copy(entity, entity, ~self._is_merged(entity.c.id))
        self._copy(mention, mention, ~self._is_merged(mention.c.entity_id))
        self._copy(relation, relation, ~self._is_touched())
        self._copy(evidence, ours, self._mine(relation) & ~self._is_touched())

    def touched(self) -> Sequence[Relation]:
        """Return the relations of which an end was merged."""
        if not self._merged:
            return ()
        wanted = self._mine(relation) & self._is_touched()
        return list(_relations(self._connection, wanted, self._mine(evidence)))

    def _copy(self, table: "Table", source: Any, wanted: "ColumnElement[bool]") -> None:
        columns = [literal(self._batch_id) if c.name == "execution_id" else c for c in table.c]
        query = select(*columns).select_from(source).where(self._mine(table), wanted)
        self._connection.execute(insert(table).from_select([c.name for c in table.c], query))

    def _mine(self, table: "Table") -> "ColumnElement[bool]":
        here = table.c.execution_id.in_(self._executions)
        return here & (table.c.organization_id == self._organization_id)

    def _is_merged(self, column: "ColumnElement[str]") -> "ColumnElement[bool]":
        return among(self._connection, column, self._merged) if self._merged else false()

    def _is_touched(self) -> "ColumnElement[bool]":
        end = relation.c.object_id
        return or_(self._is_merged(relation.c.subject_id), end.is_not(None) & self._is_merged(end))


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


def _relations(
    connection: "Connection", wanted: "ColumnElement[bool]", stating: "ColumnElement[bool]"
) -> Iterator[Relation]:
    r, e = relation.c, evidence.c
    stated: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    joint = evidence.join(relation, (e.execution_id == r.execution_id) & (e.relation_id == r.id))
    for row in connection.execute(select(*e).select_from(joint).where(wanted, stating)):
        stated[row.execution_id, row.relation_id].append(_span(row))
    for row in connection.execute(select(*r).where(wanted)):
        yield Relation(
            RelationId(row.id),
            EntityId(row.subject_id),
            Iri(row.predicate),
            msgspec.convert(row.literal, Literal) if row.object_id is None else EntityId(row.object_id),
            row.confidence,
            tuple(sorted(stated[row.execution_id, row.id])),
            tuple(map(Flag, row.flags)),
        )


def _span(row: Any) -> Span:
    return Span(DocumentId(row.document_id), row.start, row.end, row.text)
