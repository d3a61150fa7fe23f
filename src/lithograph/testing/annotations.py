"""Annotations: a gold document in the terms of an ontology."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Sentence
from lithograph.domain.facts import XSD_STRING, Literal
from lithograph.domain.ids import Iri
from lithograph.extraction.align import Aligner
from lithograph.ontology.model import Kind, Ontology, OntologyClass, OntologyProperty
from lithograph.ontology.terms import local_name
from lithograph.testing.gold import GoldDocument, GoldMention, GoldRelation


@dataclass(frozen=True, slots=True)
class Statement:
    """A gold relation with its property: from the gold entity `subject` to another, or to a literal.

    `evidence` is empty where nobody marked it.
    """

    subject: str
    predicate: Iri
    object: str | Literal
    evidence: tuple[Sentence, ...]


class Annotations:
    """What a document says, with the classes and properties that its short names stand for.

    A short name is a local name or a label, in that order. `mentions` are in document order, each span once; where
    nobody marked any, they are the occurrences of the entities' names. `statements` are the relations, in order, each
    with None where the ontology has no such property.
    """

    def __init__(self, document: GoldDocument, ontology: Ontology) -> None:
        self.document = document
        self._ontology = ontology
        self._classes = _by_name(ontology.classes.values())
        self._properties = _by_name(ontology.properties.values())
        self._entities = {entity.id: entity for entity in document.entities}
        spans = {(mention.start, mention.end): mention for mention in reversed(list(_mentions(document)))}
        self._by_span = {span: spans[span] for span in sorted(spans)}
        self.mentions: tuple[GoldMention, ...] = tuple(self._by_span.values())
        self.statements: tuple[tuple[GoldRelation, Statement | None], ...] = tuple(
            (relation, self._statement(relation)) for relation in document.relations
        )
        self._surfaces = self._types_by_surface()
        self._aligner = Aligner(document.text)

    def at(self, start: int, end: int) -> GoldMention | None:
        """Return the mention that is exactly the slice from `start` to `end` of the document."""
        return self._by_span.get((start, end))

    def within(self, chunk: Chunk) -> list[GoldMention]:
        """Return the mentions that lie wholly in a chunk."""
        return [mention for mention in self.mentions if chunk.start <= mention.start and mention.end <= chunk.end]

    def types(self, mention: GoldMention) -> tuple[Iri, ...]:
        """Return the mention's class and the further classes of its entity, as far as the ontology has them."""
        names = (mention.type, *self._entities[mention.entity].types)
        return tuple(dict.fromkeys(self._classes[name] for name in names if name in self._classes))

    def types_of_surface(self, text: str) -> tuple[Iri, ...]:
        """Return the classes that mentions which read like `text` have most often; none where there is none."""
        return self._surfaces.get(" ".join(text.split()), ())

    def supports(self, chunk: Chunk, statement: Statement) -> bool:
        """Whether both ends of a statement are mentioned in a chunk, and all its marked evidence lies there.

        A literal that the document nowhere spells out as it is given needs no place of its own.
        """
        entities = {mention.entity for mention in self.within(chunk)}
        if statement.subject not in entities or not holds(chunk, statement.evidence):
            return False
        if isinstance(statement.object, Literal):
            spelled = self._aligner.occurrences(statement.object.value)
            return not spelled or any(chunk.start <= place.start and place.end <= chunk.end for place in spelled)
        return statement.object in entities

    def _statement(self, relation: GoldRelation) -> Statement | None:
        iri = self._properties.get(relation.predicate_iri or relation.predicate)
        if iri is None:
            return None
        known = self._ontology.properties[iri]
        target: str | Literal = relation.object_entity
        if not relation.object_entity or known.kind is Kind.DATATYPE:
            target = Literal(relation.value, min(known.datatypes, default=XSD_STRING))
        return Statement(relation.subject_entity, iri, target, relation.evidence)

    def _types_by_surface(self) -> dict[str, tuple[Iri, ...]]:
        counted: defaultdict[str, Counter[tuple[Iri, ...]]] = defaultdict(Counter)
        for mention in self.mentions:
            counted[" ".join(mention.text.split())][self.types(mention)] += 1
        return {text: counts.most_common(1)[0][0] for text, counts in counted.items()}


def holds(chunk: Chunk, sentences: Iterable[Sentence]) -> bool:
    """Whether all of `sentences` lie wholly in a chunk."""
    return all(chunk.start <= sentence.start and sentence.end <= chunk.end for sentence in sentences)


def _mentions(document: GoldDocument) -> Iterator[GoldMention]:
    yield from document.mentions
    if document.silver:
        aligner = Aligner(document.text)
        for entity in document.entities:
            for place in aligner.occurrences(entity.name):
                yield GoldMention(place.start, place.end, document.text[place.start : place.end], "", entity.id)


def _by_name(terms: Iterable[OntologyClass | OntologyProperty]) -> dict[str, Iri]:
    """Return the terms by IRI, local name and label; a local name comes before a label, the first IRI before others."""
    ordered = sorted(terms, key=lambda term: term.iri)
    found = {term.label: term.iri for term in reversed(ordered)}
    found.update((local_name(term.iri), term.iri) for term in reversed(ordered))
    found.update((term.iri, term.iri) for term in ordered)
    return found
