"""Structured answers: asked for with a schema, checked against a type, asked for again with what was wrong.

Only a valid answer leaves here. One that was cut short is asked for again with twice the room; when that does not help
either, it is the caller's turn to ask for less.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import msgspec

from lithograph.domain.usage import NOTHING, Usage
from lithograph.errors import AnswerError, MalformedError, RejectedError, TruncatedError
from lithograph.models.caller import Asks
from lithograph.models.chat import ChatRequest, Role, Turn
from lithograph.models.json_answers import Json, json_of
from lithograph.models.wire import Finish

Shape = TypeVar("Shape")

REPAIRS = 2
"""How often an answer that cannot be used is asked for again."""

_MOST_SHOWN = 4_000
"""Characters of a wrong answer that the model is shown again."""


@dataclass(frozen=True, slots=True)
class Structured(Generic[Shape]):
    """A valid answer, and what it cost with those before it that were not."""

    value: Shape
    usage: Usage


class CutShortError(TruncatedError):
    """Every answer was cut short; `usage` is what they did cost."""

    def __init__(self, message: str, usage: Usage) -> None:
        super().__init__(message)
        self.usage = usage


async def ask_structured(asks: Asks, request: ChatRequest, check: Callable[[Json], Shape]) -> Structured[Shape]:
    """Return a valid answer to `request`.

    `check` makes a value of the answer's JSON, or raises `MalformedError`. Raises the last answer's `AnswerError` when
    none of three was valid, `CutShortError` when two reached their limit of tokens, or one did and more is refused, and
    what `Asks.ask` raises.
    """
    usage, turns, full = NOTHING, request.turns, False
    for repair in range(REPAIRS + 1):
        try:
            reply = await asks.ask(request)
        except RejectedError as error:
            if not full:
                raise
            # A model has a limit of its own. Whatever else it may be is said about the next, smaller request.
            raise CutShortError(f"the answer was cut short, and more room is refused: {error}", usage) from error
        usage += reply.usage
        try:
            return Structured(check(json_of(reply.answer)), usage)
        except TruncatedError as error:
            if full or repair == REPAIRS:
                raise CutShortError(str(error), usage) from error
            full = reply.answer.finish is Finish.LENGTH
            request = replace(request, turns=turns, max_tokens=(1 + full) * request.max_tokens)
        except MalformedError as error:
            if repair == REPAIRS:
                raise
            said = Turn(Role.ASSISTANT, reply.answer.text[:_MOST_SHOWN] or "{}")
            wanted = Turn(Role.USER, f"That cannot be used: {error}. Answer again, with the JSON object alone.")
            request = replace(request, turns=(*turns, said, wanted))
        except AnswerError:
            if repair == REPAIRS:
                raise
    raise AssertionError("the last repair returns or raises")


def of_type(shape: type[Shape]) -> Callable[[Json], Shape]:
    """Return a check that makes a `shape` of an answer."""

    def check(json: Json) -> Shape:
        try:
            return msgspec.convert(json, shape)
        except msgspec.ValidationError as error:
            raise MalformedError(f"the answer is not of the schema: {error}") from error

    return check
