"""Questions: what an extractor is asked about a chunk, and which classes and properties it is offered."""

from collections import defaultdict
from collections.abc import Iterator

from lithograph.domain.chunk import Chunk
from lithograph.domain.facts import Mention
from lithograph.domain.fragment import Fragment
from lithograph.domain.ids import Iri
from lithograph.extraction.extractor import Candidate, EntityQuestion, MentionQuestion, RelationQuestion
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.candidates import Candidates
from lithograph.ontology.model import Ontology


class Questions:
    """Asks about chunks in terms of one ontology. Every question depends on the chunk and on what is known of it
    alone.
    """

    def __init__(self, ontology: Ontology, settings: ExtractionSettings) -> None:
        self._candidates = Candidates(ontology)
        self._settings = settings

    def mentions(self, chunk: Chunk) -> MentionQuestion:
        """Return the question what `chunk` names."""
        return MentionQuestion(chunk, self._candidates.classes(chunk.text, limit=self._settings.candidates))

    def entities(self, chunk: Chunk, found: Fragment) -> Iterator[EntityQuestion]:
        """Yield the questions what the mentions of `chunk` are, each about at most `settings.batch` of them."""
        limit = self._settings.candidates
        classes = self._candidates.classes(chunk.text, limit=limit)
        attributes = self._candidates.attributes(chunk.text, (known.iri for known in classes), limit=limit)
        mentions = sorted(found.mentions, key=lambda mention: mention.span)
        for start in range(0, len(mentions), self._settings.batch):
            batch = tuple(mentions[start : start + self._settings.batch])
            sentences = tuple(chunk.sentence_of(mention.span) for mention in batch)
            yield EntityQuestion(chunk, batch, sentences, classes, attributes)

    def relations(self, chunk: Chunk, found: Fragment) -> RelationQuestion | None:
        """Return the question what holds between the typed mentions of `chunk`; None when it has none."""
        candidates = tuple(_candidates(found))
        if not candidates:
            return None
        types = {iri for candidate in candidates for iri in candidate.types}
        properties = self._candidates.properties(chunk.text, types, limit=self._settings.candidates)
        return RelationQuestion(chunk, candidates, properties)


def _candidates(found: Fragment) -> Iterator[Candidate]:
    """Yield one candidate for each surface form and class, in order of first occurrence."""
    types = {typing.mention: typing.types for typing in found.typings}
    groups: defaultdict[tuple[str, Iri], list[Mention]] = defaultdict(list)
    for mention in sorted(found.mentions, key=lambda mention: mention.span):
        if mention.id in types:
            groups[" ".join(mention.span.text.split()), types[mention.id][0]].append(mention)
    for (text, _), mentions in groups.items():
        further = (iri for mention in mentions for iri in types[mention.id])
        yield Candidate(text, tuple(dict.fromkeys(further)), tuple(mentions))
