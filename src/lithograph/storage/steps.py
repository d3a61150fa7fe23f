"""Work in steps: it says what it waits for, and whoever does it decides how: by standing still, or on a loop.

def steps() -> Steps[int]:
    yield Wait(socket)       # until something can be read
    yield connect            # whatever takes its time, and is called
    return 1
"""

import asyncio
import select
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until something can be read from a socket, or, with `writing`, written to it."""

    descriptor: int
    writing: bool = False

    def __call__(self) -> None:
        """Stand still until then."""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN | (select.POLLOUT if self.writing else 0))
        poll.poll()


class Turn:
    """Wait until whoever's steps were begun before has finished. Where they are done one after the other, he has."""

    def __call__(self) -> None:
        """Do nothing."""


TURN: Final = Turn()

Step = Callable[[], object]
"""What has to be done before the next step. What it raises is raised where it was asked for."""

Steps = Generator[Step, None, T]


def finished(steps: Steps[T], step: Step | None = None) -> T:
    """Do all steps, one after the other, and return what comes of them; `step` is one that was taken already."""
    try:
        step = step or next(steps)
        while True:
            try:
                step()
            except Exception as error:
                step = steps.throw(error)
            else:
                step = next(steps)
    except StopIteration as end:
        found: T = end.value
        return found


class OnLoop(Generic[T]):
    """Does steps on a loop, which goes on while they wait; what is called is called in a thread of `elsewhere`."""

    def __init__(
        self, steps: Steps[T], elsewhere: ThreadPoolExecutor, then: Callable[[T | Exception], None], *, first: bool
    ) -> None:
        """`then` is called on the loop with what came of it; the first one has its turn from the beginning."""
        self._steps, self._elsewhere, self._then, self._has_turn = steps, elsewhere, then, first
        self._loop = asyncio.get_running_loop()
        self._step: Step | None = None
        """What is waited for."""

    def go_on(self, error: BaseException | None = None) -> None:
        """Go as far as it goes without waiting; to be called once, to begin."""
        self._step = None
        try:
            self._step = next(self._steps) if error is None else self._steps.throw(error)
        except StopIteration as end:
            self._then(end.value)
        except Exception as failure:
            self._then(failure)
        else:
            self._await(self._step)

    def take_turn(self) -> None:
        """Say that whoever was begun before has finished."""
        self._has_turn = True
        if self._step is TURN:
            self.go_on()

    def look_again(self) -> None:
        """Go on although nothing has come: where a socket was closed by somebody else, nothing will."""
        if isinstance(self._step, Wait):
            self._ready(self._step)

    def _await(self, step: Step) -> None:
        if isinstance(step, Wait):
            self._loop.add_reader(step.descriptor, self._ready, step)
            if step.writing:
                self._loop.add_writer(step.descriptor, self._ready, step)
        elif step is not TURN:
            called = self._elsewhere.submit(step)
            self._step = called.result
            called.add_done_callback(lambda one: self._loop.call_soon_threadsafe(self._was_called, one))
        elif self._has_turn:
            self.go_on()

    def _ready(self, wait: Wait) -> None:
        self._unwatch(wait)
        self.go_on()

    def _unwatch(self, wait: Wait) -> None:
        self._loop.remove_reader(wait.descriptor)
        if wait.writing:
            self._loop.remove_writer(wait.descriptor)

    def _was_called(self, called: "Future[object]") -> None:
        if self._step == called.result:  # it was not finished meanwhile
            self.go_on(called.exception())

    def finish(self) -> None:
        """Do what is left, standing still where it waits."""
        step, self._step = self._step, None
        if isinstance(step, Wait):
            self._unwatch(step)
        try:
            result: T | Exception = finished(self._steps, step)
        except Exception as failure:
            result = failure
        self._then(result)
