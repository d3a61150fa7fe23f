"""The knowledge graph: entities and relations in a fixed order, each with the spans that say so."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Self

from lithograph.domain.document import Document, Span
from lithograph.domain.facts import Attribute, Flag, Link, Literal, Mention
from lithograph.domain.ids import EntityId, Iri, RelationId, digest
from lithograph.errors import InvariantError


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that the documents name. `types[0]` is the class with most votes, the others follow in order of votes.

    `mentions` are in document order; `aliases` are the other surface forms, the label excluded, sorted.
    """

    id: EntityId
    label: str
    types: tuple[Iri, ...]
    aliases: tuple[str, ...]
    confidence: float
    attributes: tuple[Attribute, ...]
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """`subject predicate object`, and every span that states it, in document order."""

    id: RelationId
    subject: EntityId
    predicate: Iri
    object: EntityId | Literal
    confidence: float
    evidence: tuple[Span, ...]
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class KnowledgeGraph:
    """Entities and relations; every end of a relation is one of the entities, or making the graph fails."""

    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    _by_id: dict[EntityId, Entity] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id = {entity.id: entity for entity in self.entities}
        if len(by_id) != len(self.entities):
            raise InvariantError("two entities of one graph have the same id")
        for relation in self.relations:
            for end in (relation.subject, relation.object):
                if not isinstance(end, Literal) and end not in by_id:
                    raise InvariantError(f"relation {relation.id} points at {end}, which is not in the graph")
        object.__setattr__(self, "_by_id", by_id)

    @classmethod
    def ordered(cls, entities: Iterable[Entity], relations: Iterable[Relation]) -> Self:
        """Return the graph with its entities in order of their first mention, its relations in order of their first
        evidence.

        The order depends on nothing but what is in the graph, so that equal graphs are written alike.
        """
        return cls(
            tuple(sorted(entities, key=lambda e: (e.mentions[0].span, e.id))),
            tuple(sorted(relations, key=lambda r: (r.evidence[0], r.evidence, r.id))),
        )

    def entity(self, entity_id: EntityId) -> Entity:
        """Return the entity with that id; raises `KeyError` when there is none."""
        return self._by_id[entity_id]

    def spans(self) -> Iterator[Span]:
        """Yield every span that anything in the graph points at."""
        for entity in self.entities:
            yield from (mention.span for mention in entity.mentions)
            yield from chain.from_iterable(attribute.evidence for attribute in entity.attributes)
        for relation in self.relations:
            yield from relation.evidence

    def verify(self, documents: Iterable[Document]) -> None:
        """Raise `InvariantError` unless every span lies in one of `documents` and reads exactly what it says."""
        by_id = {document.id: document for document in documents}
        for span in self.spans():
            if span.document not in by_id:
                raise InvariantError(f"a span points into document {span.document}, which is not given")
            by_id[span.document].check(span)


def relation_of(
    subject: EntityId,
    predicate: Iri,
    target: EntityId | Literal,
    *,
    confidence: float,
    evidence: tuple[Span, ...],
    flags: tuple[Flag, ...] = (),
) -> Relation:
    """Return the relation with its id, which depends on its two ends and its property."""
    if isinstance(target, Literal):
        parts: tuple[str, ...] = ("literal", target.value, target.datatype, target.language)
    else:
        parts = ("entity", target)
    relation_id = RelationId(digest("relation", subject, predicate, *parts))
    return Relation(relation_id, subject, predicate, target, confidence, evidence, flags)


def joined(
    subject: EntityId, predicate: Iri, target: EntityId | Literal, sightings: Sequence[Link | Relation]
) -> Relation:
    """Return the one relation that several sightings, at least one, are: all their evidence, the highest confidence.

    It keeps a flag only when every sighting has it.
    """
    return relation_of(
        subject,
        predicate,
        target,
        confidence=max(sighting.confidence for sighting in sightings),
        evidence=tuple(sorted(set(chain.from_iterable(sighting.evidence for sighting in sightings)))),
        flags=tuple(sorted(frozenset[Flag].intersection(*(frozenset(sighting.flags) for sighting in sightings)))),
    )
