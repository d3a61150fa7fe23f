"""Shapes: what is asked of a chat model, what it says, and what a provider refuses, whoever's words it is said in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Protocol

import msgspec

from lithograph.testing.fake_model.faults import Fault
from lithograph.testing.fake_model.limits import Limits, Refusal

CHARACTERS_PER_TOKEN = 4
"""What a token is here; about what it is in English."""


def tokens_in(characters: int) -> int:
    """Return how many tokens that many characters are."""
    return -(-characters // CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to a chat model: `characters` are those of all messages, `prompt` is the first that a user wrote.

    `schema` is the JSON schema of the answer where one is asked for, empty where any JSON object will do, and else
    None. `allowed` are the tokens of the answer at most.
    """

    model: str
    prompt: str
    characters: int
    schema: Mapping[str, object] | None = None
    allowed: int | None = None
    streamed: bool = False

    @property
    def complaint(self) -> str:
        """What a provider would object to; empty when there is nothing."""
        return "Unsupported value: 'stream' is not supported here." if self.streamed else ""


class Finish(Enum):
    """Why an answer ends."""

    STOP = auto()
    LENGTH = auto()
    REFUSAL = auto()


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote; a refusal is a text too."""

    text: str
    finish: Finish = Finish.STOP

    @property
    def tokens(self) -> int:
        """Its length in tokens."""
        return tokens_in(len(self.text))

    def within(self, allowed: int | None) -> "Completion":
        """Return it cut to so many tokens, when it is longer."""
        if allowed is None or self.tokens <= allowed:
            return self
        return replace(self, text=self.text[: allowed * CHARACTERS_PER_TOKEN], finish=Finish.LENGTH)


class Problem(StrEnum):
    """Why a provider gives no answer."""

    NO_KEY = "no key"
    WRONG_KEY = "wrong key"
    UNKNOWN_MODEL = "unknown model"
    UNSTRUCTURED = "unstructured"
    BAD_REQUEST = "bad request"
    RATE_LIMITED = "rate limited"
    ERROR = "error"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"


PROBLEMS: Mapping[Fault, Problem] = {
    Fault.RATE_LIMITED: Problem.RATE_LIMITED,
    Fault.RATE_LIMITED_AFTER: Problem.RATE_LIMITED,
    Fault.ERROR: Problem.ERROR,
    Fault.UNAVAILABLE: Problem.UNAVAILABLE,
    Fault.OVERLOADED: Problem.OVERLOADED,
}
"""The faults that are said in the provider's words."""


class Dialect(Protocol):
    """How one provider writes requests, answers and errors. Bodies are JSON."""

    def ask(self, body: bytes) -> Ask:
        """Return what a body asks; raises `msgspec.ValidationError` or `msgspec.DecodeError` for one that asks
        nothing.
        """
        ...

    def answer(self, ask: Ask, completion: Completion, number: int, now: datetime) -> bytes:
        """Return the body of the `number`-th answer."""
        ...

    def problem(self, problem: Problem, about: str, number: int) -> tuple[int, bytes]:
        """Return the status and the body of an error; `about` is the model, the key or what is wrong."""
        ...

    def refusal(self, refusal: Refusal, model: str, number: int) -> bytes:
        """Return the body of a 429 that says which limit was reached."""
        ...

    def headers(self, number: int, limits: Limits, now: datetime) -> dict[str, str]:
        """Return the headers of a reply: its number, and how much of the limits is left."""
        ...


class Part(msgspec.Struct, frozen=True):
    """A part of a message; what is no text counts as none."""

    type: str = "text"
    text: str = ""


def text_in(content: str | tuple[Part, ...] | None) -> str:
    """Return the text of a message."""
    return content if isinstance(content, str) else "\n".join(part.text for part in content or ())
