"""Relate: a cue phrase between two things of the right kinds states a relation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lithograph.domain.document import Sentence
from lithograph.domain.facts import Literal
from lithograph.domain.ids import Iri
from lithograph.extraction.extractor import ProposedRelation, RelationQuestion
from lithograph.extraction.rules.lexicon import PRONOUNS
from lithograph.extraction.rules.names import tokens_of
from lithograph.extraction.rules.values import Value, values_in
from lithograph.extraction.rules.vocabulary import Cue, Vocabulary
from lithograph.ontology.model import Kind, OntologyProperty

_REACH = 80
"""Characters between a cue and what it is about, at most."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An occurrence of candidate number `candidate`, by offsets in the chunk."""

    start: int
    end: int
    candidate: int


class Relater:
    """Finds the relations that one question asks for."""

    def __init__(self, vocabulary: Vocabulary, question: RelationQuestion) -> None:
        self._ontology = vocabulary.ontology
        self._vocabulary = vocabulary
        self._question = question
        self._text = question.chunk.text
        self._offered = {known.iri: known for known in question.properties}
        start = question.chunk.start
        self._places = sorted(
            (_Place(mention.span.start - start, mention.span.end - start, index)
             for index, candidate in enumerate(question.candidates) for mention in candidate.mentions),
            key=lambda place: (place.start, place.end),
        )  # fmt: skip
        self._sentences = [Sentence(s.start - start, s.end - start) for s in question.chunk.sentences]

    def relations(self) -> Iterator[ProposedRelation]:
        """Yield what the cues of every sentence state, in order."""
        for number, sentence in enumerate(self._sentences):
            text = self._text[sentence.start : sentence.end]
            places = self._within(sentence)
            values = [_moved(value, sentence.start) for value in values_in(text)]
            for cue in self._vocabulary.cues_in(text, self._offered.keys()):
                moved = Cue(cue.start + sentence.start, cue.end + sentence.start, cue.properties)
                if not any(place.start < moved.end and moved.start < place.end for place in places):
                    yield from self._stated(moved, number, places, values)

    def _within(self, sentence: Sentence) -> list[_Place]:
        return [place for place in self._places if sentence.start <= place.start and place.end <= sentence.end]

    def _stated(
        self, cue: Cue, number: int, places: Sequence[_Place], values: Sequence[Value]
    ) -> Iterator[ProposedRelation]:
        for iri, exchanged in cue.properties:
            known = self._offered[iri]
            before = [p for p in reversed(places) if p.end <= cue.start and cue.start - p.end <= _REACH]
            after = [p for p in places if p.start >= cue.end and p.start - cue.end <= _REACH]
            if exchanged:
                yield from self._pair(
                    known, self._first(after, known.domain), self._left(cue, number, before, known.range), number
                )
                continue
            subject = self._left(cue, number, before, known.domain)
            if known.kind is not Kind.OBJECT:
                yield from self._valued(known, subject, cue, values, number)
            if known.kind is not Kind.DATATYPE:
                yield from self._pair(known, subject, self._first(after, known.range), number)

    def _pair(
        self, known: OntologyProperty, subject: "_End | None", target: "_End | None", number: int
    ) -> Iterator[ProposedRelation]:
        if subject is None or target is None or subject.candidate == target.candidate:
            return
        evidence = self._evidence({number, *subject.sentences, *target.sentences})
        confidence = min(subject.confidence, target.confidence)
        yield ProposedRelation(subject.candidate, known.iri, target.candidate, evidence, confidence)

    def _valued(
        self, known: OntologyProperty, subject: "_End | None", cue: Cue, values: Iterable[Value], number: int
    ) -> Iterator[ProposedRelation]:
        value = next((v for v in values if v.start >= cue.end and v.start - cue.end <= _REACH // 2), None)
        reading = value.reading(known.datatypes) if value else None
        if subject is None or reading is None:
            return
        literal = Literal(reading[1], reading[0])
        evidence = self._evidence({number, *subject.sentences})
        yield ProposedRelation(subject.candidate, known.iri, literal, evidence, subject.confidence)

    def _evidence(self, numbers: set[int]) -> tuple[str, ...]:
        chosen = (self._sentences[number] for number in sorted(numbers))
        return tuple(self._text[sentence.start : sentence.end] for sentence in chosen)

    def _first(self, places: Iterable[_Place], constraint: tuple[frozenset[Iri], ...]) -> "_End | None":
        """Return the nearest place when what stands there fits; a nearer thing of another kind is in the way."""
        for place in places:
            if self._ontology.fits(self._question.candidates[place.candidate].types, constraint):
                return _End(place.candidate, 0.9)
        return None

    def _left(
        self, cue: Cue, number: int, places: Sequence[_Place], constraint: tuple[frozenset[Iri], ...]
    ) -> "_End | None":
        """Return what stands before a cue; for a pronoun at the sentence's beginning, what the sentence before began
        with.
        """
        found = self._first(places, constraint)
        if found or number == 0 or places:
            return found
        sentence, previous = self._sentences[number], self._sentences[number - 1]
        opening = tokens_of(self._text[sentence.start : cue.start])
        if not opening or opening[0].plain not in PRONOUNS:
            return None
        subject = self._first(self._within(previous)[:1], constraint)
        return _End(subject.candidate, 0.6, (number - 1,)) if subject else None


@dataclass(frozen=True, slots=True)
class _End:
    """One end of a relation; `sentences` has the number of the one that names it, when it is not the cue's own."""

    candidate: int
    confidence: float
    sentences: tuple[int, ...] = ()


def _moved(value: Value, by: int) -> Value:
    return Value(value.start + by, value.end + by, value.text, value.readings)
