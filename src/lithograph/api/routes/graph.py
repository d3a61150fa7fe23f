"""The published graphs: entities, relations, what leads from one to the other, and a graph to be drawn."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response

from lithograph.api.responses import CURSOR, LIMIT
from lithograph.api.server import Reader
from lithograph.api.wire import graph as wire
from lithograph.api.wire.base import Id, Listing
from lithograph.domain.ids import EntityId, Iri, RelationId

router = APIRouter(prefix="/v1/graph", tags=["graph"])

_LONGEST = 1_000

EntityPath = Annotated[Id, Path(examples=[wire.ENTITY])]
RelationPath = Annotated[Id, Path(examples=[wire.RELATION])]
InAny = Annotated[
    Id | None,
    Query(
        description="An execution, or the beginning of its id; without it, all but those that a batch has started, "
        "whose graphs are in the batch's."
    ),
]
InNewest = Annotated[
    Id | None, Query(description="An execution, or the beginning of its id; without it, the newest that has it.")
]
Confidence = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False, description="The least that it may be.")]
Type = Annotated[str, Query(alias="type", max_length=_LONGEST, description="The IRI of a class.", examples=[wire.IRI])]


@router.get("")
def get_graph(
    caller: Reader,
    execution: Annotated[Id, Query(description="An execution, or the beginning of its id.")],
    of_type: Type = "",
    min_confidence: Confidence = 0.0,
    limit: Annotated[int, Query(ge=1, le=10_000, description="How many nodes there are, at most.")] = 10_000,
) -> wire.Graph:
    """Return a graph to be drawn: its best connected entities first, and the relations among them."""
    found = caller.workspace.graph(execution, type=of_type, min_confidence=min_confidence, limit=limit)
    # Tens of thousands of values, which are as they should be: they are not looked at once more.
    return Response(msgspec.json.encode(found), media_type="application/json")  # type: ignore[return-value]


@router.get("/entities")
def list_entities(
    caller: Reader,
    execution: InAny = None,
    search: Annotated[str, Query(max_length=_LONGEST, description="Part of a name, in any case.")] = "",
    of_type: Type = "",
    min_confidence: Confidence = 0.0,
    limit: LIMIT = 50,
    cursor: CURSOR = None,
) -> Listing[wire.EntitySummary]:
    """List entities: those of the newest execution first, and of each those with the most relations."""
    found = caller.workspace.entities(
        execution, search=search, type=of_type, min_confidence=min_confidence, limit=limit, cursor=cursor
    )
    return Listing(items=[wire.EntitySummary.model_validate(one) for one in found.items], next=found.next)


@router.get("/entities/{entity_id}")
def get_entity(caller: Reader, entity_id: EntityPath, execution: InNewest = None) -> wire.Entity:
    """Return an entity with what is said of it and the places that name it."""
    return wire.Entity.model_validate(caller.workspace.entity(EntityId(entity_id), execution))


@router.get("/entities/{entity_id}/neighbours")
def list_neighbours(
    caller: Reader, entity_id: EntityPath, execution: InNewest = None, limit: LIMIT = 50, cursor: CURSOR = None
) -> Listing[wire.Neighbour]:
    """List what an entity is related to, and how; what two relations lead to comes twice."""
    found = caller.workspace.neighbours(EntityId(entity_id), execution, limit=limit, cursor=cursor)
    return Listing(items=[wire.Neighbour.model_validate(one) for one in found.items], next=found.next)


@router.get("/relations")
def list_relations(
    caller: Reader,
    execution: InAny = None,
    entity: Annotated[Id | None, Query(description="An entity at either end.", examples=[wire.ENTITY])] = None,
    predicate: Annotated[
        str | None, Query(max_length=_LONGEST, description="The IRI of a property.", examples=[wire.PREDICATE])
    ] = None,
    min_confidence: Confidence = 0.0,
    limit: LIMIT = 50,
    cursor: CURSOR = None,
) -> Listing[wire.Relation]:
    """List relations with the places that state them, those of the newest execution first."""
    found = caller.workspace.relations(
        execution,
        entity=None if entity is None else EntityId(entity),
        predicate=None if predicate is None else Iri(predicate),
        min_confidence=min_confidence,
        limit=limit,
        cursor=cursor,
    )
    return Listing(items=[wire.Relation.model_validate(one) for one in found.items], next=found.next)


@router.get("/relations/{relation_id}")
def get_relation(caller: Reader, relation_id: RelationPath, execution: InNewest = None) -> wire.Relation:
    """Return a relation with the places that state it."""
    return wire.Relation.model_validate(caller.workspace.relation(RelationId(relation_id), execution))
