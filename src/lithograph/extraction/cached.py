"""A cached extractor: the same question is bought once.

A question's key holds what is asked, without where it stands: the chunk's text, and offsets counted from its beginning.
So a chunk that only moved asks nothing new.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

import msgspec

from lithograph.domain.facts import Mention
from lithograph.domain.usage import NOTHING
from lithograph.durable.cache import ResponseCache
from lithograph.errors import UsageError
from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    Extractor,
    Identity,
    JointAnswer,
    JointExtractor,
    JointQuestion,
    MentionAnswer,
    MentionQuestion,
    RelationAnswer,
    RelationQuestion,
)

Answer = TypeVar("Answer", MentionAnswer, EntityAnswer, RelationAnswer, JointAnswer)


class CachedExtractor:
    """Asks `extractor` what `cache` does not have. `scope` is hashed into every key: the ontology asked about."""

    def __init__(self, extractor: Extractor, cache: ResponseCache, scope: str) -> None:
        self._extractor, self._cache = extractor, cache
        self._jointly = extractor if isinstance(extractor, JointExtractor) else None
        identity = extractor.identity
        self._scope = msgspec.json.encode(
            (scope, identity.name, identity.revision, sorted(identity.parameters.items()))
        )

    @property
    def identity(self) -> Identity:
        """Return the identity of the extractor that is asked."""
        return self._extractor.identity

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        """Return the answer, from the cache where it is there; then it costs nothing."""
        asked = (question.chunk.text, [known.iri for known in question.classes])
        return await self._answer("mentions", asked, MentionAnswer, lambda: self._extractor.mentions(question))

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        """Return the answer, from the cache where it is there; then it costs nothing."""
        asked = (
            question.chunk.text,
            _places(question.mentions, question.chunk.start),
            [known.iri for known in question.classes],
            [known.iri for known in question.properties],
        )
        return await self._answer("entities", asked, EntityAnswer, lambda: self._extractor.entities(question))

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        """Return the answer, from the cache where it is there; then it costs nothing."""
        asked = (
            question.chunk.text,
            [(c.text, c.types, _places(c.mentions, question.chunk.start)) for c in question.candidates],
            [known.iri for known in question.properties],
        )
        return await self._answer("relations", asked, RelationAnswer, lambda: self._extractor.relations(question))

    async def joint(self, question: JointQuestion) -> JointAnswer:
        """Return the answer, from the cache where it is there; then it costs nothing.

        Raises `UsageError` when the extractor answers in stages only.
        """
        asked = (
            question.chunk.text,
            [known.iri for known in question.classes],
            [known.iri for known in question.properties],
        )
        extractor = self._jointly
        if extractor is None:
            raise UsageError(f"{self.identity.name} answers in stages only: use the strategy staged")
        return await self._answer("joint", asked, JointAnswer, lambda: extractor.joint(question))

    async def _answer(
        self, kind: str, asked: object, shape: type[Answer], ask: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        state = sha256(self._scope)
        state.update(msgspec.json.encode((kind, asked)))
        key = state.hexdigest()
        known = await self._cache.get(key)
        if known is not None:
            return replace(msgspec.json.decode(known, type=shape), usage=NOTHING)
        answer = await ask()
        self._cache.put(key, msgspec.json.encode(answer).decode())
        return answer


def _places(mentions: Sequence[Mention], start: int) -> list[tuple[int, int, str]]:
    return [(mention.span.start - start, mention.span.end - start, mention.hint) for mention in mentions]
