"""Allowance: room in a minute that many processes share, given to each of them in leases.

A process asks when somebody waits, for what it can begin soon. It is granted some requests and tokens that have to be
begun before a time, and gives them to its own callers as if they were a window of its own. With its next question it
tells what became of them: what is left is given back, what calls used in the end is put right, and since when they
have been with the provider.

What counts is the minute as the provider sees it. When a request reached it nobody here knows, but it was there when
its answer came, and one that has no answer yet was there some time after it was begun.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from lithograph.errors import StorageError
from lithograph.resilience.alarm import Now
from lithograph.resilience.window import MINUTE, Tally, Use

LATE: Final = 2.0
"""Seconds that a request is on its way at most. Where answers take longer, each of these costs 1/60 of the limit."""
_SPACING: Final = 0.5
"""Seconds from one question to the next, in the long run."""
_BURST: Final = 2
"""Questions that may come before their time: a process that begins learns quickly how much it needs."""
_AGAIN: Final = 1.0
"""Seconds until who keeps the minute is asked again when it could not be reached."""
_RECENT: Final = 1.0
"""Seconds for which what was used last says what will be needed next."""
_REMEMBERED: Final = 2 * MINUTE
"""Seconds for which what becomes of a lease is told: longer than any counts."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What became of a grant: what it was used for so far, and how many seconds ago its last call had reached the
    provider at the latest; below zero where that is still to come.
    """

    number: int
    requests: int
    tokens: int
    ago: float


@dataclass(frozen=True, slots=True)
class Demand:
    """What a process asks for: requests and tokens, of which a request with the tokens of the `first` is the least
    that is of use. `known` is the last grant that has come; `spent` is to be told again until it was heard.
    """

    requests: int
    tokens: int
    first: int
    known: int
    spent: tuple[Spent, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """What may be begun before `until`. Asking again is of use from `again` on. Both are times of the limiter's clock.

    With no requests nothing was granted. Each grant of a process has a higher `number` than the one before.
    """

    number: int
    requests: int
    tokens: int
    until: float
    again: float


class Allowance(Protocol):
    """Who keeps the minute of a provider's key for all processes that use it."""

    async def take(self, demand: Demand) -> Grant:
        """Return what is granted now, perhaps nothing. When this is cancelled, what was granted meanwhile is lost
        until the next question. Raises `StorageError` when nobody can be asked.
        """
        ...


@dataclass(slots=True, eq=False)
class _Lease:
    """A grant, and what was used of it. `reached` is when the last of the calls that have ended was with the provider;
    `told` is what was last said of all this.
    """

    grant: Grant
    reached: float
    last: float = -math.inf
    requests: Tally = field(default_factory=Tally)
    tokens: Tally = field(default_factory=Tally)
    under_way: set["LeasedCall"] = field(default_factory=set)
    told: tuple[int, int, float] | None = None

    @property
    def state(self) -> tuple[int, int, float]:
        """What there is to tell: the requests, the tokens, and when all calls are with the provider at the latest."""
        reached = max((call.reaches for call in self.under_way), default=self.reached)
        return self.requests.used, self.tokens.used, max(reached, self.reached)


class LeasedCall:
    """A call that has room in a lease: `request` and `tokens` are what it uses of it."""

    __slots__ = ("_begun", "_lease", "_now", "request", "tokens")

    def __init__(self, lease: _Lease, tokens: int, now: Now) -> None:
        self._lease, self._now, self._begun = lease, now, -math.inf
        lease.last = at = now()
        lease.requests.used += 1
        lease.tokens.used += tokens
        lease.under_way.add(self)
        self.request, self.tokens = Use(at, 1, lease.requests), Use(at, tokens, lease.tokens)

    @property
    def reaches(self) -> float:
        """When it is with the provider at the latest."""
        begins = self._lease.grant.until if self._begun == -math.inf else self._begun
        return begins + LATE

    def begin(self) -> bool:
        """Say that it begins now, and return whether it still may."""
        now = self._now()
        if now >= self._lease.grant.until:
            return False
        self._begun = now
        return True

    def end(self, *, answered: bool) -> None:
        """Say that it has ended. Without an answer, its request may be on its way all the same."""
        if self._begun != -math.inf:
            reached = min(self._now(), self.reaches) if answered else self.reaches
            self._lease.reached = max(self._lease.reached, reached)
        self._lease.under_way.discard(self)


class SharedRoom:
    """The part of a shared minute that is this process': the lease that it has, and when to ask for the next one.

    `requests` and `tokens` are the limits, None for what is not shared.
    """

    def __init__(self, allowance: Allowance, requests: int | None, tokens: int | None, now: Now) -> None:
        self._allowance, self._now = allowance, now
        self._requests, self._tokens = requests, tokens
        self.asks_at = -math.inf
        """From when on it is of use to ask; never while a question is out."""
        self._turn = -math.inf
        self._known = 0
        self._lease: _Lease | None = None
        self._ended: deque[_Lease] = deque()

    def fits(self, tokens: int, now: float) -> bool:
        """Return whether there is room for a call of that many tokens."""
        lease = self._lease
        if lease is None or now >= lease.grant.until:
            return False
        if self._requests is not None and lease.requests.used >= lease.grant.requests:
            return False
        return self._tokens is None or lease.tokens.used + min(tokens, self._tokens) <= lease.grant.tokens

    def use(self, tokens: int) -> LeasedCall:
        """Count a call, which fits."""
        assert self._lease is not None  # noqa: S101  # it fits
        return LeasedCall(self._lease, tokens if self._tokens is None else min(tokens, self._tokens), self._now)

    async def ask(self, waiting: Sequence[int]) -> None:
        """Ask for the calls that could begin now, each by its tokens, and for as many more as came lately.

        What is left of the lease is given up. While nobody can be asked, nothing is granted.
        """
        asked = self._now()
        likely = self._end_lease(asked)
        tokens = [count if self._tokens is None else min(count, self._tokens) for count in waiting]
        telling = [(lease, state) for lease in self._ended if (state := lease.state) != lease.told]
        demand = Demand(
            len(tokens) + likely[0],
            sum(tokens) + likely[1] if self._tokens is not None else 0,
            tokens[0] if self._tokens is not None else 0,
            self._known,
            tuple(
                Spent(lease.grant.number, requests, used, asked - reached)
                for lease, (requests, used, reached) in telling
            ),
        )
        self._turn = max(self._turn, asked) + _SPACING
        again, self.asks_at = asked, math.inf
        try:
            grant = await self._allowance.take(demand)
        except StorageError:
            again = self._now() + _AGAIN
        else:
            for lease, state in telling:
                lease.told = state
            again = grant.again
            if grant.requests:
                self._known = grant.number
                self._lease = _Lease(grant, asked)
        finally:
            self.asks_at = max(again, self._turn - _BURST * _SPACING)

    def _end_lease(self, now: float) -> tuple[int, int]:
        """Use no more of the lease, and return the requests and tokens that it was used for, if that was lately."""
        while self._ended and self._ended[0].grant.until + _REMEMBERED < now:
            self._ended.popleft()
        lease, self._lease = self._lease, None
        if lease is None:
            return 0, 0
        self._ended.append(lease)
        return (lease.requests.used, lease.tokens.used) if now - lease.last < _RECENT else (0, 0)
