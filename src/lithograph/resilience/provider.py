"""Provider: what all tasks of a process share of one model of one provider: its circuit, its limits, what they saw."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import anyio

from lithograph.resilience.alarm import Now, Sleep
from lithograph.resilience.allowance import Allowance
from lithograph.resilience.breaker import CircuitBreaker, State
from lithograph.resilience.limiter import RateLimiter
from lithograph.telemetry.observe import tell_circuit, tell_provider


class NoticeKind(StrEnum):
    """What those who wait for an answer may want to know; the values are types of events."""

    RETRYING = "activity.retrying"
    SLOW = "activity.slow"
    RATE_LIMITED = "provider.rate_limited"
    CIRCUIT_OPENED = "provider.circuit_opened"
    CIRCUIT_CLOSED = "provider.circuit_closed"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened on the way to an answer; `payload` is plain JSON."""

    kind: NoticeKind
    payload: Mapping[str, object]


Told = Callable[[Notice], None]

_HELD_BACK = 10
"""How many times the usual spacing it takes until the next call, after a fault; it doubles with each further one."""

_LONGEST_REFUSAL = 3_600.0
"""Seconds after which it is asked again, whatever it says: somebody may have paid meanwhile."""

_MOST_DOUBLED = 6
"""How often it doubles: from 10 ms to 0.6 s."""


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """What one model may be asked: calls at once, and in a minute requests and tokens (None: what it tells itself)."""

    concurrency: int = 20
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    threshold: int = 5
    """Faults in a row that open the circuit."""
    reset_after: float = 30.0
    """Seconds that it stays open."""
    spacing: float = 0.001
    """Seconds between two calls, at least: about what it takes to make one and to work on its answer."""


@dataclass(frozen=True, slots=True)
class ProviderMetrics:
    """Counts since the start of the process; `queued` and `running` as of now, waits in seconds."""

    circuit: State
    queued: int
    running: int
    allowed: int
    granted: int
    waited: float
    longest_wait: float
    rate_limited: int
    faults: int
    opened: int


class Provider:
    """One model of one provider, as this process knows it."""

    def __init__(
        self,
        name: str,
        limits: ProviderLimits,
        allowance: Allowance | None = None,
        *,
        now: Now = time.monotonic,
        sleep: Sleep = anyio.sleep,
    ) -> None:
        """With an `allowance`, the requests and tokens of a minute are those of all processes together."""
        self.name, self.now, self.sleep = name, now, sleep
        self.circuit = CircuitBreaker(
            name,
            threshold=limits.threshold,
            reset_after=limits.reset_after,
            now=now,
            sleep=sleep,
            changed=self._circuit_changed,
        )
        self.limiter = RateLimiter(
            concurrency=limits.concurrency,
            requests_per_minute=limits.requests_per_minute,
            tokens_per_minute=limits.tokens_per_minute,
            spacing=limits.spacing,
            allowance=allowance,
            now=now,
            sleep=sleep,
        )
        self.reset_after = limits.reset_after
        """Seconds that the circuit stays open."""
        self.refuses_until = -math.inf
        """Until when it does not want to be asked, as it says."""
        self._listeners: dict[Told, None] = {}
        self._spacing, self._strain = limits.spacing, 0
        self.rate_limited = self.faults = self._opened = 0
        tell_provider(self)

    def __repr__(self) -> str:
        return f"Provider({self.name!r})"

    def listen(self, told: Told) -> None:
        """Have `told` called when the circuit opens or closes; the same one counts once."""
        self._listeners[told] = None

    def forget(self, told: Told) -> None:
        """Call it no more."""
        self._listeners.pop(told, None)

    def failed(self) -> None:
        """Count a fault, and let the next call wait a moment.

        One that is away refuses at once, while answers to what was asked before still come, and keep the circuit
        closed: without that moment, whoever waits would be sent into the outage.
        """
        self.faults += 1
        self.limiter.hold(_HELD_BACK * self._spacing * 2**self._strain)
        self._strain = min(self._strain + 1, _MOST_DOUBLED)

    def refuse(self, seconds: float, *, longest: float) -> None:
        """Let nobody ask for that time, as it says, nor wait for longer than `longest` in order to."""
        self.limiter.hold(min(seconds, longest))
        self.refuses_until = max(self.refuses_until, self.now() + min(seconds, _LONGEST_REFUSAL))

    def answered(self) -> None:
        """Say that there was an answer: the last fault counts no more."""
        self._strain = max(self._strain - 1, 0)

    def metrics(self) -> ProviderMetrics:
        """Return the counts."""
        limiter = self.limiter
        return ProviderMetrics(
            circuit=self.circuit.state,
            queued=limiter.queued,
            running=limiter.running,
            allowed=limiter.allowed,
            granted=limiter.granted,
            waited=limiter.waited,
            longest_wait=limiter.longest_wait,
            rate_limited=self.rate_limited,
            faults=self.faults,
            opened=self._opened,
        )

    def _circuit_changed(self, state: State) -> None:
        tell_circuit(self.name, state)
        self._strain = 0
        if state is State.HALF_OPEN:
            return
        opened = state is State.OPEN
        self._opened += opened
        kind = NoticeKind.CIRCUIT_OPENED if opened else NoticeKind.CIRCUIT_CLOSED
        payload: dict[str, object] = {"model": self.name}
        if opened:
            payload["seconds"] = self.reset_after
        for told in list(self._listeners):
            told(Notice(kind, payload))
