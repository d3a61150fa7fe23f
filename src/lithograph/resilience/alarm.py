"""Alarm: wakes a task when another one says so, or when its time has come."""

import math
from collections.abc import Awaitable, Callable

import anyio

Now = Callable[[], float]
"""Returns the seconds of a clock that never goes back; where it starts means nothing."""

Sleep = Callable[[float], Awaitable[None]]
"""Returns after that many seconds of the same clock."""


class Alarm:
    """Wakes one task, once. Those whose alarms are rung one after the other wake in that order, all in one turn of
    the event loop: a queue that rings in its order is left in its order.
    """

    __slots__ = ("_rung", "_sleeping")

    def __init__(self) -> None:
        self._rung = anyio.Event()
        self._sleeping: anyio.CancelScope | None = None

    def ring(self) -> None:
        """Wake the task, or let it not fall asleep."""
        self._rung.set()
        if self._sleeping is not None:
            self._sleeping.cancel()

    async def wait(self, seconds: float, sleep: Sleep) -> None:
        """Return when the alarm is rung, at the latest after `seconds`; `math.inf` sets no time."""
        if seconds == math.inf or self._rung.is_set():
            await self._rung.wait()
        else:
            with anyio.CancelScope() as self._sleeping:
                await sleep(seconds)
