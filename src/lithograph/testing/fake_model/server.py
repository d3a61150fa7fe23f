"""The fake model behind a socket: HTTP/1.1 with keep-alive, and every way in which a connection can go wrong."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, SupportsIndex

import anyio
import h11

from lithograph.errors import UsageError
from lithograph.testing.fake_model.engine import FakeModel
from lithograph.testing.fake_model.exchange import Delivery, HttpRequest, Reply
from lithograph.testing.fake_model.stats import Stats

_READ: Final = 65_536
_DRIPS: Final = 12
"""Pieces of a body that is dripped."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # an address to listen on, and one to ask at


@dataclass(frozen=True, slots=True)
class RunningFakeModel:
    """A fake model that listens. `url` is the base URL for OpenAI's clients, and without its `/v1` for Anthropic's."""

    url: str
    model: FakeModel

    def stats(self) -> Stats:
        """Return what happened so far."""
        return self.model.stats()


@asynccontextmanager
async def serve_fake_model(
    model: FakeModel | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[RunningFakeModel]:
    """Serve a model, one with the defaults when none is given, until the context ends; port 0 is any free one.

    Raises `UsageError` when nothing can listen there. Needs asyncio.
    """
    served = model or FakeModel()
    await served.warm()
    connections: set[asyncio.Task[None]] = set()

    async def connected(received: _Received, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
            task.add_done_callback(connections.discard)
        with contextlib.suppress(asyncio.CancelledError):  # asyncio complains about the task of a connection otherwise
            await _Connection(received, writer, served).serve()

    loop = asyncio.get_running_loop()

    def connection() -> asyncio.StreamReaderProtocol:
        received = _Received(loop=loop)
        return asyncio.StreamReaderProtocol(received, partial(connected, received), loop=loop)

    try:
        server = await loop.create_server(connection, host, port)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else error
        raise UsageError(f"nothing can listen on {host} port {port} ({reason}); choose another") from error
    try:
        yield RunningFakeModel(_url(server), served)
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*connections, return_exceptions=True)
            await server.wait_closed()


def _url(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


class _Received(asyncio.StreamReader):
    """What has come from a client, and when: not only when somebody had the time to look at it."""

    at = 0.0

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        """Take what has come."""
        self.at = asyncio.get_running_loop().time()
        super().feed_data(data)


class _OverError(Exception):
    """The connection is over: the client has gone, or a fault closes it."""


class _Connection:
    """One connection, with one request after the other."""

    def __init__(self, reader: _Received, writer: asyncio.StreamWriter, model: FakeModel) -> None:
        self._reader, self._writer, self._model = reader, writer, model
        self._http = h11.Connection(h11.SERVER)
        self._loop = asyncio.get_running_loop()

    async def serve(self) -> None:
        """Answer requests until one side closes the connection."""
        try:
            while await self._one():
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self._complain(error)
        except (_OverError, ConnectionError):
            pass
        finally:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _one(self) -> bool:
        """Answer one request and return whether another may follow."""
        request = await self._request()
        came = self._reader.at
        call = await self._model.receive(request)
        complete = False
        try:
            await self._send(call.reply, came)
            complete = True
        finally:
            self._model.end(call, complete=complete)
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _request(self) -> HttpRequest:
        """Read one request; raises `_OverError` when none comes."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                await self._read()
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
                return HttpRequest(head.method.decode("ascii"), head.target.decode("latin-1"), headers, bytes(body))
            else:
                raise _OverError

    async def _read(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=100, headers=[]))
        self._http.receive_data(await self._reader.read(_READ))

    async def _send(self, reply: Reply, came: float) -> None:
        await self._wait(came + reply.wait)
        match reply.delivery:
            case Delivery.NEVER:
                await self._wait(None)
            case Delivery.DROPPED:
                raise _OverError
            case Delivery.CUT:
                self._write(_head(reply), h11.Data(data=reply.body[: len(reply.body) // 2]))
                await self._writer.drain()
                raise _OverError
            case Delivery.DRIPPED:
                self._write(_head(reply))
                began = self._loop.time()
                for number, piece in enumerate(_pieces(reply.body)):
                    await self._wait(began + reply.seconds * number / _DRIPS)
                    self._write(h11.Data(data=piece))
                self._write(h11.EndOfMessage())
            case Delivery.WHOLE:
                self._write(_head(reply), h11.Data(data=reply.body), h11.EndOfMessage())
        await self._writer.drain()

    async def _wait(self, until: float | None) -> None:
        """Wait until a time of the loop's clock, or for ever; raises `_OverError` when the client goes before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while data := await self._reader.read(_READ):
                    self._http.receive_data(data)
                raise _OverError

    def _complain(self, error: h11.RemoteProtocolError) -> None:
        """Answer what is no HTTP."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = f"{error}\n".encode()
            self._write(_head(Reply(error.error_status_hint, body)), h11.Data(data=body), h11.EndOfMessage())

    def _write(self, *events: h11.Event) -> None:
        self._writer.write(b"".join(self._http.send(event) or b"" for event in events))


def _head(reply: Reply) -> h11.Response:
    headers = {"content-type": "application/json", **reply.headers, "content-length": str(len(reply.body))}
    return h11.Response(status_code=reply.status, headers=list(headers.items()))


def _pieces(body: bytes) -> Iterator[bytes]:
    size = -(-len(body) // _DRIPS)
    for start in range(0, len(body), size):
        yield body[start : start + size]
