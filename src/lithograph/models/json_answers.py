"""JSON answers: the JSON that a model was asked for, out of what it wrote.

Models wrap it: in a fence, in prose before and after, behind their thoughts, in a string of JSON. All of that is
undone. Whatever could make another object of it is not: an answer that stops in the middle is no shorter answer, a
broken one is not mended, the part of one is never taken for the whole, and of two that differ neither is chosen. Each
has its own error, since each has its own remedy: split the chunk, ask again, give up.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeAlias

from lithograph.errors import EmptyAnswerError, MalformedError, RefusalError, TruncatedError
from lithograph.models.json_scan import DEEPEST, End, scan, string_end
from lithograph.models.wire import Finish, WireAnswer

Json: TypeAlias = dict[str, object] | list[object]
"""A JSON object or array. Nothing else is ever asked for."""

_WRAPPINGS = 3
"""Strings in strings that are unwrapped: a bound, not a habit of any model."""

_THOUGHTS = r"(?:think|thinking|reasoning)>"
_OPENED = re.compile(rf"\s*<{_THOUGHTS}", re.IGNORECASE)
_CLOSED = re.compile(rf"</{_THOUGHTS}", re.IGNORECASE)
_CLOSED_ONLY = re.compile(rf"^[ \t]*</{_THOUGHTS}", re.IGNORECASE | re.MULTILINE)
"""The end of thoughts whose beginning a chat template has swallowed: on a line of its own, so never in a string."""

_JSON_IN_STRING = re.compile(r'"\s*(?:\{\s*\\|\[)')
_OPENING = re.compile(r"(?:```\w*\s*)?\{")
_BRACKET = re.compile(r"[\[\]{}]")
_HALF = re.compile(r"[\ud800-\udfff]|\\u[dD][89a-fA-F]")


def json_of(answer: WireAnswer) -> Json:
    """Return the object or array that a model answered with.

    Raises `RefusalError`, `TruncatedError`, also when its JSON stops in the middle although the model says that it was
    done, `EmptyAnswerError`, and `MalformedError` for prose, broken JSON, and more than one answer.
    """
    if answer.finish is Finish.REFUSAL:
        raise RefusalError(f"the model or a filter declined{f': {_shown(answer.text)}' if answer.text else ''}")
    if answer.finish is Finish.LENGTH:
        raise TruncatedError("the answer reached its limit of tokens")
    return json_in(answer.text)


def json_in(text: str) -> Json:
    """Return the only object or array in a text, whatever it is wrapped in.

    The same object twice is one. Lists of plain values beside an object are prose: "as said in [1]". Raises
    `TruncatedError`, `EmptyAnswerError` and `MalformedError` as `json_of` does. Takes time in proportion to the length.
    """
    if text.startswith("{") and text.endswith("}"):
        with suppress(MalformedError, RecursionError):  # it is wrapped after all, or broken: that takes a closer look
            value = _parsed(text)
            if _depth(value) <= DEEPEST:
                return value
    text = _unwrapped(text)
    if not text:
        raise EmptyAnswerError("the model answered nothing")
    found = [_parsed(text[start:end]) for start, end in _whole(text)]
    answers = [value for value in found if not _plain(value)] or found
    if any(value != answers[0] for value in answers):
        raise MalformedError("the answer holds several JSON values that differ")
    return answers[0]


def _unwrapped(text: str) -> str:
    """Return a text without thoughts, and what it means when all of it, or of the fence that it is, is a string."""
    text = text[_past_thoughts(text) :].strip()
    for _ in range(_WRAPPINGS):
        fenced = text.startswith("```") and text.endswith("```")
        inner = text[text.find("\n") + 1 : -3].strip() if fenced else text
        end, at = string_end(inner, 0) if inner.startswith('"') else (End.BROKEN, 0)
        if end is End.CUT and _JSON_IN_STRING.match(inner):
            raise TruncatedError("the answer stops in the middle of a string that holds its JSON")
        if end is not End.WHOLE or at < len(inner):
            break
        text = str(json.loads(inner, strict=False)).strip()
    return text


def _past_thoughts(text: str) -> int:
    at = 0
    while opened := _OPENED.match(text, at):
        closed = _CLOSED.search(text, opened.end())
        if closed is None:
            raise TruncatedError("the answer stops before the model's thoughts end")
        at = closed.end()
    if at == 0 and (closed := _CLOSED_ONLY.search(text)):
        at = closed.end()
    return at


def _whole(text: str) -> Iterator[tuple[int, int]]:
    """Yield where objects and arrays stand that are whole and in no other bracket; at least one.

    What stands in a bracket that is no JSON may be a part of a broken answer, and so may what a bracket closes that
    nothing opened. A bracket is prose only when nothing of JSON follows it, and when it does not open the answer.
    """
    at, none = 0, True
    closers: list[str] = []
    opening = _OPENING.match(text)
    while bracket := _BRACKET.search(text, at):
        start = bracket.start()
        if bracket[0] in "]}":
            if not closers or closers.pop() != bracket[0]:
                raise MalformedError(f"the answer closes a bracket that it never opened, {_near(text, start)}")
            at = start + 1
            continue
        found = scan(text, start)
        if found.end is End.CUT:
            raise TruncatedError("the answer stops in the middle of its JSON")
        if found.end is End.BROKEN and (found.held or (opening and opening.end() == bracket.end())):
            raise MalformedError(f"the answer is broken JSON, {_near(text, found.at)}")
        if found.end is End.WHOLE and not closers:
            none = False
            yield start, found.at
        at = found.at
        closers += found.closers
        if found.end is End.TOO_DEEP or len(closers) > DEEPEST:
            raise MalformedError(f"the answer is nested more than {DEEPEST} brackets deep")
    if none:
        raise MalformedError(f"the answer holds no JSON: {_shown(text)}")


def _parsed(text: str) -> Json:
    """Return the value of an object or array that is known to be whole."""
    try:
        value: Json = json.loads(
            text, strict=False, object_pairs_hook=_object, parse_float=_number, parse_constant=_number
        )
    except ValueError as error:
        raise MalformedError(f"the answer holds JSON that cannot be read: {error}") from error
    if _HALF.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise MalformedError("the answer holds half a character, which cannot be stored") from error
    return value


def _depth(value: object) -> int:
    """Return how many brackets deep a value is."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0) if isinstance(value, (dict, list)) else 0


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object; a key that has two values has none: taking either loses the other."""
    value: dict[str, object] = {}
    for key, item in pairs:
        if value.setdefault(key, item) != item:
            raise MalformedError(f"the answer gives two values for {_shown(key)} in one object")
    return value


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedError(f"the answer holds a number that is too large: {_shown(text)}")
    return number


def _plain(value: Json) -> bool:
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)


def _near(text: str, at: int) -> str:
    return f"near {_shown(text[max(0, at - 30) : at + 30])}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
