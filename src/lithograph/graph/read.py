"""Reading published graphs: lists of entities, and one entity with all that is said of it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from sqlalchemy import Row, select

from lithograph.domain.document import Span
from lithograph.domain.facts import Attribute
from lithograph.domain.ids import DocumentId, EntityId, ExecutionId, Iri
from lithograph.errors import NotFoundError
from lithograph.graph.page import Page, check_limit, key_of, page_of
from lithograph.graph.scope import Scope, wanted_entities
from lithograph.graph.shown import AttributeDetail, EntityDetail, EntitySummary, Place
from lithograph.storage.schema import entity, mention

if TYPE_CHECKING:
    from sqlalchemy import Select

PLACES: Final = 1_000
"""Mentions that are shown of one entity at most."""

_e = entity.c
SUMMARY: Final = (
    _e.execution_id, _e.id, _e.label, _e.types, _e.aliases, _e.confidence, _e.mentions, _e.relations,
)  # fmt: skip
"""The columns that `summary` needs."""


class EntityKey(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Where an entity stands in a list."""

    list: Literal["entities"]
    execution_id: str
    relations: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    id: str


def entities(
    scope: Scope, *, search: str = "", type_: str = "", min_confidence: float = 0.0, limit: int, cursor: str | None
) -> Page[EntitySummary]:
    """Return entities: those of the newest execution first, and of each those with the most relations."""
    check_limit(limit)
    wanted = wanted_entities(scope.connection, search, type_, min_confidence)
    last = None if cursor is None else key_of(cursor, EntityKey)
    after: Sequence[object] = () if last is None else (last.relations, last.id)
    found: list[EntitySummary] = []
    for executions in scope.pages(None if last is None else ExecutionId(last.execution_id)):
        query = scope.rows(entity, executions, *SUMMARY, order=(_e.relations, _e.id), after=after)
        found += map(summary, scope.connection.execute(query.where(wanted).limit(limit + 1 - len(found))))
        after = ()
        if len(found) > limit:
            break
    return page_of([(EntityKey("entities", one.execution_id, one.relations, one.id), one) for one in found], limit)


def entity_detail(scope: Scope, entity_id: EntityId) -> EntityDetail:
    """Return an entity, of the newest execution that has it; raises `NotFoundError` when none has."""
    executions = [newest_with(scope, entity_id)]
    row = scope.connection.execute(
        scope.rows(entity, executions, *SUMMARY, _e.attributes).where(_e.id == entity_id)
    ).one()
    m = mention.c
    places = select(m.document_id, m.start, m.end, m.text, m.confidence)
    places = places.where(m.execution_id == row.execution_id, m.entity_id == row.id)
    found = scope.connection.execute(places.order_by(m.document_id, m.start, m.end).limit(PLACES))
    about = summary(row)
    return EntityDetail(
        **{name: getattr(about, name) for name in EntitySummary.__dataclass_fields__},
        attributes=tuple(map(_attribute, msgspec.convert(row.attributes, tuple[Attribute, ...]))),
        places=tuple(Place(DocumentId(one[0]), *one[1:]) for one in found),
    )


def newest_with(scope: Scope, entity_id: EntityId) -> ExecutionId:
    """Return the newest execution that has an entity; raises `NotFoundError` when none has."""
    executions = scope.having(entity, entity_id)
    if not executions:
        raise NotFoundError(f"entity {entity_id}", "a list of entities shows those there are")
    return executions[0]


def summaries(scope: Scope, execution_id: ExecutionId, ids: Iterable[EntityId]) -> dict[EntityId, EntitySummary]:
    """Return entities of one execution by their ids."""
    query: Select[Any] = select(*SUMMARY).where(_e.execution_id == execution_id, _e.id.in_(sorted(set(ids))))
    return {one.id: one for one in map(summary, scope.connection.execute(query))}


def summary(row: Row[Any]) -> EntitySummary:
    """Return what a row of `SUMMARY` says."""
    return EntitySummary(
        execution_id=ExecutionId(row.execution_id),
        id=EntityId(row.id),
        label=row.label,
        types=tuple(map(Iri, row.types)),
        aliases=tuple(row.aliases),
        confidence=row.confidence,
        mentions=row.mentions,
        relations=row.relations,
    )


def span(row: Row[Any]) -> Span:
    """Return the span that a row of evidence is."""
    return Span(DocumentId(row.document_id), row.start, row.end, row.text)


def _attribute(found: Attribute) -> AttributeDetail:
    value = found.value
    return AttributeDetail(found.predicate, value.value, value.datatype, value.language, found.evidence)
