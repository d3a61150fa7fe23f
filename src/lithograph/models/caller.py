"""Caller: asks a model through the policy of its provider, or the next model when that one cannot answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from lithograph.domain.usage import Usage
from lithograph.errors import ExhaustedError, OutageError, RejectedError, TransientError, UsageError
from lithograph.models.chat import ChatModel, ChatRequest
from lithograph.models.prices import Price, charged
from lithograph.models.wire import WireAnswer
from lithograph.resilience.policy import Call, Policy, Scope, Timeouts
from lithograph.resilience.provider import Provider
from lithograph.resilience.retry import RetryPolicy

CHARACTERS_A_TOKEN = 4
"""Of English text, about; what a minute's tokens are debited with until the answer says better."""

_LEAST_CHARACTERS_A_TOKEN = 1.5
"""Of any text, so that what is reserved of a budget is hardly ever too little."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and what it cost."""

    answer: WireAnswer
    usage: Usage


class Asks(Protocol):
    """Whatever can be asked: one model, or several in order."""

    @property
    def names(self) -> Sequence[str]:
        """Return the names of the models, the first one first."""
        ...

    @property
    def providers(self) -> Sequence[Provider]:
        """Return what the process shares of each of them."""
        ...

    async def ask(self, request: ChatRequest) -> Reply:
        """Return the answer to a request, also one that was cut short or refused; raises as `Policy.call` does."""
        ...

    def within(self, scope: Scope) -> Self:
        """Return the same, asking on behalf of `scope`."""
        ...

    def once(self) -> Self:
        """Return the same, making one attempt and no more."""
        ...


@dataclass(frozen=True, slots=True)
class ModelCaller:
    """Asks one model. `price` is None where it is not known: then nothing is asked where money is limited, and what is
    asked elsewhere counts as costing nothing.
    """

    model: ChatModel
    policy: Policy
    price: Price | None = None
    timeouts: Mapping[str, Timeouts] = field(default_factory=dict)
    """By task, where they are not the usual ones."""
    scope: Scope = field(default_factory=Scope)

    @property
    def names(self) -> Sequence[str]:
        """Return the model's name."""
        return (self.model.name,)

    @property
    def providers(self) -> Sequence[Provider]:
        """Return what the process shares of the model."""
        return (self.policy.provider,)

    def within(self, scope: Scope) -> "ModelCaller":
        """Return the same, asking on behalf of `scope`."""
        return replace(self, scope=scope)

    def once(self) -> "ModelCaller":
        """Return the same, making one attempt and no more."""
        return replace(self, policy=replace(self.policy, retry=RetryPolicy(retries=0), waits=False))

    async def ask(self, request: ChatRequest) -> Reply:
        """Return the answer to a request; raises as `Policy.call` does."""

        async def make() -> Reply:
            answer = await self.model.send(request, self.policy.provider.limiter.learn)
            used = charged(self.price, answer.input_tokens, answer.output_tokens, answer.cached_tokens)
            return Reply(answer, used)

        most = int(request.characters / _LEAST_CHARACTERS_A_TOKEN)
        call = Call(
            request.task,
            make,
            request.characters // CHARACTERS_A_TOKEN,
            charged(self.price, most, request.max_tokens),
            lambda reply: reply.usage,
            self.timeouts.get(request.task, Timeouts()),
            priced=self.price is not None,
        )
        return await self.policy.call(call, self.scope)


@dataclass(frozen=True, slots=True)
class Fallback:
    """Asks the first of several models, and each next one when the one before it cannot answer.

    Only the last one is waited for: a model whose circuit is open is passed over at once.
    """

    callers: Sequence[ModelCaller]

    def __post_init__(self) -> None:
        if not self.callers:
            raise UsageError("a fallback needs at least one model")

    @property
    def names(self) -> Sequence[str]:
        """Return the names of the models, the first one first."""
        return tuple(name for caller in self.callers for name in caller.names)

    @property
    def providers(self) -> Sequence[Provider]:
        """Return what the process shares of each of them."""
        return tuple(caller.policy.provider for caller in self.callers)

    def once(self) -> "Fallback":
        """Return the same, making one attempt with each and no more."""
        return Fallback([caller.once() for caller in self.callers])

    def within(self, scope: Scope) -> "Fallback":
        """Return the same, asking on behalf of `scope`."""
        hasty = replace(scope, patience=0.0)
        *others, last = self.callers
        return Fallback((*(caller.within(hasty) for caller in others), last.within(scope)))

    async def ask(self, request: ChatRequest) -> Reply:
        """Return the first answer; raises what the last model raises."""
        *others, last = self.callers
        for caller in others:
            try:
                return await caller.ask(request)
            except (TransientError, ExhaustedError, RejectedError, OutageError):
                continue
        return await last.ask(request)
