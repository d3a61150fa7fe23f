"""Rate limiter: who calls a provider next, and when.

Callers form one queue, and only its first may go: when a slot is free, when the last minute has room for one more
request and for its tokens, and when no hold is on. A large request is not starved, since nobody passes it. One
function, `_advance`, decides all of this; whatever may have made room calls it. It hands a permit over as it decides,
so no later caller can snatch it, and the first in the queue is the only one that sleeps by the clock. Where the minute
is shared with other processes, the first is also the one that asks for room in it.

Calls that begin in the same instant end in the same instant, and then each answer waits until the others have been
worked on, again and again: with some spacing between two permits they spread out once, and stay so.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel

from lithograph.errors import UsageError
from lithograph.resilience.alarm import Alarm, Now, Sleep
from lithograph.resilience.allowance import Allowance, LeasedCall, SharedRoom
from lithograph.resilience.quotas import read_quotas
from lithograph.resilience.slots import Slots
from lithograph.resilience.window import SlidingWindow, Use


class Permit:
    """The right to make one call. A context manager: leaving it frees the slot, not the minute's requests and tokens.

    `succeeded` or `rate_limited` is said at most once; a call that ends in any other way leaves the slots as they are.
    """

    __slots__ = ("_advance", "_answered", "_leased", "_out", "_requests", "_round", "_slots", "_tokens")

    def __init__(
        self, request: Use, tokens: Use, leased: LeasedCall | None, slots: Slots, advance: Callable[[], None]
    ) -> None:
        self._requests, self._tokens, self._leased = [request], [tokens], leased
        if leased is not None:
            self._requests.append(leased.request)
            self._tokens.append(leased.tokens)
        self._slots, self._round = slots, slots.take()
        self._advance = advance
        self._out, self._answered = True, False

    def begin(self) -> bool:
        """Say that the call begins now, and return whether it still may: room that is leased has its time."""
        return self._leased is None or self._leased.begin()

    def settle(self, tokens: int) -> None:
        """Replace the estimate by the tokens that were used, 0 or more."""
        for use in self._tokens:
            use.correct(tokens)
        self._advance()

    def succeeded(self) -> None:
        """Say that the provider let the call through."""
        self._slots.succeeded(self._say())
        self._advance()

    def rate_limited(self) -> None:
        """Say that the provider found it too much. `RateLimiter.hold` is for the time that it names."""
        self._slots.limited(self._say())

    def release(self) -> None:
        """Free the slot, once."""
        if self._out:
            self._out = False
            self._slots.give_back()
            if self._leased is not None:
                self._leased.end(answered=self._answered)
        self._advance()

    def withdraw(self) -> None:
        """Give everything back: no call was made."""
        for use in (*self._requests, *self._tokens):
            use.correct(0)
        self.release()

    def _say(self) -> int:
        self._answered = True
        number, self._round = self._round, -1
        return number

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@dataclass(slots=True, eq=False)
class _Waiter:
    """A place in the queue. `looks` is when the waiter looks whether it may go without being told to."""

    tokens: int
    since: float
    looks: float = math.inf
    alarm: Alarm | None = None
    permit: Permit | None = None

    def wake(self) -> None:
        if self.alarm is not None:
            self.alarm.ring()


class RateLimiter:
    """The limits of one provider key, shared by all tasks of a process.

    It belongs to no event loop and may be used on several, one after the other.
    """

    def __init__(
        self,
        *,
        concurrency: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        spacing: float = 0.0,
        allowance: Allowance | None = None,
        now: Now = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        """Every number is 1 or more. A limit of None is the one that the provider's answers tell, none before that.
        `spacing` is the seconds between two permits, at least.

        With an `allowance`, the limits that are given are those of all processes together, and it says what this one
        may use of them. Raises `UsageError` for numbers that make no sense.
        """
        if concurrency < 1:
            raise UsageError("the number of calls at the same time must be 1 or more")
        requests, tokens = _whole(requests_per_minute), _whole(tokens_per_minute)
        self._shared = None
        if allowance is not None and not (requests is None and tokens is None):
            self._shared = SharedRoom(allowance, requests, tokens, now)
        self._requests = SlidingWindow(None if self._shared else requests)
        self._tokens = SlidingWindow(None if self._shared else tokens)
        windows = ((self._requests, requests), (self._tokens, tokens))
        self._learned = [window for window, limit in windows if limit is None]
        self._slots = Slots(concurrency)
        self._now, self._sleep = now, sleep
        self._spacing = spacing
        self._held_until = -math.inf
        self._queue: OrderedDict[_Waiter, None] = OrderedDict()
        self._granted = 0
        self._waited = self._longest_wait = 0.0

    @property
    def queued(self) -> int:
        """Callers that wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Permits that are out."""
        return self._slots.taken

    @property
    def allowed(self) -> int:
        """Permits that may be out at present, 1 to the given concurrency."""
        return self._slots.allowed

    @property
    def granted(self) -> int:
        """Permits given since the beginning."""
        return self._granted

    @property
    def waited(self) -> float:
        """Seconds that all of these were waited for, added up."""
        return self._waited

    @property
    def longest_wait(self) -> float:
        """Seconds that one of these was waited for, at most."""
        return self._longest_wait

    async def acquire(self, tokens: int) -> Permit:
        """Return the permit for a call that may use `tokens`, 0 or more, when its turn has come.

        A call estimated above the limit of a minute counts as the limit: it has the minute for itself.
        """
        waiter = _Waiter(tokens, self._now())
        self._queue[waiter] = None
        self._advance()
        try:
            while True:
                permit = await self._turn(waiter)
                await anyio.lowlevel.checkpoint_if_cancelled()
                if permit.begin():
                    return permit
                self._put_back(waiter, permit)
        except BaseException:  # cancelled, as a rule; the permit may have been handed over just before
            self._leave(waiter)
            raise

    def hold(self, seconds: float) -> None:
        """Let nobody go for that time; a longer hold that is on stays."""
        self._held_until = max(self._held_until, self._now() + seconds)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Read the limits that an answer tells.

        A limit applies where none was given; when nothing remains until a reset, nobody goes before it.
        """
        quotas = read_quotas(headers)
        for window, limit in ((self._requests, quotas.requests), (self._tokens, quotas.tokens)):
            if limit is not None and window in self._learned:
                window.limit = limit
        if quotas.exhausted:
            self.hold(quotas.exhausted)
        self._advance()

    async def _turn(self, waiter: _Waiter) -> Permit:
        """Return the waiter's permit when it has got one."""
        while waiter.permit is None:
            waiter.alarm = Alarm()
            if waiter.looks > (now := self._now()):
                await waiter.alarm.wait(waiter.looks - now, self._sleep)
            if waiter.permit is None:
                waiter.looks = math.inf
                if self._asks(waiter):
                    await self._ask()
                self._advance()
        return waiter.permit

    def _put_back(self, waiter: _Waiter, permit: Permit) -> None:
        """Make it the first again: its permit came too late to be used, since this process was held up."""
        waiter.permit = None
        self._queue[waiter] = None
        self._queue.move_to_end(waiter, last=False)
        permit.withdraw()

    def _leave(self, waiter: _Waiter) -> None:
        if waiter.permit is not None:
            waiter.permit.withdraw()
        else:
            del self._queue[waiter]
            self._advance()

    def _advance(self) -> None:
        """Let the first go, and the next, for as long as they may; see to it that who may not looks again in time."""
        while self._queue and self._slots.free:
            now, first = self._now(), next(iter(self._queue))
            opens = self._opens(first, now)
            goes = opens <= now
            if goes and self._shared is not None and not self._shared.fits(first.tokens, now):
                goes, opens = False, self._shared.asks_at
            if not goes:
                if opens < first.looks:  # to look too early does no harm: it looks again
                    first.looks = opens
                    first.wake()
                return
            del self._queue[first]
            self._grant(first, now)
            first.wake()

    def _opens(self, waiter: _Waiter, now: float) -> float:
        """Return when there is room for it, as far as this process alone is concerned."""
        return max(self._held_until, self._requests.opens(1, now), self._tokens.opens(waiter.tokens, now))

    def _asks(self, waiter: _Waiter) -> bool:
        """Return whether it is for this waiter, and for nothing else, to ask for room in the minute of all."""
        if self._shared is None or waiter is not next(iter(self._queue)) or not self._slots.free:
            return False
        now = self._now()
        return (
            self._opens(waiter, now) <= now
            and self._shared.asks_at <= now
            and not self._shared.fits(waiter.tokens, now)
        )

    async def _ask(self) -> None:
        """Ask for room for those who could begin now."""
        assert self._shared is not None  # noqa: S101  # somebody asks for it
        free = self._slots.allowed - self._slots.taken
        await self._shared.ask([waiter.tokens for waiter in islice(self._queue, free)])

    def _grant(self, waiter: _Waiter, now: float) -> None:
        request, tokens = self._requests.use(1, now), self._tokens.use(waiter.tokens, now)
        leased = None if self._shared is None else self._shared.use(waiter.tokens)
        self.hold(self._spacing)
        waiter.permit = Permit(request, tokens, leased, self._slots, self._advance)
        self._granted += 1
        self._waited += now - waiter.since
        self._longest_wait = max(self._longest_wait, now - waiter.since)


def _whole(limit: float | None) -> int | None:
    if limit is None:
        return None
    if not 1 <= limit < math.inf:
        raise UsageError("the requests and the tokens of a minute must be 1 or more")
    return math.floor(limit)
