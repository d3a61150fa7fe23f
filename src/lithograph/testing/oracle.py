"""The oracle: an extractor that knows the right answers, to see what the pipeline itself loses."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import product

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Span
from lithograph.domain.facts import Literal, Mention
from lithograph.domain.ids import Iri
from lithograph.errors import AnswerError
from lithograph.extraction.align import Aligner
from lithograph.extraction.extractor import (
    Candidate,
    EntityAnswer,
    EntityQuestion,
    Identity,
    MentionAnswer,
    MentionQuestion,
    ProposedEntity,
    ProposedMention,
    ProposedRelation,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.ontology.model import Ontology
from lithograph.testing.annotations import Annotations, Statement
from lithograph.testing.gold import GoldDocument


class Stray(StrEnum):
    """What is answered about a mention that the sweep found and nobody marked."""

    BY_SURFACE = "by-surface"
    """The class of the marked mentions that read alike, as by a model that must choose. What the sweep adds shows."""
    UNANSWERED = "unanswered"
    """Nothing, as by a model that may answer "none of these". What the sweep adds is left out again."""


class OracleExtractor:
    """Answers about one gold document, from its annotations and nothing else.

    It proposes the marked mentions that lie wholly in the chunk, their classes, and the relations whose two ends have a
    candidate and whose marked evidence lies wholly in the chunk; where no evidence is marked, it quotes the sentences
    of the two mentions that stand closest together. It raises `AnswerError` about a chunk of another document.
    """

    def __init__(self, document: GoldDocument, ontology: Ontology, *, stray: Stray = Stray.BY_SURFACE) -> None:
        self._annotations = Annotations(document, ontology)
        self._stray = stray

    @property
    def identity(self) -> Identity:
        """Return the oracle's identity, which names its document."""
        return Identity("oracle", "1", {"document": self._annotations.document.id, "stray": self._stray})

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        """Return the marked mentions of the chunk, in order."""
        chunk = self._own(question.chunk)
        found = self._annotations.within(chunk)
        return MentionAnswer([ProposedMention(mention.text, hint=mention.type) for mention in found])

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        """Return the class of each mention at a marked place; of others what `stray` says."""
        self._own(question.chunk)
        types = [self._types(mention.span) for mention in question.mentions]
        return EntityAnswer([ProposedEntity(index, found) for index, found in enumerate(types) if found])

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        """Return the relations that the chunk states."""
        chunk = self._own(question.chunk)
        ends = self._ends(question.candidates)
        proposals: list[ProposedRelation] = []
        for _, statement in self._annotations.statements:
            if statement is not None and self._annotations.supports(chunk, statement):
                proposals += _proposed(chunk, statement, ends)
        return RelationAnswer(proposals)

    def _own(self, chunk: Chunk) -> Chunk:
        document = self._annotations.document
        if document.text[chunk.start : chunk.end] != chunk.text:
            raise AnswerError(f"the oracle knows {document.id} only, which does not read {chunk.text[:40]!r}")
        return chunk

    def _types(self, span: Span) -> tuple[Iri, ...]:
        gold = self._annotations.at(span.start, span.end)
        if gold is not None:
            return self._annotations.types(gold)
        return self._annotations.types_of_surface(span.text) if self._stray is Stray.BY_SURFACE else ()

    def _ends(self, candidates: Sequence[Candidate]) -> dict[str, list[tuple[int, Mention]]]:
        """Return, for each gold entity, the marked mentions of it, each with its candidate."""
        ends: defaultdict[str, list[tuple[int, Mention]]] = defaultdict(list)
        for index, candidate in enumerate(candidates):
            for mention in candidate.mentions:
                gold = self._annotations.at(mention.span.start, mention.span.end)
                if gold is not None:
                    ends[gold.entity].append((index, mention))
        return ends


def _proposed(
    chunk: Chunk, statement: Statement, ends: dict[str, list[tuple[int, Mention]]]
) -> Iterator[ProposedRelation]:
    """Yield the proposal of a statement, between the best pair of mentions; none where an end has no candidate."""
    subjects = ends.get(statement.subject, [])
    quotes = [_slice(chunk, sentence.start, sentence.end) for sentence in statement.evidence]
    if isinstance(statement.object, Literal):
        if subjects:
            index, mention = subjects[0]
            said = Aligner(chunk.text).occurrences(statement.object.value)[:1]
            spans = [mention.span, *(chunk.span(place.start, place.end) for place in said)]
            yield ProposedRelation(index, statement.predicate, statement.object, quotes or _sentences(chunk, spans))
        return
    pairs = list(product(subjects, ends.get(statement.object, [])))
    if pairs:
        (subject, one), (target, other) = min(pairs, key=lambda pair: _unlikeliness(statement, *pair))
        evidence = quotes or _sentences(chunk, [one.span, other.span])
        yield ProposedRelation(subject, statement.predicate, target, evidence)


def _unlikeliness(
    statement: Statement, one: tuple[int, Mention], other: tuple[int, Mention]
) -> tuple[bool, int, int, int]:
    """What makes a pair of mentions a bad choice: one candidate, not in the evidence, far apart."""
    spans = [one[1].span, other[1].span]
    outside = sum(not any(e.start <= s.start and s.end <= e.end for e in statement.evidence) for s in spans)
    gap = max(0, spans[0].start - spans[1].end, spans[1].start - spans[0].end)
    return one[0] == other[0], outside, gap, spans[0].start


def _sentences(chunk: Chunk, spans: Sequence[Span]) -> list[str]:
    return list(dict.fromkeys(chunk.sentence_of(span).text for span in spans))


def _slice(chunk: Chunk, start: int, end: int) -> str:
    return chunk.text[start - chunk.start : end - chunk.start]
