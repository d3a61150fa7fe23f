"""A proxy that does to TCP connections what networks do: it cuts them, refuses them, and makes them slow.

    with FaultProxy(target_of(url)) as proxy:
        client = connect(proxy.url(url))
        proxy.cut()

It forwards bytes without looking at them, to a TCP address or a Unix socket. It has a thread of its own, and may be
told what to do from any other.
"""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from lithograph.errors import UsageError

T = TypeVar("T")

Address: TypeAlias = tuple[str, int] | Path
"""Where something listens: a host and a port, or a Unix socket."""

_PIECE: Final = 65_536
_POSTGRESQL_PORT: Final = 5432
_RESET: Final = struct.pack("ii", 1, 0)
"""With this, a closed socket sends nothing more and tells the other side that it is gone."""


def target_of(url: str) -> Address:
    """Return where the server of a URL listens; a PostgreSQL URL may name the folder of a Unix socket.

    Raises `UsageError` for a URL that names no server.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UsageError("this is no URL of a server; write postgresql://USER@HOST/NAME, for instance") from error
    host = parsed.host or parsed.query.get("host")
    port = parsed.port or parsed.query.get("port") or _POSTGRESQL_PORT
    if not isinstance(host, str) or isinstance(port, tuple):
        raise UsageError("the URL names no server, or several; name the one that connections are to be forwarded to")
    return Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else (host, int(port))


class FaultProxy:
    """Forwards connections to `target`; listens on a free port of this machine, or on `port`. A context manager.

    `seed` decides what is left to chance. A connection to a target that does not answer is reset.
    """

    def __init__(self, target: Address, *, seed: int = 0, host: str = "127.0.0.1", port: int = 0) -> None:
        self._target, self._listen = target, (host, port)
        self._chance = random.Random(seed)  # noqa: S311  # a test that can be repeated
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: dict[_Connection, asyncio.Task[None]] = {}
        self._refusing = False
        self._refused = 0
        self._delay = 0.0
        self._at_most: int | None = None
        self._answers = False

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._server = self._wait_for(asyncio.start_server(self._connected, *self._listen))
        except OSError as error:
            self._end()
            host, port = self._listen
            raise UsageError(f"nothing can listen on {host} port {port} ({error.strerror}); choose another") from error
        return self

    def __exit__(self, *raised: object) -> None:
        self._wait_for(self._close())
        self._end()

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port that clients connect to; raises `UsageError` before it listens."""
        if self._server is None:
            raise UsageError("the proxy does not listen: use it as a context manager")
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    def url(self, url: str) -> str:
        """Return a URL of the target's as one that leads through this proxy, the rest unchanged."""
        host, port = self.address
        through = make_url(url).difference_update_query(["host", "port"]).set(host=host, port=port)
        return through.render_as_string(hide_password=False)

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return self._call(lambda: len(self._open))

    @property
    def refused(self) -> int:
        """How many connections were refused so far."""
        return self._call(lambda: self._refused)

    def cut(self) -> int:
        """Cut every connection there is, with whatever is under way, and return how many those were."""
        return self._call(self._cut)

    def cut_after(self, at_most: int | None, *, answers: bool = False) -> None:
        """Cut every connection, present and future, after a number of bytes from 1 to `at_most`, drawn for each of
        them; None ends that.

        Both directions count, or with `answers` only what comes back: then something was asked and perhaps done, and it
        is the answer that is lost.
        """
        self._call(lambda: self._limit(at_most, answers))

    def refuse(self, refusing: bool = True) -> None:
        """Reset new connections as soon as they are made, or stop doing so; those there are stay."""
        self._call(lambda: self._set(refusing=refusing))

    def delay(self, seconds: float) -> None:
        """Forward everything so many seconds later than it came; 0 ends that."""
        self._call(lambda: self._set(delay=seconds))

    def _cut(self) -> int:
        for connection in self._open:
            connection.reset()
        return len(self._open)

    def _set(self, *, refusing: bool | None = None, delay: float | None = None) -> None:
        self._refusing = self._refusing if refusing is None else refusing
        self._delay = self._delay if delay is None else delay

    def _limit(self, at_most: int | None, answers: bool) -> None:
        self._at_most, self._answers = at_most, answers
        for connection in self._open:
            connection.left = self._drawn()

    def _drawn(self) -> int | None:
        return None if self._at_most is None else self._chance.randint(1, self._at_most)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection((writer,), self._drawn())
        task = asyncio.current_task()
        if task is None or self._refusing:
            self._refused += 1
            connection.reset()
            return
        self._open[connection] = task
        try:
            await self._forward(connection, reader, writer)
        except (OSError, asyncio.CancelledError):  # one side is gone, or this ends: asyncio would print a traceback
            connection.reset()
        finally:
            connection.close()
            del self._open[connection]

    async def _forward(
        self, connection: "_Connection", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if isinstance(self._target, Path):
            answers, target = await asyncio.open_unix_connection(self._target)
        else:
            answers, target = await asyncio.open_connection(*self._target)
        connection.writers += (target,)
        await asyncio.gather(
            self._pass(connection, reader, target, answer=False), self._pass(connection, answers, writer, answer=True)
        )

    async def _pass(
        self, connection: "_Connection", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answer: bool
    ) -> None:
        while data := await reader.read(_PIECE):
            if self._delay:
                await asyncio.sleep(self._delay)
            counts = answer or not self._answers
            allowed = connection.allowed(len(data)) if counts else len(data)
            writer.write(data[:allowed])
            await writer.drain()
            if allowed < len(data):
                connection.reset()
                return
        with suppress(OSError):
            writer.write_eof()  # the other side may still have something to say

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._open.values()):
            task.cancel()
        await asyncio.gather(*self._open.values(), return_exceptions=True)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Callable[[], T]) -> T:
        async def called() -> T:
            return work()

        return self._wait_for(called())

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


@dataclass(eq=False, slots=True)
class _Connection:
    """Both ends of a connection, and how many bytes may still pass."""

    writers: tuple[asyncio.StreamWriter, ...]
    left: int | None

    def allowed(self, count: int) -> int:
        """Return how many of `count` bytes may pass, which then have."""
        if self.left is None:
            return count
        allowed = min(count, self.left)
        self.left -= allowed
        return allowed

    def close(self) -> None:
        """End it when what was written has been sent."""
        for writer in self.writers:
            writer.close()

    def reset(self) -> None:
        """End it at once, both ways."""
        for writer in self.writers:
            end: socket.socket | None = writer.get_extra_info("socket")
            if end is not None and end.family != socket.AF_UNIX and end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
