"""Scan: where JSON stands in a text, whether it ends there, and whether it breaks.

One pass, however hostile the text is: what was looked at once is never looked at again, also where it turns out to be
no JSON. Nesting is bounded, so that nothing behind this runs out of stack.
"""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

DEEPEST = 100
"""Levels of brackets, at most."""


class End(StrEnum):
    """How a scan ended: the value is whole, the text stops in the middle of it, it breaks, it is nested too deeply."""

    WHOLE = "whole"
    CUT = "cut"
    BROKEN = "broken"
    TOO_DEEP = "too_deep"


@dataclass(frozen=True, slots=True)
class Scan:
    """How a value ended; `at` is behind its end, or where it breaks.

    `closers` are the brackets that would close what is open there, the outermost first. `held` tells whether it got as
    far as a string, a number or a literal.
    """

    end: End
    at: int
    closers: tuple[str, ...]
    held: bool


_SPACE = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"[^"\\]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\]*+)*+')
"""A string without its last quote. Raw line breaks in it are let through, as models write them."""

_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?")
_WORD = re.compile(r"[-+.\w]++")
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?", re.ASCII)
_CUT_NUMBER = re.compile(r"-?[0-9]*+(?:\.[0-9]*+)?(?:[eE][+-]?[0-9]*+)?")
_LITERALS = ("true", "false", "null")
CLOSES = {"{": "}", "[": "]"}
"""The bracket that closes each that opens."""


class _Awaited(Enum):
    """What comes next. The first value of an array and the first key of an object may be missing."""

    VALUE = auto()
    FIRST_VALUE = auto()
    KEY = auto()
    FIRST_KEY = auto()
    COLON = auto()
    AFTER = auto()


_MAY_CLOSE = (_Awaited.FIRST_VALUE, _Awaited.FIRST_KEY, _Awaited.AFTER)
_MAY_HOLD = (_Awaited.VALUE, _Awaited.FIRST_VALUE)
_MAY_NAME = (_Awaited.KEY, _Awaited.FIRST_KEY)


def scan(text: str, start: int) -> Scan:
    """Return how the object or array that opens at `start` ends."""
    scanner = _Scanner(text, start)
    while (end := scanner.step()) is None:
        pass
    return Scan(end, scanner.at, tuple(scanner.closers), scanner.held)


class _Scanner:
    """A walk through one value, a token at a step."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._awaited = _Awaited.VALUE
        self.at = start
        self.closers: list[str] = []
        self.held = False

    def step(self) -> End | None:
        """Take the next token; return how the value ends, none while it goes on."""
        self.at = _past_space(self._text, self.at)
        if _stops(self._text, self.at):
            return End.CUT
        character = self._text[self.at]
        if character in "}]":
            return self._close(character)
        if character in "{[":
            return self._open(character)
        if character in ",:":
            return self._separate(character)
        return self._atom()

    def _open(self, character: str) -> End | None:
        if self._awaited not in _MAY_HOLD:
            return End.BROKEN
        if len(self.closers) == DEEPEST:
            return End.TOO_DEEP
        self.closers.append(CLOSES[character])
        self._awaited = _Awaited.FIRST_KEY if character == "{" else _Awaited.FIRST_VALUE
        self.at += 1
        return None

    def _close(self, character: str) -> End | None:
        if self._awaited not in _MAY_CLOSE or character != self.closers[-1]:
            return End.BROKEN
        self.closers.pop()
        self._awaited = _Awaited.AFTER
        self.at += 1
        return None if self.closers else End.WHOLE

    def _separate(self, character: str) -> End | None:
        if self._awaited is not (_Awaited.COLON if character == ":" else _Awaited.AFTER):
            return End.BROKEN
        in_object = self.closers[-1] == "}"
        self._awaited = _Awaited.KEY if character == "," and in_object else _Awaited.VALUE
        self.at += 1
        return None

    def _atom(self) -> End | None:
        """Take a string, a number or a literal."""
        if self._awaited not in _MAY_HOLD + _MAY_NAME:
            return End.BROKEN
        if self._text[self.at] == '"':
            end, self.at = string_end(self._text, self.at)
        elif self._awaited in _MAY_HOLD:
            end, self.at = _word_end(self._text, self.at)
        else:
            return End.BROKEN
        if end is not End.WHOLE:
            return end
        self._awaited = _Awaited.COLON if self._awaited in _MAY_NAME else _Awaited.AFTER
        self.held = True
        return None


def string_end(text: str, start: int) -> tuple[End, int]:
    """Return how the string that opens at `start` ends, and behind which character."""
    opened = _STRING.match(text, start)
    if opened is None:
        return End.BROKEN, start
    at = opened.end()
    if text.startswith('"', at):
        return End.WHOLE, at + 1
    escape = _CUT_ESCAPE.match(text, at)
    return (End.CUT if at == len(text) or (escape and _stops(text, escape.end())) else End.BROKEN), at


def _word_end(text: str, start: int) -> tuple[End, int]:
    """Return how the number or literal ends that begins at `start`."""
    word = _WORD.match(text, start)
    if word is None:
        return End.BROKEN, start
    if _SCALAR.fullmatch(word[0]):
        return End.WHOLE, word.end()
    begun = _CUT_NUMBER.fullmatch(word[0]) or any(literal.startswith(word[0]) for literal in _LITERALS)
    return (End.CUT if begun and _stops(text, word.end()) else End.BROKEN), word.end()


def _stops(text: str, at: int) -> bool:
    """Whether nothing more comes, or the fence around an answer, which outlives what was cut in it."""
    at = _past_space(text, at)
    return at == len(text) or text.startswith("```", at)


def _past_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
