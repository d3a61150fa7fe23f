"""Policy: the order in which one call to a provider passes through everything that protects it, and us.

    retry ( budget -> rate limit -> circuit -> timeout -> provider )

A fault of the provider costs an attempt. To wait costs none: neither for a rate limit whose end the provider names, nor
for an open circuit, nor to be the call that tries whether the provider is back.
"""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from lithograph.domain.usage import Usage
from lithograph.errors import (
    CircuitOpenError,
    ExhaustedError,
    OutageError,
    OverloadedError,
    RateLimitedError,
    TransientError,
    UnavailableError,
)
from lithograph.resilience.breaker import Permit as Circuit
from lithograph.resilience.budget import Budget, Reservations, reserve
from lithograph.resilience.limiter import Permit as Slot
from lithograph.resilience.provider import Notice, NoticeKind, Provider, Told
from lithograph.resilience.retry import RetryPolicy

Answer = TypeVar("Answer")

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
    cost at most, and `used` says what an answer did cost.
    """

    task: str
    make: Callable[[], Awaitable[Answer]]
    tokens: int
    most: Usage
    used: Callable[[Answer], Usage]
    timeouts: Timeouts = Timeouts()  # a frozen value


@dataclass(frozen=True, slots=True)
class Policy:
    """How calls to one provider are made."""

    provider: Provider
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    async def call(self, call: Call[Answer], scope: Scope) -> Answer:
        """Return the provider's answer.

        Raises `ExhaustedError` after the last attempt, what the provider's answer means where asking again does not
        help, `CircuitOpenError` without patience, and `BlockedError` where nothing can go on for now.
        """
        faults, since = 0, math.inf
        while True:
            try:
                return await self._reserved(call, scope)
            except CircuitOpenError:
                raise
            except _TriedError as tried:
                failure, probing = tried.failure, tried.probing
            now = self.provider.now()
            since = min(since, now)
            if isinstance(failure, RateLimitedError):
                self._rate_limited(failure, call, scope)
                if failure.retry_after is not None:
                    if now - since > max(scope.patience, _RATE_LIMIT_PATIENCE):
                        raise OutageError(f"{self.provider.name} has said `later` for too long: {failure}") from failure
                    continue
            faults += not (probing and scope.patience > 0)
            if faults > self.retry.retries:
                raise ExhaustedError(str(failure), faults) from failure
            wait = self.retry.wait(max(1, faults), scope.chance)
            payload = {"attempt": faults, "error": str(failure), "wait": round(wait, 3), "task": call.task}
            scope.told(Notice(NoticeKind.RETRYING, payload))
            async with scope.aside():
                await self.provider.sleep(wait)

    def _rate_limited(self, failure: RateLimitedError, call: Call[Answer], scope: Scope) -> None:
        self.provider.rate_limited += 1
        if failure.retry_after is not None:
            self.provider.limiter.hold(failure.retry_after)
        payload = {"model": self.provider.name, "task": call.task, "retry_after": failure.retry_after}
        scope.told(Notice(NoticeKind.RATE_LIMITED, payload))

    async def _reserved(self, call: Call[Answer], scope: Scope) -> Answer:
        async with scope.aside() if scope.budgets else stay():
            reservations = await reserve(scope.budgets, call.most)
        with reservations:
            while True:
                circuit = await self._circuit(scope)
                with circuit:
                    async with scope.aside():
                        slot = await self.provider.limiter.acquire(call.tokens)
                    with slot:
                        if circuit.current:
                            return await self._attempt(call, scope, circuit, slot, reservations)
                        slot.withdraw()  # the circuit opened while this call waited its turn

    async def _circuit(self, scope: Scope) -> Circuit:
        circuit = self.provider.circuit
        try:
            return circuit.acquire()
        except CircuitOpenError:
            if not scope.patience:
                raise
        try:
            async with scope.aside():
                return await circuit.enter(scope.patience)
        except CircuitOpenError as error:
            raise OutageError(f"{error}; that has lasted for {scope.patience:g} s") from error

    async def _attempt(
        self, call: Call[Answer], scope: Scope, circuit: Circuit, slot: Slot, reservations: Reservations
    ) -> Answer:
        timeouts = call.timeouts
        slow = asyncio.get_running_loop().call_later(timeouts.soft, self._slow, call, scope)
        try:
            with anyio.fail_after(timeouts.hard):
                answer = await call.make()
        except TimeoutError as error:
            circuit.failed()
            self.provider.faults += 1
            failure = UnavailableError(f"{self.provider.name} did not answer within {timeouts.hard:g} s")
            raise _TriedError(failure, probing=circuit.probe) from error
        except TransientError as error:
            if counts(error):
                circuit.failed()
            self.provider.faults += 1
            if isinstance(error, RateLimitedError):
                slot.rate_limited()
            raise _TriedError(error, probing=circuit.probe) from error
        finally:
            slow.cancel()
        circuit.succeeded()
        slot.succeeded()
        used = call.used(answer)
        slot.settle(used.tokens)
        reservations.settle(used)
        return answer

    def _slow(self, call: Call[Answer], scope: Scope) -> None:
        payload = {"model": self.provider.name, "task": call.task, "seconds": call.timeouts.soft}
        scope.told(Notice(NoticeKind.SLOW, payload))


class _TriedError(Exception):
    """Carries a fault of the provider from the attempt to the loop around it."""

    def __init__(self, failure: TransientError, *, probing: bool) -> None:
        super().__init__(str(failure))
        self.failure, self.probing = failure, probing


def counts(error: TransientError) -> bool:
    """Whether a circuit breaker counts an error: the provider fails, and does not say for how long."""
    if isinstance(error, RateLimitedError):
        return error.retry_after is None
    return isinstance(error, (UnavailableError, OverloadedError))
