"""A rate limiter and its callers, in any order, against a model that adds up everything anew each time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.clocks import VirtualClock, settle

from lithograph.resilience.limiter import Permit, RateLimiter

REQUESTS = st.none() | st.integers(1, 5)
LIMITS = st.none() | st.integers(4, 20)
TOKENS = st.integers(0, 8)


@dataclass
class Grant:
    """A permit that was given: to whom, when, for what, and what became of it."""

    caller: int
    at: float
    tokens: int
    era: int
    requests: int = 1
    out: bool = True
    said: bool = False

    def release(self) -> None:
        self.out = False

    def settle(self, tokens: int) -> None:
        self.tokens = tokens

    def withdraw(self) -> None:
        self.requests = self.tokens = 0
        self.out = False


FREEING: dict[str, tuple[Callable[[Permit], None], Callable[[Grant], None]]] = {
    "release": (Permit.release, Grant.release),
    "withdraw": (Permit.withdraw, Grant.withdraw),
    "settle": (lambda permit: permit.settle(0), lambda grant: grant.settle(0)),
}
"""What may make room, done to a permit and to its model."""


@dataclass
class Model:
    """What the limiter should be like."""

    concurrency: int
    requests: int | None
    tokens: int | None
    now: float
    allowed: int
    era: int = 0
    held_until: float = 0.0
    queue: list[tuple[int, int, float]] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def running(self) -> int:
        return sum(grant.out for grant in self.grants)

    def room(self, tokens: int) -> bool:
        counted = [grant for grant in self.grants if grant.at + 60 > self.now]
        return (
            self.running < self.allowed
            and self.now >= self.held_until
            and (self.requests is None or sum(grant.requests for grant in counted) + 1 <= self.requests)
            and (self.tokens is None or sum(g.tokens for g in counted) + min(tokens, self.tokens) <= self.tokens)
        )

    def serve(self) -> None:
        while self.queue and self.room(self.queue[0][1]):
            caller, tokens, since = self.queue.pop(0)
            cost = tokens if self.tokens is None else min(tokens, self.tokens)
            self.grants.append(Grant(caller, self.now, cost, self.era))
            self.waits.append(self.now - since)

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            moments = [self.held_until, end, *(grant.at + 60 for grant in self.grants)]
            self.now = min(moment for moment in moments if moment > self.now)
            self.serve()


class LimiterMachine(RuleBasedStateMachine):
    """Every task that got a permit notes when; all of them keep their permits until a rule ends them."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = VirtualClock()
        self.waiting: dict[int, asyncio.Task[None]] = {}
        self.permits: dict[int, Permit] = {}
        self.began: list[tuple[int, float]] = []
        self.unseen: set[int] = set()
        self.callers = 0

    def teardown(self) -> None:
        self.runner.close()

    @initialize(concurrency=st.sampled_from([1, 2, 3, 16]), requests=REQUESTS, tokens=LIMITS)
    def start(self, concurrency: int, requests: int | None, tokens: int | None) -> None:
        self.learns = requests is None, tokens is None
        self.model = Model(concurrency, requests, tokens, self.clock.now(), concurrency)
        self.limiter = RateLimiter(
            concurrency=concurrency,
            requests_per_minute=requests,
            tokens_per_minute=tokens,
            now=self.clock.now,
            sleep=self.clock.sleep,
        )

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Do something, and let everybody act on it."""

        async def together() -> None:
            await work
            await settle()

        self.runner.run(together())
        self.waiting = {caller: task for caller, task in self.waiting.items() if not task.done()}

    def do(self, action: Callable[[], object]) -> None:
        async def act() -> None:
            action()

        self.run(act())

    async def call(self, caller: int, tokens: int) -> None:
        permit = await self.limiter.acquire(tokens)
        self.permits[caller] = permit
        self.began.append((caller, self.clock.now()))

    @rule(costs=st.lists(TOKENS, min_size=1, max_size=3))
    def calls(self, costs: list[int]) -> None:
        async def start() -> None:
            for tokens in costs:
                self.callers += 1
                self.waiting[self.callers] = asyncio.ensure_future(self.call(self.callers, tokens))
                self.model.queue.append((self.callers, tokens, self.model.now))

        self.run(start())
        self.model.serve()

    @rule(seconds=st.sampled_from([1, 5, 5, 20, 40, 59, 60, 200]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.clock.advance(seconds))
        self.model.pass_time(seconds)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(sorted(self.waiting)))
        task = self.waiting[caller]
        self.do(task.cancel)
        assert task.cancelled()
        self.model.queue = [place for place in self.model.queue if place[0] != caller]
        self.model.serve()

    def drawn(self, data: st.DataObject) -> tuple[Permit, Grant]:
        """Return a permit that is out, or one of the last two that are not any more."""
        known = [grant for grant in self.model.grants if grant.caller in self.permits]
        out, ended = ([grant for grant in known if grant.out == state] for state in (True, False))
        grant = data.draw(st.sampled_from([*out, *ended[-2:]]))
        return self.permits[grant.caller], grant

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), how=st.sampled_from(sorted(FREEING)))
    def make_room(self, data: st.DataObject, how: str) -> None:
        (permit, grant), (free, freed) = self.drawn(data), FREEING[how]
        self.do(lambda: free(permit))
        freed(grant)
        self.model.serve()

    @precondition(lambda self: self.permits and self.model.queue)
    @rule(data=st.data(), how=st.sampled_from(sorted(FREEING)))
    def make_room_and_cancel_who_was_told(self, data: st.DataObject, how: str) -> None:
        """The cancellation comes after the grant, if there is one, and before the caller has resumed."""
        (permit, grant), (free, freed) = self.drawn(data), FREEING[how]
        caller = self.model.queue[0][0]
        task = self.waiting[caller]

        def act() -> None:
            free(permit)
            task.cancel()

        self.do(act)
        assert task.cancelled()
        freed(grant)
        self.model.serve()
        self.model.queue = [place for place in self.model.queue if place[0] != caller]
        for granted in self.model.grants:
            if granted.caller == caller:
                granted.withdraw()
                self.unseen.add(caller)
        self.model.serve()

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), tokens=TOKENS)
    def settle(self, data: st.DataObject, tokens: int) -> None:
        permit, grant = self.drawn(data)
        self.do(lambda: permit.settle(tokens))
        grant.settle(tokens)
        self.model.serve()

    @precondition(lambda self: self.permits)
    @rule(data=st.data(), limited=st.booleans())
    def say(self, data: st.DataObject, limited: bool) -> None:
        permit, grant = self.drawn(data)
        self.do(permit.rate_limited if limited else permit.succeeded)
        model = self.model
        if not grant.said and grant.era == model.era:
            model.allowed = max(1, model.allowed // 2) if limited else min(model.concurrency, model.allowed + 1)
            model.era += limited
        grant.said = True
        model.serve()

    @rule(seconds=st.sampled_from([0, 0, 1, 5, 70]))
    def hold(self, seconds: int) -> None:
        self.do(lambda: self.limiter.hold(seconds))
        self.model.held_until = max(self.model.held_until, self.model.now + seconds)

    @rule(requests=REQUESTS, tokens=LIMITS, reset=st.sampled_from([0, 0, 0, 5, 70]))
    def learn(self, requests: int | None, tokens: int | None, reset: int) -> None:
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{reset}s"}
        model = self.model
        for kind, limit, learns in zip(("requests", "tokens"), (requests, tokens), self.learns, strict=True):
            if limit is not None:
                headers[f"x-ratelimit-limit-{kind}"] = str(limit)
                if learns:
                    setattr(model, kind, limit)
        self.do(lambda: self.limiter.learn(headers))
        model.held_until = max(model.held_until, model.now + reset)
        model.serve()

    @invariant()
    def it_is_as_the_model(self) -> None:
        model = self.model
        assert self.clock.now() == model.now
        assert self.limiter.running == model.running
        assert self.limiter.allowed == model.allowed
        assert self.limiter.queued == len(model.queue) == len(self.waiting)
        assert self.limiter.granted == len(model.grants)
        assert self.limiter.waited == sum(model.waits)
        assert self.limiter.longest_wait == max(model.waits, default=0.0)

    @invariant()
    def everybody_goes_in_turn_and_at_the_earliest_time(self) -> None:
        assert self.began == [(g.caller, g.at) for g in self.model.grants if g.caller not in self.unseen]

    @invariant()
    def only_the_first_of_the_queue_sets_an_alarm(self) -> None:
        assert self.clock.sleeping <= (1 if self.model.queue else 0)


TestLimiterMachine = LimiterMachine.TestCase
TestLimiterMachine.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
