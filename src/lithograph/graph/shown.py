"""What is shown of a published graph: entities, relations and the whole of it, each with what a reader needs of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from lithograph.domain.document import Span
from lithograph.domain.facts import Flag, Literal
from lithograph.domain.ids import DocumentId, EntityId, ExecutionId, Iri, RelationId


@dataclass(frozen=True, slots=True)
class EntitySummary:
    """An entity of an execution's graph; `types[0]` is its class. `mentions` and `relations` count, the latter those
    that it is an end of.
    """

    execution_id: ExecutionId
    id: EntityId
    label: str
    types: tuple[Iri, ...]
    aliases: tuple[str, ...]
    confidence: float
    mentions: int
    relations: int


@dataclass(frozen=True, slots=True)
class AttributeDetail:
    """A literal that the text gives for an entity, and where it says so."""

    predicate: Iri
    value: str
    datatype: Iri
    language: str
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A mention: where a document names an entity, in code points."""

    document: DocumentId
    start: int
    end: int
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class EntityDetail(EntitySummary):
    """An entity with what is said of it and where it is named; `places` are the first 1,000, document by document."""

    attributes: tuple[AttributeDetail, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class End:
    """An entity that a relation is between."""

    id: EntityId
    label: str


@dataclass(frozen=True, slots=True)
class RelationDetail:
    """A relation with the names of its ends and every span that states it; its object is an entity or a value."""

    execution_id: ExecutionId
    id: RelationId
    subject: End
    predicate: Iri
    object: End | Literal
    confidence: float
    flags: tuple[Flag, ...]
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entity that is related to the one that was asked about, by that relation."""

    entity: EntitySummary
    relation: RelationDetail


@dataclass(frozen=True, slots=True)
class Node:
    """An entity as it is drawn; `type` is its class, empty for none, `degree` of how many relations it is an end."""

    id: EntityId
    label: str
    type: Iri | str
    confidence: float
    degree: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation between two nodes as it is drawn."""

    id: RelationId
    source: EntityId
    target: EntityId
    predicate: Iri
    confidence: float


@dataclass(frozen=True, slots=True)
class Count:
    """How many have that class, or that property."""

    iri: Iri
    count: int


@dataclass(frozen=True, slots=True)
class GraphView:
    """A graph to be drawn: the nodes with the most relations first, and the edges among them.

    `entities` and `relations` are how many the whole graph has, `types` and `predicates` what they are, most frequent
    first, whatever was asked for; it is `truncated` when more nodes fit what was asked for.
    """

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    entities: int
    relations: int
    truncated: bool
    types: Sequence[Count]
    predicates: Sequence[Count]
