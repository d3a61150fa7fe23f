"""A clock that tests move, and how to let other tasks run as far as they can."""

import asyncio
import itertools
from dataclasses import dataclass, field
from heapq import heappop, heappush

import anyio
import anyio.lowlevel


async def settle() -> None:
    """Return when every other task waits for something."""
    loop = asyncio.get_running_loop()
    for _ in range(10_000):
        await anyio.lowlevel.checkpoint()
        if not loop._ready:  # type: ignore[attr-defined]
            return
    raise AssertionError("the other tasks never come to rest")


@dataclass(slots=True)
class VirtualClock:
    """Time passes when `advance` says so; whoever sleeps wakes at the exact time, and acts, before it goes on."""

    time: float = 1000.0
    _sleeping: list[tuple[float, int, anyio.Event]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        event = anyio.Event()
        heappush(self._sleeping, place := (self.time + max(0.0, seconds), next(self._numbers), event))
        try:
            await event.wait()
        finally:
            if place in self._sleeping:
                self._sleeping.remove(place)
                self._sleeping.sort()

    async def advance(self, seconds: float) -> None:
        end = self.time + seconds
        await settle()
        while self._sleeping and self._sleeping[0][0] <= end:
            await self._ring()
        self.time = end

    async def run_out(self) -> None:
        """Let time pass until nobody sleeps any more."""
        await settle()
        while self._sleeping:
            await self._ring()

    async def _ring(self) -> None:
        self.time, _, event = heappop(self._sleeping)
        event.set()
        await settle()

    @property
    def sleeping(self) -> int:
        """How many sleep."""
        return len(self._sleeping)
