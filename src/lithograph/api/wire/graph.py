"""The graph, as it is shown: entities and relations with the places that say so, and the whole of it to be drawn."""

from typing import Final

from pydantic import Field

from lithograph.api.wire.base import Wire
from lithograph.domain.facts import Flag

ENTITY: Final = "entity_4d1cf9d9d56a1d1ee2a2f1ef4a0a2d0a"
RELATION: Final = "relation_1e49133494eb5bdde252ffef3ec0281c"
IRI: Final = "https://lithograph.example/demo#Person"
PREDICATE: Final = "https://lithograph.example/demo#worksFor"
_DOCUMENT: Final = "document_8f14e45fceea167a5a36dedd4bea2543"


class Span(Wire):
    """The characters `start` to `end` of a document's text, the latter excluded, counted in code points."""

    document: str = Field(examples=[_DOCUMENT])
    start: int = Field(examples=[118])
    end: int = Field(examples=[130])
    text: str = Field(examples=["Ada Lovelace"])


class Place(Span):
    """Where a document names an entity."""

    confidence: float


class EntitySummary(Wire):
    """An entity of an execution's graph; the first of its `types` is its class."""

    execution_id: str
    id: str = Field(examples=[ENTITY])
    label: str = Field(examples=["Ada Lovelace"])
    types: list[str] = Field(examples=[[IRI]])
    aliases: list[str] = Field(examples=[["Lovelace"]])
    confidence: float = Field(description="From 0 to 1.", examples=[0.9])
    mentions: int = Field(description="Places that name it.")
    relations: int = Field(description="Relations that it is an end of.")


class Attribute(Wire):
    """A value that the text gives for an entity."""

    predicate: str = Field(examples=["https://lithograph.example/demo#born"])
    value: str = Field(examples=["1815-12-10"])
    datatype: str = Field(examples=["http://www.w3.org/2001/XMLSchema#date"])
    language: str = Field(description="As in BCP 47, empty for none.")
    evidence: list[Span]


class Entity(EntitySummary):
    """An entity with what is said of it, and the first 1,000 places that name it."""

    attributes: list[Attribute]
    places: list[Place]


class End(Wire):
    """An entity that a relation is between."""

    id: str = Field(examples=[ENTITY])
    label: str = Field(examples=["Ada Lovelace"])


class Value(Wire):
    """A value in the place of an entity."""

    value: str
    datatype: str
    language: str = Field(description="As in BCP 47, empty for none.")


class Relation(Wire):
    """A relation and every place that states it; `flags` say why it deserves a second look."""

    execution_id: str
    id: str = Field(examples=[RELATION])
    subject: End
    predicate: str = Field(examples=[PREDICATE])
    object: End | Value
    confidence: float = Field(description="From 0 to 1.", examples=[0.9])
    flags: list[Flag]
    evidence: list[Span]


class Neighbour(Wire):
    """An entity, and the relation that leads to it."""

    entity: EntitySummary
    relation: Relation


class Node(Wire):
    """An entity as it is drawn; `type` is its class, empty for none."""

    id: str
    label: str
    type: str
    confidence: float
    degree: int = Field(description="Relations that it is an end of, drawn or not.")


class Edge(Wire):
    """A relation as it is drawn, from its subject to its object."""

    id: str
    source: str
    target: str
    predicate: str
    confidence: float


class Count(Wire):
    """How many have that class, or that property."""

    iri: str
    count: int


class Graph(Wire):
    """The best connected part of a graph, and what the whole of it is made of, whatever was asked for."""

    nodes: list[Node]
    edges: list[Edge]
    entities: int = Field(description="How many the whole graph has.")
    relations: int = Field(description="How many the whole graph has.")
    truncated: bool = Field(description="Whether there is more that fits what was asked for.")
    types: list[Count]
    predicates: list[Count]
