"""Retry: how often, and how long to wait in between."""

import random
from dataclasses import dataclass

from lithograph.errors import UsageError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries` after the first try; waits are seconds, drawn from 0 to `first * 2**n`, at most `longest`.

    Full jitter, after Brooker, Exponential Backoff and Jitter (AWS Architecture Blog, 2015).
    """

    retries: int = 3
    first: float = 1.0
    longest: float = 30.0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.first < 0 or self.longest < 0:
            raise UsageError("retries and their waits must not be negative")

    def wait(self, attempt: int, chance: random.Random) -> float:
        """Return the seconds to wait after try number `attempt`, counted from 1."""
        return chance.uniform(0.0, min(self.longest, self.first * 2 ** (attempt - 1)))
