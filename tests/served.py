"""A server that answers what a test tells it to, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import h11
import msgspec

READ = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; `headers` have names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; a `body` that is no bytes is sent as JSON."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


Script = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens at `url`, and what it was asked so far."""

    url: str
    asked: list[Asked]


@asynccontextmanager
async def served(script: Script | Answer) -> AsyncIterator[Server]:
    """Serve what a script answers, or always the same, until the context ends."""
    answer = (lambda _: script) if isinstance(script, Answer) else script
    asked: list[Asked] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await _serve(reader, writer, answer, asked)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()[:2]
        yield Server(f"http://{host}:{port}/v1", asked)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Script, asked: list[Asked]
) -> None:
    http, head, body = h11.Connection(h11.SERVER), h11.Request(method="GET", target="/", headers=[("host", "")]), b""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(READ))
        elif isinstance(event, h11.Request):
            head, body = event, b""
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            headers = {name.decode().lower(): value.decode() for name, value in head.headers}
            asked.append(Asked(head.target.decode(), headers, msgspec.json.decode(body) if body else None))
            said = answer(asked[-1])
            named = [*said.headers.items(), ("content-length", str(len(said.content)))]
            events = (h11.Response(status_code=said.status, headers=named), h11.Data(said.content), h11.EndOfMessage())
            writer.write(b"".join(http.send(one) or b"" for one in events))
            await writer.drain()
            http.start_next_cycle()
        else:
            return
