"""Serving: the application on a socket, until the process is told to stop; then nobody is cut off in the middle."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from lithograph.durable.feed import Feeds
from lithograph.errors import UsageError

_HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take to arrive; its body has its own time."""

_READ_SECONDS: Final = 60.0
"""How long nothing of an answer may be read, while more of it is to come."""

_GRACE: Final = 5
"""Seconds that requests which are under way are given when the process ends."""

_BACKLOG: Final = 2_048


class _Impatient(H11Protocol):
    """HTTP/1.1 that hangs up on whoever opens a connection and then says, or reads, next to nothing."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._unread: asyncio.TimerHandle | None = None
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._waiting.cancel()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for somebody who does not read; until he does, nothing more is written."""
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        """Wait for him no more."""
        super().resume_writing()
        self._is_read()

    def _is_read(self) -> None:
        if self._unread is not None:
            self._unread.cancel()

    def _wait_for_reader(self, before: int | None = None) -> None:
        left = self.transport.get_write_buffer_size()
        if before is not None and left >= before:
            self.transport.abort()
        else:
            self._unread = self.loop.call_later(_READ_SECONDS, self._wait_for_reader, left)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._waiting.cancel()
        self._wait(self.transport.get_write_buffer_size())

    def _wait(self, unsent: int = 0) -> None:
        self._waiting = self.loop.call_later(_HEAD_SECONDS, self._hang_up, unsent)

    def _hang_up(self, unsent: int) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            return
        left = self.transport.get_write_buffer_size()
        if left < unsent:  # who reads slowly is still at the answer
            self._wait(left)
        else:
            self.transport.abort()


class _Server(uvicorn.Server):
    """A server whose process heeds the signals itself, and is told when requests are taken."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests."""
        await super().startup(sockets)
        self._told()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens there, on any free port where it is 0; raises `UsageError` when it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, or asyncio does not turn off Nagle's algorithm, and every answer waits 40 ms for an acknowledgement.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise UsageError(
            f"the address {host}, port {port}, cannot be served ({error.strerror or error}): name another one with "
            "--host and --port"
        ) from error
    return found


async def serve(app: FastAPI, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve an application until this is cancelled.

    Then no new request is taken, readers of events are sent away so that they come back to the process that follows,
    and what else is under way is finished within seconds.
    """
    config = uvicorn.Config(
        app,
        http=_Impatient,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        backlog=_BACKLOG,
    )
    server = _Server(config, started)
    serving = asyncio.ensure_future(server.serve([listening]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        if server.started:
            feeds: Feeds = app.state.server.feeds
            feeds.close()
        while not serving.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([serving])
