"""Circuit breaker: a provider that fails again and again is left alone for a while, then tried by one call.

Closed, open, half-open and the probe are Nygard's words (Release It!, 2007). Every change of state begins a new
generation of calls; the result of a call from an earlier one is old news and changes nothing.

With one exception. Errors come at once and answers take their time, so that of many calls made together the few that
fail may be heard of in a row, before any that succeeds. A success of a call from before the circuit opened half-opens
it early: a provider that fails now and then costs a moment, not all the time for which one that is away is left alone.
"""

import math
import time
from collections.abc import Callable
from enum import Enum, StrEnum, auto
from functools import partial
from types import TracebackType
from typing import Self

import anyio

from lithograph.errors import CircuitOpenError, UsageError
from lithograph.resilience.alarm import Alarm, Now, Sleep

_EARLY_PROBES = 3
"""How often the successes of calls from before a circuit opened may half-open it before its time."""


class State(StrEnum):
    """What a circuit lets through: every call, none, or one at a time."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class _Outcome(Enum):
    SUCCEEDED = auto()
    FAILED = auto()
    RELEASED = auto()


class Permit:
    """The right to make one call, and the duty to say how it went; the first word counts, later ones are not heard.

    As a context manager it is released when nothing was said. `probe` tells whether the call decides if a half-open
    circuit closes.
    """

    __slots__ = ("_current", "_tell", "probe")

    def __init__(self, tell: Callable[[_Outcome], None], current: Callable[[], bool], *, probe: bool) -> None:
        self._tell: Callable[[_Outcome], None] | None = tell
        self._current = current
        self.probe = probe

    @property
    def current(self) -> bool:
        """Whether the circuit is still as it was when the permit was given: if not, the call should not be made."""
        return self._current()

    def succeeded(self) -> None:
        """Say that the provider answered."""
        self._say(_Outcome.SUCCEEDED)

    def failed(self) -> None:
        """Say that the provider is at fault: a timeout, a lost connection, an error of its own."""
        self._say(_Outcome.FAILED)

    def released(self) -> None:
        """Say that the call tells nothing about the provider: it was cancelled, or the request was at fault."""
        self._say(_Outcome.RELEASED)

    def _say(self, outcome: _Outcome) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released()


class CircuitBreaker:
    """The circuit to one model of one provider, shared by all tasks of a process.

    It belongs to no event loop and may be used on several, one after the other.
    """

    def __init__(
        self,
        name: str,
        *,
        threshold: int = 5,
        reset_after: float = 30.0,
        now: Now = time.monotonic,
        sleep: Sleep = anyio.sleep,
        changed: Callable[[State], None] = lambda _: None,
    ) -> None:
        """`threshold` faults in a row open it; `reset_after`, in seconds, half-opens it again.

        `name` stands in messages. `changed` is told each new state, half-open when the first probe goes out; it must
        not raise. Raises `UsageError` for a threshold below 1 or a time below 0.
        """
        if threshold < 1 or not 0 <= reset_after < math.inf:
            raise UsageError("a circuit opens after 1 fault or more and stays open for 0 seconds or more")
        self.name = name
        self._threshold, self._reset_after = threshold, reset_after
        self._now, self._sleep, self._changed = now, sleep, changed
        self._state, self._generation = State.CLOSED, 0
        self._faults = 0
        self._probing = False
        self._half_opens = -math.inf
        self._last_closed = self._early_probes = 0
        self._waiting: dict[Alarm, None] = {}

    @property
    def state(self) -> State:
        """The state at this moment; an open circuit whose time is over is half-open."""
        return State.HALF_OPEN if self._state is State.OPEN and self.seconds_left == 0 else self._state

    @property
    def seconds_left(self) -> float:
        """How long the circuit stays open; 0.0 when it is not open."""
        return max(0.0, self._half_opens - self._now()) if self._state is State.OPEN else 0.0

    def acquire(self) -> Permit:
        """Return the permit for one call.

        Raises `CircuitOpenError` while the circuit is open, and while a probe is out; then its `seconds` are 0.
        """
        state, seconds = self.state, self.seconds_left
        failed = f"{self.name} failed {self._threshold} times in a row"
        if state is State.OPEN:
            raise CircuitOpenError(f"{failed} and is left alone for {math.ceil(seconds)} s more", seconds)
        if self._probing:
            raise CircuitOpenError(f"{failed} and is being tried by another call", 0.0)
        if self._state is State.OPEN:
            self._become(State.HALF_OPEN)
        self._probing = state is State.HALF_OPEN
        generation = self._generation
        return Permit(partial(self._settle, generation), lambda: generation == self._generation, probe=self._probing)

    async def enter(self, patience: float = 0.0) -> Permit:
        """Return the permit for one call; wait for it, `patience` seconds at most (`math.inf`: as long as it takes).

        Of all who wait one gets the probe. When it succeeds all the others go on at once, else they wait on.
        Raises `CircuitOpenError` when the patience is over.
        """
        end = self._now() + patience
        while True:
            try:
                return self.acquire()
            except CircuitOpenError:
                left = end - self._now()
                if left <= 0:
                    raise
            await self._pause(left)

    async def wait(self) -> None:
        """Return when a call may be tried: the circuit is closed, or half-open and no probe is out."""
        while self._probing or self.state is State.OPEN:
            await self._pause(math.inf)

    async def _pause(self, longest: float) -> None:
        """Return when something changed, when the circuit half-opens, or after `longest` seconds."""
        alarm = Alarm()
        self._waiting[alarm] = None
        half_open = self.seconds_left if self._state is State.OPEN else math.inf
        try:
            await alarm.wait(min(longest, half_open), self._sleep)
        finally:
            del self._waiting[alarm]

    def _settle(self, generation: int, outcome: _Outcome) -> None:
        if generation != self._generation:
            if generation == self._last_closed and outcome is _Outcome.SUCCEEDED:
                self._reconsider()
            return
        if self._state is State.HALF_OPEN:
            self._probed(outcome)
        elif outcome is _Outcome.SUCCEEDED:
            self._faults = 0
        elif outcome is _Outcome.FAILED:
            self._faults += 1
            if self._faults >= self._threshold:
                self._open()

    def _probed(self, outcome: _Outcome) -> None:
        if outcome is _Outcome.SUCCEEDED:
            self._become(State.CLOSED)
        elif outcome is _Outcome.FAILED:
            self._open()
        else:
            self._probing = False
            self._wake()

    def _reconsider(self) -> None:
        """A call from before the circuit opened has succeeded after all."""
        if self.state is State.OPEN and self._early_probes > 0:
            self._early_probes -= 1
            self._half_opens = self._now()
            self._wake()

    def _open(self) -> None:
        if self._state is State.CLOSED:
            self._last_closed, self._early_probes = self._generation, _EARLY_PROBES
        self._half_opens = self._now() + self._reset_after
        self._become(State.OPEN)

    def _become(self, state: State) -> None:
        self._state = state
        self._generation += 1
        self._faults = 0
        self._probing = state is State.HALF_OPEN
        self._wake()
        self._changed(state)

    def _wake(self) -> None:
        """Let everybody who waits look again: the first of them takes what there is."""
        for alarm in self._waiting:
            alarm.ring()
