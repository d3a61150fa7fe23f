"""Places: where the mentions and entities of a prompt stand. A prompt gives their texts and no offsets."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document, Sentence, Span
from lithograph.domain.facts import Mention
from lithograph.extraction.align import Aligner, Place
from lithograph.extraction.chunk import ChunkSettings, chunk_document
from lithograph.extraction.prompts.messages import EntitiesPrompt, GivenMention

_WHOLE = ChunkSettings(maximum=10**12)


def chunk_of(text: str) -> Chunk | None:
    """Return a text as one chunk, however long it is; None when there is nothing in it."""
    return next(iter(chunk_document(Document.from_text(text), _WHOLE)), None)


def everywhere(chunk: Chunk, text: str) -> tuple[Mention, ...]:
    """Return every occurrence of a text in a chunk as a mention of it."""
    return tuple(Mention(chunk.span(place.start, place.end), 1.0) for place in Aligner(chunk.text).occurrences(text))


@dataclass(frozen=True, slots=True)
class Scene:
    """Mentions in their sentences; `sentences[i]` is that of `mentions[i]`, and `given[i]` is its number in the
    prompt. Each has a copy of its sentence to itself.
    """

    chunk: Chunk
    given: tuple[int, ...]
    mentions: tuple[Mention, ...]
    sentences: tuple[Span, ...]


def scene_of(prompt: EntitiesPrompt) -> Scene | None:
    """Return the mentions of a prompt in their sentences; None when it has none.

    A mention that stands in no sentence is answered for by its own words alone, and one without words is passed over.
    """
    found = list(_found(prompt))
    if not found:
        return None
    document = Document.from_text("\n".join(sentence for _, sentence, _ in found))
    starts = accumulate((len(sentence) + 1 for _, sentence, _ in found[:-1]), initial=0)
    mentions, sentences = [], []
    for start, (given, sentence, place) in zip(starts, found, strict=True):
        mentions.append(Mention(document.span(start + place.start, start + place.end), 1.0, given.hint))
        sentences.append(document.span(start, start + len(sentence)))
    chunk = Chunk(
        document.id, 0, len(document.text), document.text, tuple(Sentence(span.start, span.end) for span in sentences)
    )
    return Scene(chunk, tuple(given.mention for given, _, _ in found), tuple(mentions), tuple(sentences))


def _found(prompt: EntitiesPrompt) -> Iterator[tuple[GivenMention, str, Place]]:
    """Yield each mention with its sentence and where it stands there: behind the mention before it, since what lies
    inside that one was not meant.
    """
    aligners = [Aligner(sentence) for sentence in prompt.sentences]
    ends = [0] * len(aligners)
    for given in prompt.mentions:
        place = None
        if 0 <= given.sentence < len(aligners):
            aligner, end = aligners[given.sentence], ends[given.sentence]
            behind = (place for place in aligner.occurrences(given.text) if place.start >= end)
            place = next(behind, None) or aligner.locate(given.text)
        if place is not None:
            ends[given.sentence] = max(place.end, ends[given.sentence])
            yield given, prompt.sentences[given.sentence], place
        elif given.text:
            yield given, given.text, Place(0, len(given.text))
