"""Rates: how many requests one key may make, as a bucket that fills steadily and overflows at a burst."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_MOST: Final = 10_000
"""Buckets that are remembered; a forgotten one is full."""


@dataclass(slots=True)
class Rates:
    """The buckets of a process, used on one loop; `now` is in seconds."""

    per_second: float
    burst: int
    now: Callable[[], float] = time.monotonic
    _buckets: "OrderedDict[str, tuple[float, float]]" = field(default_factory=OrderedDict)

    def wait(self, whose: str) -> float:
        """Take one request of somebody's; return 0, or the seconds until there is one again when there is none."""
        now = self.now()
        left, at = self._buckets.pop(whose, (float(self.burst), now))
        left = min(float(self.burst), left + (now - at) * self.per_second)
        allowed = left >= 1
        self._buckets[whose] = (left - 1 if allowed else left, now)
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.per_second
