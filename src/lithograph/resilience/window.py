"""A sliding window: how much was used in the last minute, exactly, and when there is room for more."""

from collections import deque
from dataclasses import dataclass

MINUTE = 60.0
"""Seconds."""


@dataclass(slots=True, eq=False)
class Tally:
    """What was used of something, all uses added up."""

    used: int = 0


@dataclass(slots=True, eq=False)
class Use:
    """An amount that was used at a time; `tally` is None when it counts no more."""

    at: float
    amount: int
    tally: Tally | None

    def correct(self, amount: int) -> None:
        """Replace the amount by what it turned out to be."""
        if self.tally is not None:
            self.tally.used += amount - self.amount
        self.amount = amount


class SlidingWindow(Tally):
    """Keeps every use for as long as it counts: from its time on, and no more after `seconds`.

    `limit` is the most that may be used in a window, None for no limit; it may be set at any time. `used` is what the
    window held when it was last looked at. Times never go back from one call to the next.
    """

    def __init__(self, limit: int | None, seconds: float = MINUTE) -> None:
        super().__init__()
        self.limit = limit
        self._seconds = seconds
        self._uses: deque[Use] = deque()

    def opens(self, amount: int, now: float) -> float:
        """Return when there is room for `amount`: `now`, or the time at which enough will have left.

        An amount above the limit has room when the window is empty.
        """
        self._forget(now)
        if self.limit is None:
            return now
        opens, excess = now, self.used + min(amount, self.limit) - self.limit
        if excess > 0:
            for use in self._uses:
                opens, excess = use.at + self._seconds, excess - use.amount
                if excess <= 0:
                    break
        return opens

    def use(self, amount: int, now: float) -> Use:
        """Count `amount`, at most the limit, from now on; the caller has seen that there is room."""
        use = Use(now, amount if self.limit is None else min(amount, self.limit), self)
        self._uses.append(use)
        self.used += use.amount
        return use

    def _forget(self, now: float) -> None:
        while self._uses and self._uses[0].at + self._seconds <= now:
            use = self._uses.popleft()
            self.used -= use.amount
            use.tally = None
