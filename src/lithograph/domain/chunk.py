"""A chunk: the piece of a document that one request is about."""

from dataclasses import dataclass, field

from lithograph.domain.document import Sentence, Span
from lithograph.domain.ids import ChunkId, DocumentId, digest
from lithograph.errors import InvariantError


@dataclass(frozen=True, slots=True)
class Chunk:
    """`text == document.text[start:end]`, with the sentences that it holds.

    The text begins with the last sentence of the chunk before it, where that fits.
    """

    document: DocumentId
    start: int
    end: int
    text: str
    sentences: tuple[Sentence, ...]
    id: ChunkId = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end or len(self.text) != self.end - self.start:
            raise InvariantError(f"a chunk from {self.start} to {self.end} cannot hold {len(self.text)} characters")
        for sentence in self.sentences:
            if not self.start <= sentence.start < sentence.end <= self.end:
                raise InvariantError(f"a sentence at {sentence.start} lies outside its chunk at {self.start}")
        object.__setattr__(self, "id", ChunkId(digest("chunk", self.document, self.start, self.end)))

    def span(self, start: int, end: int) -> Span:
        """Return the span of the document that `start` and `end`, counted from the chunk's beginning, stand for."""
        if not 0 <= start < end <= len(self.text):
            raise InvariantError(f"{start} to {end} is no span of a chunk of {len(self.text)} characters")
        return Span(self.document, self.start + start, self.start + end, self.text[start:end])

    def sentence_of(self, span: Span) -> Span:
        """Return the sentence, or the run of sentences, that `span` lies in; the whole chunk when it lies in none."""
        touched = [s for s in self.sentences if s.start < span.end and span.start < s.end]
        if not touched:
            return self.span(0, len(self.text))
        start, end = min(touched[0].start, span.start), max(touched[-1].end, span.end)
        return self.span(start - self.start, end - self.start)
