"""Limits: requests and tokens per minute as providers keep them, with a bucket that is refilled all the time.

A bucket holds a minute's worth and begins full. A request is let in when the bucket of requests holds one and that of
tokens holds its input; its output is taken out when it is known, so that the bucket may go below nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from lithograph.testing.fake_model.faults import FaultSpec

_SLACK = 1e-3
"""What counting in binary fractions may lack of a whole request."""


class Limited(StrEnum):
    """Which limit was reached."""

    REQUESTS = "rpm"
    TOKENS = "tpm"
    CONCURRENCY = "concurrency"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit that a request would exceed; after `seconds` it would not. `size` is the limit itself."""

    limited: Limited
    size: int
    used: int
    requested: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Level:
    """How full a bucket is; it is full again after `reset` seconds."""

    size: int
    remaining: int
    reset: float


@dataclass(slots=True)
class Bucket:
    """`size` per minute; `clock` gives seconds that only grow."""

    size: int
    clock: Callable[[], float]
    _held: float = field(init=False)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._held, self._at = float(self.size), self.clock()

    def level(self) -> Level:
        """Return how full it is now."""
        self._refill()
        return Level(self.size, max(0, int(self._held + _SLACK)), (self.size - self._held) * 60 / self.size)

    def seconds_until(self, amount: int) -> float:
        """Return after how many seconds it holds `amount`, or is full, when nothing else is taken; 0 when it does."""
        self._refill()
        missing = min(amount, self.size) - self._held
        return missing * 60 / self.size if missing > _SLACK else 0.0

    def take(self, amount: int) -> None:
        """Take `amount` out, whether it is there or not."""
        self._refill()
        self._held -= amount

    def _refill(self) -> None:
        now = self.clock()
        self._held = min(float(self.size), self._held + (now - self._at) * self.size / 60)
        self._at = now


class Limits:
    """The limits that a spec sets, and how much of them is used."""

    def __init__(self, spec: FaultSpec, clock: Callable[[], float]) -> None:
        self.requests = Bucket(spec.rpm, clock) if spec.rpm else None
        self.tokens = Bucket(spec.tpm, clock) if spec.tpm else None
        self._concurrency = spec.concurrency

    def refusal(self, tokens: int, in_work: int) -> Refusal | None:
        """Return why a request with `tokens` of input cannot be let in while `in_work` others are; None when it is let
        in and counted.
        """
        if self._concurrency is not None and in_work >= self._concurrency:
            return Refusal(Limited.CONCURRENCY, self._concurrency, in_work, 1, 1.0)
        for limited, bucket, amount in ((Limited.REQUESTS, self.requests, 1), (Limited.TOKENS, self.tokens, tokens)):
            seconds = bucket.seconds_until(amount) if bucket else 0.0
            if bucket and seconds:
                return Refusal(limited, bucket.size, bucket.size - bucket.level().remaining, amount, seconds)
        if self.requests:
            self.requests.take(1)
        if self.tokens:
            self.tokens.take(tokens)
        return None

    def settle(self, tokens: int) -> None:
        """Take the `tokens` of an output."""
        if self.tokens:
            self.tokens.take(tokens)
