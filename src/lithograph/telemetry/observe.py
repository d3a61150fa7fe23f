"""Observers: whoever wants to know what happens is told of it, and what happens does not know who that is.

    run          an execution, by this process, from its claim until it ends or is let go of
      activity   one attempt at a named activity
        call     one request to a model
    request      one that came in over HTTP
    and what has no duration: an execution's status, a wait for a turn, a circuit that opens or closes

With no observer, telling costs a look at an empty tuple.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, Self

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.domain.usage import NOTHING, Usage
from lithograph.errors import (
    AnswerError,
    BlockedError,
    FencedError,
    LithographError,
    OverloadedError,
    RateLimitedError,
    RejectedError,
    StorageError,
    TransientError,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """Which execution something is about."""

    organization_id: OrganizationId
    execution_id: ExecutionId
    workflow_type: str


class Outcome(StrEnum):
    """How a run, an activity or a call ended; a run may also have left its execution in any status."""

    COMPLETED = "completed"
    """An activity has its result, a call its answer."""
    RETRIED = "retried"
    """An activity's attempt failed, and there is another."""
    FAILED = "failed"
    """For good."""
    BLOCKED = "blocked"
    """It cannot go on for now: no budget, or the provider is away."""
    INTERRUPTED = "interrupted"
    """It was cancelled, or the database could not be used."""
    LOST = "lost"
    """The execution is somebody else's."""
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    """A timeout, a lost connection, or an error of the provider."""
    REJECTED = "rejected"
    """The provider refuses the request as it is: key, model, parameters, quota."""
    UNUSABLE = "unusable"
    """There was an answer, and it was none."""


class Circuit(Protocol):
    """What is seen of a circuit."""

    @property
    def state(self) -> str:
        """Return `closed`, `half_open` or `open`."""
        ...


class Queue(Protocol):
    """What is seen of a rate limiter."""

    @property
    def queued(self) -> int:
        """Return how many callers wait for their turn."""
        ...

    @property
    def running(self) -> int:
        """Return how many calls are out."""
        ...


class Observed(Protocol):
    """What is seen of a provider, which is one model of it, whenever somebody looks."""

    @property
    def name(self) -> str:
        """Return what the model is called."""
        ...

    @property
    def circuit(self) -> Circuit:
        """Return its circuit."""
        ...

    @property
    def limiter(self) -> Queue:
        """Return its limiter."""
        ...


Ended = Callable[[str, float, Usage], None]
"""Is told how something ended, after how many seconds, and what it cost."""


Answered = Callable[[str, int, float], None]
"""Is told which route a request took, the status it was answered with, and after how many seconds the answer began."""


class Observer:
    """Is told of everything, on the loop or in a thread that does the work: quickly, and it must not raise.

    Whatever has a duration is told of when it begins, and the answer, if there is one, is called when it has ended, in
    the same task. Each method does nothing: an observer has those that it needs.
    """

    def run(self, subject: Subject) -> Ended | None:
        """A claimed execution begins to run; the outcome is the status that it is left in, or an `Outcome`."""

    def loaded(self, subject: Subject, replayed: int, repeated: int) -> None:
        """Its journal is read: that many activities need not run, that many were in flight before and run again."""

    def activity(self, name: str, attempt: int) -> Ended | None:
        """An attempt at an activity begins; the part of the name before the first slash is its stage."""

    def call(self, model: str, task: str) -> Ended | None:
        """A request goes to a model; `task` says what for."""

    def request(self, method: str, headers: Mapping[str, str]) -> Answered | None:
        """A request has come in; `headers` have names in lower case."""

    def headers(self) -> Mapping[str, str]:
        """Return what goes into the headers of the request that this task sends."""
        return {}

    def changed(self, subject: Subject, change: str) -> None:
        """An execution's status has changed, durably: `started`, `resumed`, `recovered`, or the status it has now."""

    def waited(self, model: str, seconds: float) -> None:
        """A call has waited for its turn."""

    def circuit_changed(self, model: str, state: str) -> None:
        """A circuit is `open`, `half_open` or `closed` now."""

    def provider(self, provider: Observed) -> None:
        """A provider is used from now on; it may be looked at whenever that is useful, and must not be kept alive."""


class Watch:
    """Something that lasts. The first word on how it ended counts; as a context manager it ends as the block does."""

    __slots__ = ("_began", "_ends")

    def __init__(self, ends: tuple[Ended | None, ...]) -> None:
        self._ends = ends
        self._began = time.perf_counter() if ends else 0.0

    def end(self, outcome: str, usage: Usage = NOTHING) -> None:
        """Say how it ended, and what it cost."""
        if not self._ends:
            return
        ends, self._ends = self._ends, ()
        seconds = time.perf_counter() - self._began
        for end in reversed(ends):
            if end is not None:
                end(outcome, seconds, usage)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ends:
            self.end(Outcome.COMPLETED if error is None else outcome_of(error))


_OUTCOMES: Final = (
    (FencedError, Outcome.LOST),
    (BlockedError, Outcome.BLOCKED),
    (StorageError, Outcome.INTERRUPTED),
    (RateLimitedError, Outcome.RATE_LIMITED),
    (OverloadedError, Outcome.OVERLOADED),
    (TransientError, Outcome.UNAVAILABLE),
    (RejectedError, Outcome.REJECTED),
    (AnswerError, Outcome.UNUSABLE),
    (LithographError, Outcome.FAILED),
)


def outcome_of(error: BaseException) -> Outcome:
    """Return what an error means for what it ended."""
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), Outcome.INTERRUPTED)


current_subject: ContextVar[Subject | None] = ContextVar("current_subject", default=None)
"""The execution that this task works for; None where it works for none."""

_observers: tuple[Observer, ...] = ()
_UNWATCHED: Final = Watch(())


@contextmanager
def observing(*observers: Observer) -> Iterator[None]:
    """Have these told of everything that happens in this process, as long as this lasts."""
    global _observers  # noqa: PLW0603  # what happens has no caller that could pass them down
    _observers += observers
    try:
        yield
    finally:
        _observers = tuple(one for one in _observers if one not in observers)


@contextmanager
def watch_run(subject: Subject) -> Iterator[Watch]:
    """Watch the run of an execution, and let all that happens inside be about it."""
    token = current_subject.set(subject)
    try:
        with Watch(tuple([one.run(subject) for one in _observers])) as watch:
            yield watch
    finally:
        current_subject.reset(token)


def watch_activity(name: str, attempt: int) -> Watch:
    """Watch an attempt at an activity."""
    return Watch(tuple([one.activity(name, attempt) for one in _observers])) if _observers else _UNWATCHED


def watch_call(model: str, task: str) -> Watch:
    """Watch a request to a model."""
    return Watch(tuple([one.call(model, task) for one in _observers])) if _observers else _UNWATCHED


def watch_request(method: str, headers: Callable[[], Mapping[str, str]]) -> Answered | None:
    """Tell that a request has come in, and return what is to be called when it is answered; None with no observer."""
    if not _observers:
        return None
    given = headers()
    told = [one.request(method, given) for one in _observers]

    def answered(route: str, status: int, seconds: float) -> None:
        for one in reversed(told):
            if one is not None:
                one(route, status, seconds)

    return answered


def tell_loaded(subject: Subject, replayed: int, repeated: int) -> None:
    """Tell that the journal of an execution is read."""
    for one in _observers:
        one.loaded(subject, replayed, repeated)


def tell_changed(subject: Subject, change: str) -> None:
    """Tell that the status of an execution has changed."""
    for one in _observers:
        one.changed(subject, change)


def tell_waited(model: str, seconds: float) -> None:
    """Tell that a call has waited for its turn."""
    for one in _observers:
        one.waited(model, seconds)


def tell_circuit(model: str, state: str) -> None:
    """Tell that a circuit has changed."""
    for one in _observers:
        one.circuit_changed(model, state)


def tell_provider(provider: Observed) -> None:
    """Tell that there is a provider."""
    for one in _observers:
        one.provider(provider)


def headers_of_request() -> dict[str, str]:
    """Return what observers want to be in the headers of the request that is about to be sent."""
    return {name: value for one in _observers for name, value in one.headers().items()}
