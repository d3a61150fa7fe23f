"""A circuit breaker and its callers, in any order, against a model of a few lines."""

import asyncio
import math
from collections.abc import Coroutine
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.clocks import VirtualClock, settle

from lithograph.errors import CircuitOpenError
from lithograph.resilience.breaker import CircuitBreaker, Permit, State

THRESHOLD, RESET_AFTER = 3, 30.0
OUTCOMES = st.sampled_from(["succeeded", "failed", "released"])


@dataclass
class Model:
    """What the circuit should be like. `told` are the changes, `era` is how many there were."""

    clock: VirtualClock
    told: list[State] = field(default_factory=list)
    faults: int = 0
    half_opens: float = 0.0
    probing: bool = False
    last_closed: int = 0
    early: int = 0

    @property
    def era(self) -> int:
        return len(self.told)

    @property
    def state(self) -> State:
        last = self.told[-1] if self.told else State.CLOSED
        return State.HALF_OPEN if last is State.OPEN and self.clock.now() >= self.half_opens else last

    @property
    def passable(self) -> bool:
        return self.state is State.CLOSED or (self.state is State.HALF_OPEN and not self.probing)

    def change(self, state: State) -> None:
        if state is State.OPEN and self.state is State.CLOSED:
            self.last_closed, self.early = self.era, 3
        self.told.append(state)
        self.faults, self.probing = 0, False
        if state is State.OPEN:
            self.half_opens = self.clock.now() + RESET_AFTER

    def enter(self) -> None:
        if self.state is State.HALF_OPEN:
            if self.told[-1] is State.OPEN:
                self.change(State.HALF_OPEN)
            self.probing = True

    def hear_late(self, era: int, outcome: str) -> None:
        if outcome == "succeeded" and era == self.last_closed and self.state is State.OPEN and self.early:
            self.early -= 1
            self.half_opens = self.clock.now()

    def hear(self, outcome: str) -> None:
        probed, self.probing = self.probing, False
        if outcome == "failed":
            self.faults += 1
            if probed or self.faults == THRESHOLD:
                self.change(State.OPEN)
        elif outcome == "succeeded":
            self.faults = 0
            if probed:
                self.change(State.CLOSED)


@dataclass
class Call:
    """A permit, the era in which it was given, and whether something was said about it."""

    permit: Permit
    era: int
    said: bool = False


class BreakerMachine(RuleBasedStateMachine):
    """Time moves by whole seconds and patience ends between them, so that no two things happen at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = VirtualClock()
        self.model = Model(self.clock)
        self.told: list[State] = []
        self.breaker = CircuitBreaker(
            "model",
            threshold=THRESHOLD,
            reset_after=RESET_AFTER,
            now=self.clock.now,
            sleep=self.clock.sleep,
            changed=self.told.append,
        )
        self.calls: list[Call] = []
        self.waiting: dict[asyncio.Task[Permit], float] = {}
        self.watching: list[asyncio.Task[None]] = []

    def teardown(self) -> None:
        self.runner.close()

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Do something, let everybody act on it, and see who got a permit."""

        async def together() -> None:
            await work
            await settle()

        self.runner.run(together())
        for task, deadline in list(self.waiting.items()):
            if task.done():
                del self.waiting[task]
                if task.cancelled():
                    continue
                if isinstance(task.exception(), CircuitOpenError):
                    assert deadline <= self.clock.now()
                else:
                    self.entered(task.result())

    def entered(self, permit: Permit) -> None:
        assert self.model.passable
        self.model.enter()
        assert permit.probe == self.model.probing
        self.calls.append(Call(permit, self.model.era))

    @rule(count=st.integers(1, 3))
    def calls_come(self, count: int) -> None:
        for _ in range(count):
            self.call()

    def call(self) -> None:
        if self.model.passable:
            self.entered(self.breaker.acquire())
        else:
            with pytest.raises(CircuitOpenError) as error:
                self.breaker.acquire()
            assert error.value.seconds == self.breaker.seconds_left

    @rule(patience=st.sampled_from([0.0, 10.5, 45.5, math.inf]), count=st.integers(1, 3))
    def wait_for_a_permit(self, patience: float, count: int) -> None:
        async def start() -> None:
            for _ in range(count):
                task = asyncio.ensure_future(self.breaker.enter(patience))
                self.waiting[task] = self.clock.now() + patience

        self.run(start())

    @rule()
    def watch(self) -> None:
        async def start() -> None:
            self.watching.append(asyncio.ensure_future(self.breaker.wait()))

        self.run(start())

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), outcome=OUTCOMES, newest=st.booleans())
    def say(self, data: st.DataObject, outcome: str, newest: bool) -> None:
        self.say_of(self.calls[-1] if newest else data.draw(st.sampled_from(self.calls)), outcome)

    @precondition(lambda self: self.late)
    @rule(data=st.data(), outcomes=st.lists(OUTCOMES, min_size=1, max_size=3))
    def late_results_come(self, data: st.DataObject, outcomes: list[str]) -> None:
        for call, outcome in zip(data.draw(st.permutations(self.late)), outcomes, strict=False):
            self.say_of(call, outcome)

    @property
    def late(self) -> list[Call]:
        return [call for call in self.calls if call.era != self.model.era and not call.said]

    def say_of(self, call: Call, outcome: str) -> None:
        if not call.said and call.era == self.model.era:
            self.model.hear(outcome)
        elif not call.said:
            self.model.hear_late(call.era, outcome)
        call.said = True

        async def say() -> None:
            getattr(call.permit, outcome)()

        self.run(say())

    @precondition(lambda self: self.model.state is State.CLOSED)
    @rule()
    def fail(self) -> None:
        """As many faults as it takes: else a circuit rarely opens here."""
        for _ in range(THRESHOLD - self.model.faults):
            self.call()
            self.say_of(self.calls[-1], "failed")

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        task = data.draw(st.sampled_from(list(self.waiting)))

        async def cancel() -> None:
            task.cancel()

        self.run(cancel())
        assert task.cancelled()

    @precondition(lambda self: self.model.probing and self.waiting)
    @rule(data=st.data())
    def free_the_probes_place_and_cancel_one_who_was_told(self, data: st.DataObject) -> None:
        call, task = self.calls[-1], data.draw(st.sampled_from(list(self.waiting)))
        self.model.hear("released")
        call.said = True

        async def free() -> None:
            call.permit.released()
            task.cancel()

        self.run(free())
        assert task.cancelled()

    @rule(seconds=st.sampled_from([0, 1, 10, 29, 30, 60]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.clock.advance(seconds))

    @invariant()
    def it_is_as_the_model(self) -> None:
        assert self.breaker.state is self.model.state
        assert self.told == self.model.told
        assert all(call.permit.current == (call.era == self.model.era) for call in self.calls)
        left = self.model.half_opens - self.clock.now() if self.model.state is State.OPEN else 0.0
        assert self.breaker.seconds_left == left

    @invariant()
    def nobody_waits_longer_than_needed(self) -> None:
        self.watching = [task for task in self.watching if not task.done()]
        assert not (self.model.passable and (self.waiting or self.watching))
        assert all(deadline > self.clock.now() for deadline in self.waiting.values())
        assert self.clock.sleeping <= len(self.waiting) + len(self.watching)

    @invariant()
    def at_most_one_probes(self) -> None:
        if self.model.state is State.HALF_OPEN:
            out = [call for call in self.calls if call.era == self.model.era and not call.said]
            assert len(out) == self.model.probing


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
