"""An event loop with timers to the tenth of a millisecond, where the system has them.

epoll counts whole milliseconds, and rounds up: an answer that is due comes up to one later than it should.
"""

import asyncio
import select
import selectors
import sys
from selectors import SelectorKey


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop; on Linux its timers are not rounded."""
    if sys.platform == "linux":
        return asyncio.SelectorEventLoop(PreciseSelector())
    return asyncio.new_event_loop()


if sys.platform == "linux":

    class PreciseSelector(selectors.EpollSelector):
        """Epoll, waited for with `select`, which counts microseconds."""

        def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
            """Return what is ready within `timeout` seconds."""
            if timeout is not None and timeout > 0:
                select.select([self.fileno()], [], [], timeout)
                timeout = 0
            return super().select(timeout)
