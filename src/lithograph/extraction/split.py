"""Split: a question whose answer does not fit, as two smaller ones."""

from dataclasses import replace
from typing import TypeVar

from lithograph.domain.chunk import Chunk
from lithograph.errors import TruncatedError
from lithograph.extraction.extractor import (
    EntityQuestion,
    JointQuestion,
    MentionQuestion,
    RelationQuestion,
)

AboutText = TypeVar("AboutText", MentionQuestion, RelationQuestion, JointQuestion)

_SHORTEST = 200
"""Characters that are split no more: an answer about them that does not fit will never fit."""


def parts(question: AboutText, cause: TruncatedError) -> tuple[AboutText, AboutText]:
    """Return the question about either half of its chunk; raises `cause` when that is too short to be split."""
    first, second = split_chunk(question.chunk, cause)
    return replace(question, chunk=first), replace(question, chunk=second)


def halves(question: EntityQuestion, cause: TruncatedError) -> tuple[EntityQuestion, EntityQuestion]:
    """Return the question about the first and about the last mentions; raises `cause` when there is only one."""
    middle = len(question.mentions) // 2
    if middle == 0:
        raise cause
    return (
        replace(question, mentions=question.mentions[:middle], sentences=question.sentences[:middle]),
        replace(question, mentions=question.mentions[middle:], sentences=question.sentences[middle:]),
    )


def split_chunk(chunk: Chunk, cause: TruncatedError) -> tuple[Chunk, Chunk]:
    """Return a chunk in two, at the end of the sentence nearest to its middle, else at white space, else in its middle.

    Raises `cause` when it is too short to be split.
    """
    if len(chunk.text) < _SHORTEST:
        raise cause
    cut = _cut(chunk)
    at = cut - chunk.start
    return (
        Chunk(chunk.document, chunk.start, cut, chunk.text[:at], tuple(s for s in chunk.sentences if s.end <= cut)),
        Chunk(chunk.document, cut, chunk.end, chunk.text[at:], tuple(s for s in chunk.sentences if s.start >= cut)),
    )


def _cut(chunk: Chunk) -> int:
    middle = (chunk.start + chunk.end) // 2
    ends = [sentence.end for sentence in chunk.sentences if chunk.start < sentence.end < chunk.end]
    if ends:
        return min(ends, key=lambda end: abs(end - middle))
    space = next((at for at in range(middle - chunk.start, 0, -1) if chunk.text[at].isspace()), 0)
    return chunk.start + space if space else middle
