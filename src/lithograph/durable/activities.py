"""Journaled activities: a finished one gives its result back; the result of another is durable before it is used."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any, Protocol, TypeVar

import anyio
import anyio.lowlevel
import msgspec

from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import ActivityRow, ActivityStatus, EventRow, Owner, Write
from lithograph.errors import (
    ActivityError,
    BlockedError,
    ExhaustedError,
    FencedError,
    LithographError,
    StorageError,
    TransientError,
)
from lithograph.resilience.retry import RetryPolicy
from lithograph.telemetry.observe import Outcome, watch_activity

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True, slots=True)
class Finished:
    """A completed activity as the journal has it; `result` is JSON."""

    input_hash: str
    result: str


class Codec(Protocol):
    """Results to JSON and back, and what they say about themselves."""

    def encode(self, result: Any) -> str:  # a journal holds results of every type
        """Return `result` as JSON."""
        ...

    def decode(self, result: str) -> Any:
        """Return what `encode` was given."""
        ...

    def usage(self, result: Any) -> str | None:
        """Return what the result cost, as JSON; None when that means nothing."""
        ...

    def events(self, name: str, result: Any) -> Iterable[tuple[str, Mapping[str, object]]]:
        """Yield the events, beyond `activity.completed`, that the result is worth: `(type, payload)`."""
        ...


@dataclass(slots=True)
class Gate:
    """Counts what is in flight, and can be shut: then nothing new begins, and `idle` is set when all has ended.

    What waits, for its turn or for a provider that is away, is aside: it is not in flight, and begins anew.
    """

    blocked: BlockedError | None = None
    """Why it was shut, when an activity did that."""
    in_flight: int = 0
    shut: anyio.Event = field(default_factory=anyio.Event)
    idle: anyio.Event = field(default_factory=anyio.Event)

    def close(self, blocked: BlockedError | None = None) -> None:
        """Let nothing new begin."""
        self.blocked = self.blocked or blocked
        self.shut.set()
        self._look()

    async def enter(self) -> None:
        """Return at once while the gate is open; never when it is shut: whoever shut it cancels those who wait."""
        if self.shut.is_set():
            await anyio.sleep_forever()
        self.in_flight += 1

    def leave(self) -> None:
        """Say that one has ended."""
        self.in_flight -= 1
        self._look()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Wait inside of this."""
        self.leave()
        try:
            yield
        finally:
            self.in_flight += 1
        if self.shut.is_set():
            self.leave()
            try:
                await anyio.sleep_forever()
            finally:
                self.in_flight += 1

    def _look(self) -> None:
        if self.shut.is_set() and self.in_flight == 0:
            self.idle.set()


current_activity: ContextVar[str] = ContextVar("current_activity", default="")
"""The name of the activity that runs, for whoever tells of something on its behalf."""


def input_hash(context: str, value: object) -> str:
    """Return the SHA-256, in hexadecimal, of everything that an activity's result depends on."""
    state = sha256(context.encode())
    state.update(msgspec.json.encode(value))
    return state.hexdigest()


class JournaledActivities:
    """`Activities` whose results outlive the process. One for each run of an execution."""

    def __init__(
        self,
        *,
        owner: Owner,
        writer: JournalWriter,
        finished: Mapping[str, Finished],
        codec: Codec,
        context: str,
        clock: Clock,
        chance: random.Random,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # a frozen value
        overrides: Mapping[str, RetryPolicy] | None = None,
        progress: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """`context` is hashed with every input: whatever else decides a result.

        `overrides` has retry policies by the part of a name before the first slash; `progress` is merged into events.
        """
        self._owner, self._writer, self._finished = owner, writer, finished
        self._codec, self._context, self._clock, self._chance = codec, context, clock, chance
        self._retry, self._overrides, self._progress = retry, overrides or {}, progress
        self.gate = Gate()

    async def run(self, name: str, function: Callable[[I], Awaitable[O]], input: I) -> O:  # noqa: A002
        """Return what the journal has for `name` and `input`, else run, journal and return.

        Raises `ActivityError` when it failed for good, which is journaled too, and `FencedError` when the execution
        was lost to another worker.
        """
        key = input_hash(self._context, input)
        done = self._finished.get(name)
        if done is not None and done.input_hash == key:
            await anyio.lowlevel.checkpoint()  # a long journal that is read back must not keep others waiting
            known: O = self._codec.decode(done.result)
            return known
        policy = self._overrides.get(name.partition("/")[0], self._retry)
        for attempt in count(1):
            error = None
            await self.gate.enter()
            watch = watch_activity(name, attempt)
            try:
                result = await self._attempt(name, key, attempt, function, input)
            except (FencedError, StorageError):
                raise
            except BlockedError as failure:
                self.gate.close(failure)
                watch.end(Outcome.BLOCKED)
            except LithographError as failure:
                error = failure
                if not isinstance(failure, TransientError) or attempt > policy.retries:
                    tries = failure.attempts if isinstance(failure, ExhaustedError) else attempt
                    await self._failed(name, key, tries, failure)
                    watch.end(Outcome.FAILED)
                    raise ActivityError(name, str(failure), tries) from failure
                watch.end(Outcome.RETRIED)
            else:
                watch.end(Outcome.COMPLETED)
                return result
            finally:
                watch.end(Outcome.INTERRUPTED)
                self.gate.leave()
            if error is None:
                await anyio.sleep_forever()  # the gate is shut: whoever looks after it cancels this
            wait = policy.wait(attempt, self._chance)
            payload = {"activity": name, "attempt": attempt, "error": str(error), "wait": round(wait, 3)}
            await self._writer.commit(Write(self._owner, events=(self._event("activity.retrying", payload),)))
            await self._clock.sleep(wait)
        raise AssertionError("attempts are counted without end")

    async def _attempt(self, name: str, key: str, attempt: int, function: Callable[[I], Awaitable[O]], value: I) -> O:
        began = self._clock.now()
        mark = ActivityRow(name, ActivityStatus.RUNNING, key, attempt, timestamp(began))
        self._writer.later(name, Write(self._owner, activities=(mark,)))
        current_activity.set(name)
        result = await function(value)
        await self._completed(mark, began, result)
        return result

    async def _completed(self, mark: ActivityRow, began: float, result: object) -> None:
        now = self._clock.now()
        duration = (now - began) * 1000
        row = ActivityRow(
            name=mark.name,
            status=ActivityStatus.COMPLETED,
            input_hash=mark.input_hash,
            attempt=mark.attempt,
            started_at=mark.started_at,
            result=self._codec.encode(result),
            usage=self._codec.usage(result),
            completed_at=timestamp(now),
            duration_ms=duration,
        )
        payload = {"activity": mark.name, "attempt": mark.attempt, "duration_ms": round(duration, 1)}
        events = [self._event("activity.completed", payload)]
        events += [
            self._event(kind, {"activity": mark.name, **more}) for kind, more in self._codec.events(mark.name, result)
        ]
        await self._writer.commit(Write(self._owner, activities=(row,), events=tuple(events)))

    async def _failed(self, name: str, key: str, attempt: int, error: LithographError) -> None:
        now = timestamp(self._clock.now())
        row = ActivityRow(name, ActivityStatus.FAILED, key, attempt, now, error=str(error), completed_at=now)
        payload = {"activity": name, "attempt": attempt, "error": str(error)}
        event = self._event("activity.failed", payload)
        await self._writer.commit(Write(self._owner, activities=(row,), events=(event,)))

    def _event(self, kind: str, payload: Mapping[str, object]) -> EventRow:
        return EventRow(kind, msgspec.json.encode({**payload, **self._progress()}).decode())
