"""Policy: the order in which one call to a provider passes through everything that protects it, and us.

    retry ( budget -> rate limit -> circuit -> timeout -> provider )

A fault of the provider costs an attempt. To wait costs none: neither for a rate limit whose end the provider names, nor
for an open circuit, nor to be the call that tries whether the provider is back.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from lithograph.domain.usage import Usage
from lithograph.errors import (
    CircuitOpenError,
    ExhaustedError,
    OutageError,
    RateLimitedError,
    TransientError,
    UnavailableError,
)
from lithograph.resilience.breaker import Permit as Circuit
from lithograph.resilience.budget import Budget, Reservations, reserve
from lithograph.resilience.classify import counts
from lithograph.resilience.limiter import Permit as Slot
from lithograph.resilience.provider import Notice, NoticeKind, Provider, Told
from lithograph.resilience.retry import RetryPolicy
from lithograph.telemetry.observe import Outcome, tell_waited, watch_call

Answer = TypeVar("Answer")
Held = TypeVar("Held")

_RATE_LIMIT_PATIENCE = 900.0
"""Seconds for which a provider may say `later` to one call before that counts as an outage."""


@asynccontextmanager
async def stay() -> AsyncIterator[None]:
    """Wait as part of what is in flight."""
    yield


def unheard(notice: Notice) -> None:
    """Hear nothing."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: after `soft` it is said that a call takes long, after `hard` it is given up."""

    soft: float = 60.0
    hard: float = 180.0


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf calls are made.

    `patience` is how many seconds a call waits for a provider that is away: with 0 it fails at once, with more it ends
    in `OutageError`. `aside` is entered around every wait: what waits there is not in flight.
    """

    budgets: Sequence[Budget] = ()
    patience: float = 0.0
    told: Told = unheard
    aside: Callable[[], AbstractAsyncContextManager[None]] = stay
    chance: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One call: `make` asks the provider once; `tokens` is what it may take of a minute's tokens, `most` what it may
    cost at most, and `used` says what an answer did cost. One that is not `priced` costs no money as far as anybody
    knows, and is not made where money is limited.
    """

    task: str
    make: Callable[[], Awaitable[Answer]]
    tokens: int
    most: Usage
    used: Callable[[Answer], Usage]
    timeouts: Timeouts = Timeouts()  # a frozen value
    priced: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """How calls to one provider are made."""

    provider: Provider
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    waits: bool = True
    """Whether it waits for a rate limit whose end the provider names; else that costs an attempt too."""

    async def call(self, call: Call[Answer], scope: Scope) -> Answer:
        """Return the provider's answer.

        Raises `ExhaustedError` after the last attempt, what the provider's answer means where asking again does not
        help, `CircuitOpenError` without patience, and `BlockedError` where nothing can go on for now.
        """
        faults, refused, outage = 0, math.inf, _Outage()
        while True:
            try:
                answer = await self._reserved(call, scope, outage)
            except _TriedError as tried:
                failure, probing = tried.failure, tried.probing
            else:
                # Whoever has got the slot now asks first; only then the answer, which is paid for, is worked on.
                await anyio.lowlevel.cancel_shielded_checkpoint()
                return answer
            if isinstance(failure, RateLimitedError):
                self._rate_limited(failure, call, scope)
                if self.waits and failure.retry_after is not None:
                    now = self.provider.now()
                    refused = min(refused, now)
                    if now + failure.retry_after - refused > self._longest(scope):
                        raise OutageError(f"{self.provider.name} says `later` for too long: {failure}") from failure
                    continue
            refused = math.inf
            if probing and scope.patience > 0 and counts(failure):
                continue  # the circuit is open again, and to wait for it is wait enough
            faults += 1
            if faults > self.retry.retries:
                raise ExhaustedError(str(failure), faults) from failure
            wait = self.retry.wait(faults, scope.chance)
            payload = {"attempt": faults, "error": str(failure), "wait": round(wait, 3), "task": call.task}
            scope.told(Notice(NoticeKind.RETRYING, payload))
            async with scope.aside():
                await self.provider.sleep(wait)

    def _rate_limited(self, failure: RateLimitedError, call: Call[Answer], scope: Scope) -> None:
        self.provider.rate_limited += 1
        if failure.retry_after is not None:
            self.provider.refuse(failure.retry_after, longest=self._longest(scope))
        payload = {"model": self.provider.name, "task": call.task, "retry_after": failure.retry_after}
        scope.told(Notice(NoticeKind.RATE_LIMITED, payload))

    def _longest(self, scope: Scope) -> float:
        """Return how many seconds a call waits for a rate limit whose end the provider names."""
        return max(scope.patience, _RATE_LIMIT_PATIENCE)

    async def _reserved(self, call: Call[Answer], scope: Scope, outage: "_Outage") -> Answer:
        if not call.priced:
            for budget in scope.budgets:
                budget.check_priced(self.provider.name)
        with await _aside(scope, partial(reserve, scope.budgets, call.most), Reservations.close) as reservations:
            while True:
                with await self._circuit(scope, outage) as circuit:
                    limiter, began = self.provider.limiter, self.provider.now()
                    refused = self.provider.refuses_until - began
                    if refused > (self._longest(scope) if self.waits else 0.0):
                        later = f"{self.provider.name} is not to be asked for another {refused:.0f} s, as it says"
                        raise _TriedError(RateLimitedError(later, refused), probing=circuit.probe)
                    with await _aside(scope, partial(limiter.acquire, call.tokens), Slot.withdraw) as slot:
                        tell_waited(self.provider.name, self.provider.now() - began)
                        if circuit.current:
                            return await self._attempt(call, scope, circuit, slot, reservations)
                        slot.withdraw()  # the circuit opened while this call waited its turn

    async def _circuit(self, scope: Scope, outage: "_Outage") -> Circuit:
        circuit, now = self.provider.circuit, self.provider.now
        try:
            permit = circuit.acquire()
        except CircuitOpenError:
            if not scope.patience:
                raise
            outage.since = min(outage.since, now())
            left = outage.since + scope.patience - now()
            try:
                permit = await _aside(scope, partial(circuit.enter, left), Circuit.released)
            except CircuitOpenError as error:
                raise OutageError(f"{error}; that has lasted for {scope.patience:g} s") from error
        if not permit.probe:
            outage.since = math.inf
        return permit

    async def _attempt(
        self, call: Call[Answer], scope: Scope, circuit: Circuit, slot: Slot, reservations: Reservations
    ) -> Answer:
        try:
            with watch_call(self.provider.name, call.task) as watch:
                answer = await self._in_time(call, scope)
                used = call.used(answer)
                watch.end(Outcome.COMPLETED, used)
        except TransientError as error:
            if counts(error):
                self.provider.failed()
                circuit.failed()
            if isinstance(error, RateLimitedError):
                slot.rate_limited()
            raise _TriedError(error, probing=circuit.probe) from error
        circuit.succeeded()
        self.provider.answered()
        slot.succeeded()
        slot.settle(used.tokens)
        reservations.settle(used)
        return answer

    async def _in_time(self, call: Call[Answer], scope: Scope) -> Answer:
        timeouts = call.timeouts
        slow = asyncio.get_running_loop().call_later(timeouts.soft, self._slow, call, scope)
        try:
            with anyio.fail_after(timeouts.hard):
                return await call.make()
        except TimeoutError as error:
            raise UnavailableError(f"{self.provider.name} did not answer within {timeouts.hard:g} s") from error
        finally:
            slow.cancel()

    def _slow(self, call: Call[Answer], scope: Scope) -> None:
        payload = {"model": self.provider.name, "task": call.task, "seconds": call.timeouts.soft}
        scope.told(Notice(NoticeKind.SLOW, payload))


async def _aside(scope: Scope, wait: Callable[[], Awaitable[Held]], give_back: Callable[[Held], None]) -> Held:
    """Return what is waited for aside; when it comes and this call may not go on all the same, give it back."""
    with ExitStack() as unused:
        async with scope.aside():
            held = await wait()
            unused.callback(give_back, held)
        unused.pop_all()
    return held


@dataclass(slots=True)
class _Outage:
    """Since when the provider of one call is away: a probe that fails does not begin the wait anew."""

    since: float = math.inf


class _TriedError(Exception):
    """Carries a fault of the provider from the attempt to the loop around it."""

    def __init__(self, failure: TransientError, *, probing: bool) -> None:
        super().__init__(str(failure))
        self.failure, self.probing = failure, probing
