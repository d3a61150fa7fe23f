"""Questions: what an extractor is asked about a chunk, and which classes and properties it is offered."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

from lithograph.domain.chunk import Chunk
from lithograph.domain.facts import Mention
from lithograph.domain.fragment import Fragment
from lithograph.domain.ids import Iri
from lithograph.extraction.extractor import Candidate, EntityQuestion, JointQuestion, MentionQuestion, RelationQuestion
from lithograph.extraction.sentences import split_sentences
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.candidates import Candidates
from lithograph.ontology.model import Ontology


class Questions:
    """Asks about chunks in terms of one ontology. Every question depends on the chunk and on what is known of it
    alone.
    """

    def __init__(self, ontology: Ontology, settings: ExtractionSettings) -> None:
        self._ontology = ontology
        self._settings = settings

    @cached_property
    def _candidates(self) -> Candidates:
        """Made when the first question is asked: replaying a journal asks none."""
        return Candidates(self._ontology)

    def prepare(self) -> None:
        """Load and compute what the first question would otherwise wait for, and the first document to be cut."""
        split_sentences("")
        self._candidates.properties("", ())

    def mentions(self, chunk: Chunk) -> MentionQuestion:
        """Return the question what `chunk` names."""
        return MentionQuestion(chunk, self._candidates.classes(chunk.text, limit=self._settings.candidates))

    def batches(self, found: Fragment) -> Iterator[tuple[Mention, ...]]:
        """Yield the mentions of a chunk, in order, at most `settings.batch` at a time."""
        mentions = sorted(found.mentions, key=lambda mention: mention.span)
        for start in range(0, len(mentions), self._settings.batch):
            yield tuple(mentions[start : start + self._settings.batch])

    def entities(self, chunk: Chunk, mentions: Sequence[Mention]) -> EntityQuestion:
        """Return the question what `mentions` of `chunk` are."""
        limit = self._settings.candidates
        classes = self._candidates.classes(chunk.text, limit=limit)
        offered = (known.iri for known in classes)
        attributes = self._candidates.attributes(chunk.text, offered, limit=self._settings.properties)
        sentences = tuple(chunk.sentence_of(mention.span) for mention in mentions)
        return EntityQuestion(chunk, mentions, sentences, classes, attributes)

    def joint(self, chunk: Chunk) -> JointQuestion:
        """Return the question what `chunk` says."""
        classes = self._candidates.classes(chunk.text, limit=self._settings.candidates)
        offered = {known.iri for known in classes}
        properties = self._candidates.properties(chunk.text, offered, limit=self._settings.properties)
        return JointQuestion(chunk, classes, properties)

    def relations(self, chunk: Chunk, candidates: Sequence[Candidate]) -> RelationQuestion:
        """Return the question what holds between `candidates` of `chunk`."""
        types = {iri for candidate in candidates for iri in candidate.types}
        properties = self._candidates.properties(chunk.text, types, limit=self._settings.properties)
        return RelationQuestion(chunk, candidates, properties)


def candidates_of(found: Fragment) -> tuple[Candidate, ...]:
    """Return one candidate for each surface form and class of a chunk, in order of first occurrence."""
    types = {typing.mention: typing.types for typing in found.typings}
    groups: defaultdict[tuple[str, Iri], list[Mention]] = defaultdict(list)
    for mention in sorted(found.mentions, key=lambda mention: mention.span):
        if mention.id in types:
            groups[" ".join(mention.span.text.split()), types[mention.id][0]].append(mention)
    return tuple(
        Candidate(text, tuple(dict.fromkeys(iri for mention in mentions for iri in types[mention.id])), tuple(mentions))
        for (text, _), mentions in groups.items()
    )
