"""Reading published graphs: relations with their evidence, and what they lead to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from sqlalchemy import Row, and_, select

from lithograph.domain.document import Span
from lithograph.domain.facts import Flag
from lithograph.domain.facts import Literal as Value
from lithograph.domain.ids import EntityId, ExecutionId, Iri, RelationId
from lithograph.durable.executions import get
from lithograph.errors import NotFoundError, UsageError
from lithograph.graph.page import Page, check_limit, key_of, page_of
from lithograph.graph.read import newest_with, span, summaries
from lithograph.graph.scope import Scope, check_confidence, check_text
from lithograph.graph.shown import End, Neighbour, RelationDetail
from lithograph.storage.schema import entity, evidence, relation, workflow_execution

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

_r = relation.c
_subject, _object = entity.alias("subject"), entity.alias("object")
_COLUMNS: Final = (
    _r.execution_id, _r.id, _r.subject_id, _subject.c.label.label("subject_label"), _r.predicate, _r.object_id,
    _object.c.label.label("object_label"), _r.literal, _r.confidence, _r.flags, workflow_execution.c.created_at,
)  # fmt: skip


class RelationKey(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where a relation stands in a list."""

    list: Literal["relations"]
    execution_id: str
    id: str


def relations(
    scope: Scope,
    *,
    entity_id: EntityId | None = None,
    predicate: Iri | None = None,
    min_confidence: float = 0.0,
    limit: int,
    cursor: str | None,
) -> Page[RelationDetail]:
    """Return relations, those of the newest execution first: of one entity, with one property, where they are given."""
    check_confidence(min_confidence)
    conditions: list[ColumnElement[bool]] = [_r.confidence >= min_confidence]
    if predicate is not None:
        check_text(predicate, "a property")
        conditions.append(_r.predicate == predicate)
    return _listed(scope, entity_id, and_(*conditions), limit, cursor)


def neighbours(scope: Scope, entity_id: EntityId, *, limit: int, cursor: str | None) -> Page[Neighbour]:
    """Return what an entity is related to, and how, of the newest execution that has it; what two relations lead to
    comes twice. Raises `NotFoundError` when no execution has it.
    """
    execution_id = newest_with(scope, entity_id)
    here = replace(scope, execution=get(scope.connection, scope.organization_id, execution_id))
    page = _listed(here, entity_id, _r.object_id.is_not(None), limit, cursor)
    others = [_other(one, entity_id) for one in page.items]
    found = summaries(here, execution_id, others)
    return Page([Neighbour(found[end], one) for end, one in zip(others, page.items, strict=True)], page.next)


def relation_detail(scope: Scope, relation_id: RelationId) -> RelationDetail:
    """Return a relation, of the newest execution that has it; raises `NotFoundError` when none has."""
    executions = scope.having(relation, relation_id)[:1]
    if not executions:
        raise NotFoundError(f"relation {relation_id}", "a list of relations shows those there are")
    rows = scope.connection.execute(_query(scope, executions).where(_r.id == relation_id))
    return _details(scope, rows)[0]


def _listed(
    scope: Scope, entity_id: EntityId | None, wanted: "ColumnElement[bool]", limit: int, cursor: str | None
) -> Page[RelationDetail]:
    check_limit(limit)
    last = None if cursor is None else key_of(cursor, RelationKey)
    after: Sequence[object] = () if last is None else (last.id,)
    start = None if last is None else ExecutionId(last.execution_id)
    rows: list[Row[Any]] = []
    for executions in scope.pages(start) if entity_id is None else _having(scope, entity_id, start):
        query = _query(scope, executions, after).where(wanted).limit(limit + 1)
        rows += scope.connection.execute(query) if entity_id is None else _of_entity(scope, query, entity_id)
        after = ()
        if len(rows) > limit:
            break
    found = _details(scope, rows[: limit + 1])
    return page_of([(RelationKey("relations", one.execution_id, one.id), one) for one in found], limit)


def _having(scope: Scope, entity_id: EntityId, start: ExecutionId | None) -> Iterator[Sequence[ExecutionId]]:
    """Yield the executions with an entity, newest first, one at a time, from `start` on."""
    found = scope.having(entity, entity_id)
    if start is not None and start not in found:
        raise UsageError("the cursor belongs to another list: begin without one")
    yield from ([one] for one in found[0 if start is None else found.index(start) :])


def _of_entity(scope: Scope, query: "Select[Any]", entity_id: EntityId) -> list[Row[Any]]:
    """Return the rows with an entity at either end: each has an index, both together have none."""
    rows = [
        *scope.connection.execute(query.where(_r.subject_id == entity_id)),
        *scope.connection.execute(query.where(_r.object_id == entity_id, _r.subject_id != entity_id)),
    ]
    return sorted(rows, key=lambda row: (row.created_at, row.execution_id, row.id), reverse=True)


def _query(scope: Scope, executions: Sequence[ExecutionId], after: Sequence[object] = ()) -> "Select[Any]":
    query = scope.rows(relation, executions, *_COLUMNS, order=(_r.id,), after=after)
    for end, column in ((_subject, _r.subject_id), (_object, _r.object_id)):
        joint = (end.c.execution_id == _r.execution_id) & (end.c.id == column)
        query = query.outerjoin(end, joint)
    return query


def _details(scope: Scope, rows: Iterable[Row[Any]]) -> list[RelationDetail]:
    found = list(rows)
    v = evidence.c
    query: Select[Any] = select(v.execution_id, v.relation_id, v.document_id, v.start, v.end, v.text)
    # Not by pairs, for which SQLite uses no index: two executions may have the same relation.
    query = query.where(v.execution_id.in_({row.execution_id for row in found}))
    query = query.where(v.relation_id.in_({row.id for row in found}))
    stated: defaultdict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in scope.connection.execute(query) if found else ():
        stated[row.execution_id, row.relation_id].append(span(row))
    return [_detail(row, sorted(stated[row.execution_id, row.id])) for row in found]


def _detail(row: Row[Any], stated: Iterable[Span]) -> RelationDetail:
    if row.object_id is None:
        target: End | Value = msgspec.convert(row.literal, Value)
    else:
        target = End(EntityId(row.object_id), row.object_label)
    return RelationDetail(
        execution_id=ExecutionId(row.execution_id),
        id=RelationId(row.id),
        subject=End(EntityId(row.subject_id), row.subject_label),
        predicate=Iri(row.predicate),
        object=target,
        confidence=row.confidence,
        flags=tuple(map(Flag, row.flags)),
        evidence=tuple(stated),
    )


def _other(found: RelationDetail, entity_id: EntityId) -> EntityId:
    target = found.object
    return found.subject.id if isinstance(target, Value) or target.id == entity_id else target.id
