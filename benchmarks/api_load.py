"""Load for an HTTP server, from a process of its own: prints how many answers there were, how quick, and how wrong.

    python -m benchmarks.api_load HOST PORT KEY CONNECTIONS SECONDS RATE PATH...

Each connection asks for one path after the other. With a RATE of 0 it asks again as soon as it has an answer; with any
other one all of them together make so many requests a second, at moments that do not depend on the answers, and an
answer's time is counted from the moment at which it was to be asked for.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass
class Load:
    """What is asked for, and what came of it; `took` are seconds."""

    requests: Sequence[bytes]
    until: float
    every: float
    took: list[float] = field(default_factory=list)
    errors: int = 0


class Connection(asyncio.Protocol):
    """A connection that is kept open, with one request under way at most."""

    def __init__(self, load: Load, number: int, count: int) -> None:
        self._load, self._number, self._count = load, number, count
        self._asked = number
        self._due = time.perf_counter() + number * load.every
        self._buffer, self._over = b"", False
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._buffer, 0, head + 2)
        if length is None:
            self._load.errors += 1
            self._transport.close()
            return
        whole = head + 4 + int(length[1])
        if len(self._buffer) < whole:
            return
        self._load.took.append(time.perf_counter() - self._due)
        self._load.errors += not self._buffer.startswith(b"HTTP/1.1 200")
        self._buffer = self._buffer[whole:]
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # as asyncio has it
        self._load.errors += not self._over
        if not self.ended.done():
            self.ended.set_result(None)

    def _next(self) -> None:
        now = time.perf_counter()
        if self._load.every:
            self._due += self._load.every * self._count
        else:
            self._due = now
        if self._due >= self._load.until:
            self._over = True
            self._transport.close()
        elif self._due <= now:
            self._ask()
        else:
            asyncio.get_running_loop().call_later(self._due - now, self._ask)

    def _ask(self) -> None:
        self._transport.write(self._load.requests[self._asked % len(self._load.requests)])
        self._asked += 1


async def run(host: str, port: int, load: Load, connections: int) -> None:
    """Return when the time is over and every connection has its last answer."""
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda number=number: Connection(load, number, connections), host, port))[1]  # type: ignore[misc]
        for number in range(connections)
    ]
    await asyncio.gather(*(one.ended for one in opened))


def main() -> None:
    host, port, key, connections, seconds, rate, *paths = sys.argv[1:]
    said = f" HTTP/1.1\r\nHost: {host}:{port}\r\n" + (f"Authorization: Bearer {key}\r\n" if key else "") + "\r\n"
    every = 1 / float(rate) if float(rate) else 0.0
    load = Load([f"GET {path}{said}".encode() for path in paths], time.perf_counter() + float(seconds), every)
    asyncio.run(run(host, int(port), load, int(connections)))
    took = sorted(load.took)
    at = {share: 1000 * took[min(len(took) - 1, int(share * len(took)))] if took else 0.0 for share in (0.5, 0.99)}
    print(json.dumps({"answers": len(took), "errors": load.errors, "p50": at[0.5], "p99": at[0.99]}))


if __name__ == "__main__":
    main()
