"""Work: a request to a model as it was understood, and what is written in answer to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Protocol

import msgspec

from lithograph.extraction.prompts.messages import prompt_in, task_of, text_of
from lithograph.ontology.model import Ontology
from lithograph.testing.fake_model.answers import Answerer
from lithograph.testing.fake_model.embeddings import EmbeddingsAsk, embeddings_answer
from lithograph.testing.fake_model.faults import EMBEDDINGS, OTHER, Fault
from lithograph.testing.fake_model.minimal import minimal
from lithograph.testing.fake_model.shapes import Ask, Completion, Dialect, Finish, tokens_in
from lithograph.testing.fake_model.spoil import spoiled

_MOST_PROMPTS: Final = 8_192
"""Prompts whose answers are remembered, at most; then they are forgotten as a whole."""
_KEY_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Prompted:
    """What a request is about: the beginning of its prompt's SHA-256, the task, and the document's text in it."""

    key: str
    task: str
    model: str
    text: str


@dataclass(frozen=True, slots=True)
class Written:
    """The body of an answer; `good` when it is all that was asked for."""

    body: bytes
    tokens: int
    good: bool


class Work(Protocol):
    """A request that a model can answer."""

    @property
    def prompted(self) -> Prompted:
        """Return what it is about."""
        ...

    @property
    def tokens(self) -> int:
        """Return the tokens of its input."""
        ...

    def write(self, fault: Fault | None, number: int, now: datetime) -> Written:
        """Return the `number`-th answer, with a fault in its writing if that is one."""
        ...


@dataclass(frozen=True, slots=True)
class ChatWork:
    """A prompt with the right answer to it."""

    prompted: Prompted
    ask: Ask
    answer: str
    dialect: Dialect

    @property
    def tokens(self) -> int:
        """Return the tokens of all messages."""
        return tokens_in(self.ask.characters)

    def write(self, fault: Fault | None, number: int, now: datetime) -> Written:
        """Return the body of the answer, cut where it is longer than was allowed."""
        right = Completion(self.answer)
        said = (spoiled(right, fault) if fault else right).within(self.ask.allowed)
        good = said == right and said.finish is Finish.STOP
        return Written(self.dialect.answer(self.ask, said, number, now), said.tokens, good)


@dataclass(frozen=True, slots=True)
class VectorWork:
    """Texts that vectors are wanted of."""

    ask: EmbeddingsAsk

    @property
    def prompted(self) -> Prompted:
        """Return the texts as one."""
        text = "\n".join(self.ask.texts)
        return Prompted(_key(text), EMBEDDINGS, self.ask.model, text)

    @property
    def tokens(self) -> int:
        """Return the tokens of all texts."""
        return self.ask.tokens

    def write(self, fault: Fault | None, number: int, now: datetime) -> Written:  # noqa: ARG002  # all are the same
        """Return the body with the vectors."""
        return Written(embeddings_answer(self.ask), 0, good=True)


@dataclass(frozen=True, slots=True)
class _Read:
    """A prompt that was read; `answer` is None when it is none of ours."""

    key: str
    task: str
    text: str
    answer: str | None


class Desk:
    """Takes requests to chat models. It remembers its answers, since a prompt is often sent again."""

    def __init__(self, ontologies: Sequence[Ontology]) -> None:
        self._answerer = Answerer(ontologies)
        self._read: dict[str, _Read] = {}

    async def warm(self) -> None:
        """Load what the first answer needs, so that it takes no longer than the others."""
        await self._answerer.warm()

    async def take(self, ask: Ask, dialect: Dialect) -> ChatWork:
        """Return a request with its answer; raises `InputError` when its prompt is broken."""
        read = self._read.get(ask.prompt)
        if read is None:
            if len(self._read) >= _MOST_PROMPTS:
                self._read.clear()
            read = self._read[ask.prompt] = await self._reading(ask.prompt)
        answer = _fallback(ask) if read.answer is None else read.answer
        return ChatWork(Prompted(read.key, read.task, ask.model, read.text), ask, answer, dialect)

    async def _reading(self, content: str) -> _Read:
        prompt = prompt_in(content)
        if prompt is None:
            return _Read(_key(content), OTHER, content, None)
        answer = msgspec.json.encode(await self._answerer.answer(prompt)).decode()
        return _Read(_key(content), task_of(prompt), text_of(prompt), answer)


def _key(content: str) -> str:
    return sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]


def _fallback(ask: Ask) -> str:
    """Return an answer to a prompt that is none of ours: of the schema where there is one."""
    if ask.schema is None:
        return "ok"
    return msgspec.json.encode(minimal(ask.schema) if ask.schema else {}).decode()
