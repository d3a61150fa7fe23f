"""The fake model, with an eye on who asks: each worker has a key of its own."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from anyio.from_thread import start_blocking_portal

from lithograph.testing.fake_model import FakeModel, serve_fake_model
from lithograph.testing.fake_model.exchange import Call, HttpRequest

_KEPT: Final = 60.0
"""Seconds that answered calls are remembered for."""


class WatchedModel(FakeModel):
    """Knows which calls of which key are under way, and which were answered a moment ago."""

    def __init__(self, latency: float) -> None:
        super().__init__(latency=latency)
        self._asking: dict[int, str] = {}
        self._lately: deque[tuple[float, str]] = deque()

    async def receive(self, request: HttpRequest) -> Call:
        """Return the reply to a request."""
        call = await super().receive(request)
        if call.number:
            self._asking[call.number] = request.headers.get("authorization", "").removeprefix("Bearer ")
        return call

    def end(self, call: Call, *, complete: bool) -> None:
        """Take note that a call is over."""
        super().end(call, complete=complete)
        key = self._asking.pop(call.number, None)
        if key is not None:
            now = time.monotonic()
            self._lately.append((now, key))
            while self._lately[0][0] < now - _KEPT:
                self._lately.popleft()

    def unkept(self, since: float, key: str | None = None) -> int:
        """Return how many calls, of one key or of all, may be lost with their worker: those under way, and those that
        were answered after `since`, on the monotonic clock, and need not have been written yet.
        """
        under_way = Counter(self._asking.values())
        late = Counter(asked for at, asked in list(self._lately) if at > since)
        return under_way[key] + late[key] if key is not None else under_way.total() + late.total()


@contextmanager
def watched_model(latency: float) -> Iterator[tuple[WatchedModel, str]]:
    """Serve one on a thread of its own; give it and its URL."""
    model = WatchedModel(latency)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve_fake_model(model)) as running:
        yield model, running.url
