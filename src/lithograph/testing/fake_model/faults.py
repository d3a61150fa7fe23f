"""Faults: what goes wrong on purpose, how often and for which requests, as said by a line such as

    429:0.05,timeout:0.01,seed=7        of a hundred requests about five get a 429, and about one never an answer
    500:1,match=Dunholm                 every prompt whose text holds `Dunholm` fails
    503:1,task=relations,first=3        the first three prompts for relations fail
    outage=10-30                        nothing works from 10 to 30 seconds after the first request
    rpm=600,tpm=100000,concurrency=20   limits that are kept

Each request draws a number that depends on the seed and on how many were drawn before it; the probabilities of the
kinds add up. `task`, `match` and `first` narrow which requests draw at all.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final, Self, TypeVar

from lithograph.errors import UsageError
from lithograph.extraction.prompts.messages import TASKS

EMBEDDINGS: Final = "embeddings"
OTHER: Final = "other"
"""The task of a prompt that is not one of Lithograph's."""
_TASKS: Final = (*TASKS, EMBEDDINGS, OTHER)
_CHANCE: Final = re.compile(r"(?P<kind>[a-z0-9-]+)(?:=(?P<seconds>[^:]*))?:(?P<probability>[^:]*)")
_SETTINGS: Final = ("outage", "rpm", "tpm", "concurrency", "seed", "task", "match", "first")
_NAMES: Final = ", ".join(_SETTINGS)

Read = TypeVar("Read")
Default = TypeVar("Default")


class Fault(StrEnum):
    """What can go wrong with a request."""

    RATE_LIMITED = "429"
    """Too many requests; it is not said for how long."""
    RATE_LIMITED_AFTER = "429-after"
    """Too many requests; `Retry-After` says the seconds, 1 where none are given."""
    ERROR = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    """As Anthropic says it, whoever is asked."""
    TIMEOUT = "timeout"
    """No answer until the client gives up."""
    DROP = "drop"
    """The connection is closed without an answer."""
    CUT = "cut"
    """The connection is closed in the middle of the answer's body."""
    DRIP = "drip"
    """The body comes a few bytes at a time, over 3 seconds where none are given."""
    TRUNCATED = "truncated"
    """The JSON ends in the middle, and nothing says so."""
    LENGTH = "length"
    """The JSON ends in the middle, as if it had become too long."""
    FENCED = "fenced"
    """The JSON stands between Markdown fences."""
    PROSE = "prose"
    """The JSON stands between sentences."""
    REFUSAL = "refusal"
    EMPTY = "empty"
    MALFORMED = "malformed"
    """JSON, but not of the schema."""


SECONDS: Final = {Fault.RATE_LIMITED_AFTER: 1.0, Fault.DRIP: 3.0}
"""The kinds that take seconds, and how many when none are given."""

IN_THE_ANSWER: Final = frozenset((
    Fault.TRUNCATED, Fault.LENGTH, Fault.FENCED, Fault.PROSE, Fault.REFUSAL, Fault.EMPTY, Fault.MALFORMED,
))  # fmt: skip
"""What a model can do wrong when it writes. Vectors are not written: requests for them do not draw these."""


@dataclass(frozen=True, slots=True)
class Chance:
    """How often a fault happens, from 0 to 1; `seconds` counts for the kinds that take some."""

    fault: Fault
    probability: float
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """Which faults happen when; by default none ever. Limits are per minute, an outage is in seconds."""

    chances: tuple[Chance, ...] = ()
    outage: tuple[float, float] | None = None
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    seed: int = 0
    task: str = ""
    match: str = ""
    first: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what a line says; an empty one says that nothing goes wrong. Raises `UsageError`."""
        chances: list[Chance] = []
        settings: dict[str, str] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (part.strip() for part in item.partition("="))
            if name in _SETTINGS and value:
                settings[name] = value
            else:
                chances.append(_chance(item))
        total = sum(chance.probability for chance in chances)
        if total > 1 + 1e-9:
            raise UsageError(f"the probabilities of the faults add up to {total:g}; they may be 1 at most")

        def read(name: str, reader: Callable[[str, str], Read], default: Default) -> Read | Default:
            return reader(settings[name], f"{name}={settings[name]}") if name in settings else default

        return cls(
            chances=tuple(chances),
            outage=read("outage", _outage, None),
            rpm=read("rpm", _limit, None),
            tpm=read("tpm", _limit, None),
            concurrency=read("concurrency", _limit, None),
            seed=read("seed", _count, 0),
            task=read("task", _task, ""),
            match=settings.get("match", ""),
            first=read("first", _count, None),
        )


def _misunderstood(item: str, how: str) -> UsageError:
    return UsageError(f"the fault {item!r} is not understood: {how}")


def _chance(item: str) -> Chance:
    found = _CHANCE.fullmatch(item)
    if not found or found["kind"] not in frozenset(Fault):
        raise _misunderstood(item, f"give KIND:PROBABILITY, of {', '.join(Fault)}; or NAME=VALUE, of {_NAMES}")
    fault, probability = Fault(found["kind"]), _number(found["probability"], item)
    if probability > 1:
        raise _misunderstood(item, "a probability lies between 0 and 1")
    if found["seconds"] is None:
        return Chance(fault, probability, SECONDS.get(fault, 0.0))
    if fault not in SECONDS:
        raise _misunderstood(item, f"only {' and '.join(SECONDS)} take seconds")
    return Chance(fault, probability, _number(found["seconds"], item))


def _number(text: str, item: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise _misunderstood(item, f"{text!r} is no number of 0 or more")
    return number


def _count(text: str, item: str) -> int:
    if not text.isdecimal():
        raise _misunderstood(item, f"{text!r} is no whole number")
    return int(text)


def _limit(text: str, item: str) -> int:
    if _count(text, item) < 1:
        raise _misunderstood(item, "a limit is at least 1")
    return int(text)


def _outage(text: str, item: str) -> tuple[float, float]:
    start, dash, end = text.partition("-")
    if not dash or _number(start, item) >= _number(end, item):
        raise _misunderstood(item, "give its beginning and its end in seconds, as outage=10-30")
    return float(start), float(end)


def _task(text: str, item: str) -> str:
    if text not in _TASKS:
        raise _misunderstood(item, f"a task is one of {', '.join(_TASKS)}")
    return text


class Schedule:
    """Says which requests fail. It begins with its first request; `clock` gives seconds that only grow."""

    def __init__(self, spec: FaultSpec, clock: Callable[[], float]) -> None:
        self.spec, self._clock = spec, clock
        self._began: float | None = None
        self._drawn = 0

    def out(self) -> bool:
        """Whether the provider is down when a request comes now."""
        now = self._clock()
        if self._began is None:
            self._began = now
        return self.spec.outage is not None and self.spec.outage[0] <= now - self._began < self.spec.outage[1]

    def draw(self, task: str, text: str) -> Chance | None:
        """Return what goes wrong with the next request, which is about `text`; None when nothing does."""
        if self.spec.task not in ("", task) or self.spec.match not in text or self._drawn == self.spec.first:
            return None
        self._drawn += 1
        number = _drawn(self.spec.seed, self._drawn)
        for chance in self.spec.chances:
            if task == EMBEDDINGS and chance.fault in IN_THE_ANSWER:
                continue
            if number < chance.probability:
                return chance
            number -= chance.probability
        return None


def _drawn(seed: int, number: int) -> float:
    """Return a number from 0 to 1, 1 excluded, that is the same for ever."""
    return int.from_bytes(sha256(f"{seed}/{number}".encode()).digest()[:6]) / 2**48
