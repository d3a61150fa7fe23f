"""Prices: what tokens of a model cost, as far as it is known.

The prices that come with the package are as old as they say; those of a user's file, which has the same form, take
their place:

    {"models": {"openai:gpt-5-mini": {"input": 0.25, "cached_input": 0.025, "output": 2.0, "as_of": "2026-03-31"}}}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from lithograph.domain.usage import Usage
from lithograph.errors import UsageError

PRICES_FILE: Final = "prices.json"
_MILLION: Final = 1_000_000
_EVERY: Final = "*"
_VERSION: Final = re.compile(
    r"(?:[-@](?:latest|preview|exp|experimental|stable|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{2}-\d{2}|\d{3,8}))*"
)
"""What follows a model's name when it is the same model: a date, a number of several digits, a stage."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of input, of the input among it that was cached, and of output.

    `as_of` is the day on which that was so, in ISO 8601; empty where it is not said.
    """

    input: float
    cached_input: float
    output: float
    as_of: str = ""

    def cost(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> float:
        """Return US dollars; `input_tokens` counts all input, the cached too."""
        cached = min(cached_tokens, input_tokens)
        dollars = (input_tokens - cached) * self.input + cached * self.cached_input + output_tokens * self.output
        return dollars / _MILLION


def charged(price: Price | None, input_tokens: int, output_tokens: int = 0, cached_tokens: int = 0) -> Usage:
    """Return what one call uses; where no price is known, its cost counts as nothing."""
    cost = price.cost(input_tokens, cached_tokens, output_tokens) if price else 0.0
    return Usage(1, input_tokens, output_tokens, cost)


_FIELDS: Final = tuple(field.name for field in fields(Price))
_NOTE: Final = "note"


class PriceTable:
    """The prices of models by their names, such as `openai:gpt-5-mini`; `ollama:*` is all that begin so."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)
        self._longest_first = sorted(self._prices, key=len, reverse=True)

    @classmethod
    def load(cls, path: Path | None = None) -> "PriceTable":
        """Return the prices that come with the package, those of a file in their place where it has any.

        Raises `UsageError` that names the file, and the model and the field where one is wrong.
        """
        own = files("lithograph.models").joinpath(PRICES_FILE).read_bytes()
        prices = _read(own, PRICES_FILE)
        if path is not None:
            try:
                prices |= _read(path.read_bytes(), str(path))
            except OSError as error:
                raise UsageError(f"the prices {path} cannot be read: {error.strerror}") from error
        return cls(prices)

    def price(self, name: str) -> Price | None:
        """Return the price of a model; None when it is not known.

        A version of a model costs what the model costs: `openai:gpt-5-mini-2025-08-07` is an `openai:gpt-5-mini`, and
        no `openai:gpt-5`.
        """
        if name in self._prices:
            return self._prices[name]
        return next((self._prices[known] for known in self._longest_first if _covers(known, name)), None)


def _covers(known: str, name: str) -> bool:
    if known.endswith(_EVERY):
        return name.startswith(known.removesuffix(_EVERY))
    return name.startswith(known) and _VERSION.fullmatch(name, len(known)) is not None


def _read(data: bytes, source: str) -> dict[str, Price]:
    try:
        content: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the prices {source} are no JSON: {error}") from error
    models = content.get("models") if isinstance(content, dict) else None
    if not isinstance(models, dict):
        raise UsageError(f'the prices {source} are not of the form {{"models": {{NAME: {{"input": ..., ...}}}}}}')
    return {name: _price(entry, f"the prices {source}: model {name!r}") for name, entry in models.items()}


def _price(entry: object, where: str) -> Price:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} has to be an object with 'input' and 'output'")
    unknown = sorted(set(entry) - {*_FIELDS, _NOTE})
    if unknown:
        raise UsageError(f"{where} has the field {unknown[0]!r}, which is none of {', '.join(_FIELDS)}")
    paid = _dollars(entry, "input", where)
    cached = _dollars(entry, "cached_input", where) if "cached_input" in entry else paid
    return Price(paid, cached, _dollars(entry, "output", where), _day(entry, where))


def _dollars(entry: Mapping[str, object], name: str, where: str) -> float:
    if name not in entry:
        raise UsageError(f"{where} lacks the field {name!r}")
    value = entry[name]
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{where}: {name!r} has to be US dollars per million tokens, 0 or more, and not {value!r}")
    return float(value)


def _day(entry: Mapping[str, object], where: str) -> str:
    day = entry.get("as_of", "")
    try:
        return str(day) and date.fromisoformat(str(day)).isoformat()
    except ValueError as error:
        raise UsageError(f"{where}: 'as_of' has to be a day such as 2026-03-31, and not {day!r}") from error
