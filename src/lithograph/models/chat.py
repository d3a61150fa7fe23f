"""Chat: what a language model is asked and how it answers, whoever provides it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from lithograph.models.wire import WireAnswer

Heard = Callable[[Mapping[str, str]], None]
"""Is told the headers of every answer, of an error too: they say what is left of a rate limit. Names in lower case."""


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request: `task` names it, `system` instructs, `turns` begin with the data, `schema` (JSON Schema) constrains
    the answer, which may take `max_tokens`.
    """

    task: str
    system: str
    turns: tuple[Turn, ...]
    schema: Mapping[str, object]
    max_tokens: int

    @property
    def characters(self) -> int:
        """How long everything is that is sent, the schema aside."""
        return len(self.system) + sum(len(turn.text) for turn in self.turns)


class ChatModel(Protocol):
    """A language model. It sends a request once; trying again, waiting and limits are the caller's.

    Safe to use for many requests at once.
    """

    @property
    def name(self) -> str:
        """Return what the model is called everywhere: the provider and its own name, `openai:gpt-5-mini`."""
        ...

    async def send(self, request: ChatRequest, heard: Heard) -> WireAnswer:
        """Return the answer, also one that was cut short or refused.

        Raises the transient errors of a provider, `RejectedError`, and the `AnswerError` that a provider's error means;
        no message of theirs holds a key.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections that are open."""
        ...
