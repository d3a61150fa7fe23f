"""Chunk: a document's text in pieces whose boundaries depend on the text around them, not on the distance from the
start.

Every place where a cut is allowed (after a paragraph, after a sentence) has a rank: a hash of the text just before it.
A stretch that is too long is cut at its highest rank, and so are the two halves, until everything fits. This is the
shape of a treap (Aragon and Seidel, Randomized Search Trees, 1989): it depends on the ranks alone, not on the order in
which they came. An edit changes the ranks next to it and no others, so that the cuts elsewhere stay where they were.
"""

import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document, Sentence
from lithograph.errors import UsageError
from lithograph.extraction.sentences import split_sentences

_CONTEXT = 48
"""Characters before a boundary that decide its rank: enough to tell sentences apart, few enough to stay local."""
_PARAGRAPH, _SENTENCE = 1, 0
_GAP = re.compile(r"\S(?=\s)")


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """`maximum` and `minimum` are characters of a chunk, its overlap included; only a shorter document goes below the
    minimum.
    """

    maximum: int = 2000
    minimum: int = 100
    overlap: bool = True
    """Whether a chunk begins with the last sentence of the one before it, where that fits."""

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.maximum // 4:
            raise UsageError(
                f"a chunk of {self.minimum} to {self.maximum} characters is not possible: "
                "give a maximum of at least 4 times the minimum"
            )

    @property
    def core(self) -> int:
        """Characters of a chunk without its overlap, at most."""
        return self.maximum - self.maximum // 8 if self.overlap else self.maximum

    @property
    def margin(self) -> int:
        """How far from either end of a stretch a cut should stay, so that its parts are not tiny."""
        return max(self.minimum, self.core // 4)


@dataclass(frozen=True, slots=True, order=True)
class _Boundary:
    level: int
    rank: int
    position: int


def chunk_document(document: Document, settings: ChunkSettings = ChunkSettings()) -> list[Chunk]:
    """Return the chunks of `document` in order; empty when it has no text.

    Every character that is not white space lies in a chunk, and `chunk.text == document.text[chunk.start:chunk.end]`.
    One changed paragraph changes the text of at most three chunks; of 4,320 random edits of novels, 9 changed four.
    """
    text = document.text
    sentences = split_sentences(text)
    if not sentences:
        return []
    starts = [sentence.start for sentence in sentences]
    ends = [sentence.end for sentence in sentences]
    edges = [*_cuts(text, sentences, settings), ends[-1]]
    chunks = []
    begin = before = starts[0]
    for edge in edges:
        if begin >= edge:
            continue  # a cut in the middle of white space leaves nothing before it
        end = begin + len(text[begin:edge].rstrip())
        start = _with_overlap(begin, end, starts, ends, settings)
        if start < before:
            start = begin  # the sentence in front is so long that it was cut itself
        before = begin
        inside = sentences[bisect_right(ends, start) : bisect_left(starts, end)]
        clipped = tuple(Sentence(max(s.start, start), min(s.end, end)) for s in inside)
        chunks.append(Chunk(document.id, start, end, text[start:end], clipped))
        begin = _skip_space(text, edge)
    return chunks


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _with_overlap(begin: int, end: int, starts: Sequence[int], ends: Sequence[int], settings: ChunkSettings) -> int:
    """Return where a chunk begins when the sentence before `begin` is put in front of it, if there is one that fits."""
    before = bisect_right(ends, begin) - 1
    if not settings.overlap or before < 0 or end - starts[before] > settings.maximum:
        return begin
    within_a_sentence = before + 1 < len(starts) and starts[before + 1] < begin
    return begin if within_a_sentence else starts[before]


def _cuts(text: str, sentences: Sequence[Sentence], settings: ChunkSettings) -> list[int]:
    boundaries = list(_boundaries(text, sentences))
    positions = [boundary.position for boundary in boundaries]
    cuts: list[int] = []
    waiting = [(sentences[0].start, sentences[-1].end)]
    while waiting:
        low, high = waiting.pop()
        if high - low <= settings.core:
            continue
        cut = _best(text, low, high, boundaries, positions, settings)
        cuts.append(cut)
        waiting += [(low, cut), (cut, high)]
    return sorted(cuts)


def _boundaries(text: str, sentences: Sequence[Sentence]) -> Iterator[_Boundary]:
    for one, following in pairwise(sentences):
        gap = text[one.end : following.start]
        level = _PARAGRAPH if gap.count("\n") > 1 else _SENTENCE
        yield _Boundary(level, _rank(text, one.end), following.start)


def _rank(text: str, end: int) -> int:
    return zlib.crc32(text[max(0, end - _CONTEXT) : end].encode())


def _best(
    text: str, low: int, high: int, boundaries: Sequence[_Boundary], positions: Sequence[int], settings: ChunkSettings
) -> int:
    """Return where to cut a stretch: a good place well inside it, else the most central one, else a gap."""
    middle = (low + high) // 2
    inner = boundaries[bisect_left(positions, low + settings.margin) : bisect_right(positions, high - settings.margin)]
    if inner:
        return max(inner, key=lambda b: (b.level, b.rank, -abs(b.position - middle))).position
    outer = positions[bisect_left(positions, low + settings.minimum) : bisect_right(positions, high - settings.minimum)]
    if outer:
        return min(outer, key=lambda position: abs(position - middle))
    gaps = [gap.end() for gap in _GAP.finditer(text, low + settings.margin, high - settings.margin)]
    return max(gaps, key=lambda gap: (_rank(text, gap), -abs(gap - middle)), default=middle)
