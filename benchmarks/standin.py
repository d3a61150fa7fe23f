"""A stand-in for a model: answers at once, about as much as a model would, and measures its own time."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, pairwise
from typing import TypeVar
from zlib import crc32

from lithograph.extraction.extractor import (
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

T = TypeVar("T")

_NAME = re.compile(r"(?<!\w)[A-Z]\w+(?: [A-Z]\w+)*")


class StandIn:
    """Takes capitalised words for mentions, chooses classes and properties by hash, quotes sentences word for word.

    `cpu` and `wall` are the seconds that its answers have taken so far.
    """

    def __init__(self, mentions: int = 15, relations: int = 5) -> None:
        self._mentions, self._relations = mentions, relations
        self.cpu = self.wall = 0.0

    @property
    def identity(self) -> Identity:
        return Identity("stand-in", "1")

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        with self._measured():
            names = dict.fromkeys(found[0] for found in _NAME.finditer(question.chunk.text))
            return MentionAnswer([ProposedMention(name, 0.9) for name in islice(names, self._mentions)])

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        with self._measured():
            return EntityAnswer(
                [
                    ProposedEntity(index, (_hashed(mention.span.text, question.classes).iri,), 0.9)
                    for index, mention in enumerate(question.mentions)
                ]
            )

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        with self._measured():
            return RelationAnswer(list(islice(_relations(question), self._relations)))

    @contextmanager
    def _measured(self) -> Iterator[None]:
        cpu, wall = time.thread_time(), time.perf_counter()
        yield
        self.cpu += time.thread_time() - cpu
        self.wall += time.perf_counter() - wall


def _relations(question: RelationQuestion) -> Iterator[ProposedRelation]:
    if question.properties:
        for index, (one, other) in enumerate(pairwise(question.candidates)):
            known = _hashed(one.text + other.text, question.properties)
            quote = question.chunk.sentence_of(one.mentions[0].span).text
            yield ProposedRelation(index, known.iri, index + 1, (quote,), 0.9)


def _hashed(text: str, choices: Sequence[T]) -> T:
    return choices[crc32(text.encode()) % len(choices)]
