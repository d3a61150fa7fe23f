"""Transport: HTTP as httpx2 does it, but a request leaves in one piece.

httpcore2 writes the head of a request and its body each by itself, and gives way to whoever else is ready in between:
two system calls, two packets, and over TLS two records. With many answers to work on at once, a request waited half-way
for all of them. Here what is written waits until an answer is read, and then goes out together.
"""

from collections.abc import Iterable
from contextlib import suppress
from ssl import SSLContext
from typing import Any

import httpcore2
import httpx2


class OnePieceTransport(httpx2.AsyncHTTPTransport):
    """`httpx2.AsyncHTTPTransport` for HTTP/1.1 with `OnePieceBackend` under it, and no proxy."""

    def __init__(self, limits: httpx2.Limits) -> None:
        """`limits` are those of the pool of connections."""
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=httpx2.create_ssl_context(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=OnePieceBackend(httpcore2.AnyIOBackend()),
        )


class OnePieceBackend(httpcore2.AsyncNetworkBackend):
    """Connects as another backend does."""

    def __init__(self, backend: httpcore2.AsyncNetworkBackend) -> None:
        self._backend = backend

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore2's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Return a connection."""
        return OnePieceStream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._backend.sleep(seconds)


class OnePieceStream(httpcore2.AsyncNetworkStream):
    """A connection that keeps what is written until it is read from. It is for protocols of question and answer."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._pieces: list[bytes] = []
        self._timeout: float | None = None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Keep a piece; `timeout` is for writing all of them."""
        self._pieces.append(buffer)
        self._timeout = timeout

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Write what is kept, and return what comes; raises httpcore2's errors."""
        if self._pieces:
            together = b"".join(self._pieces)
            self._pieces.clear()
            with suppress(httpcore2.WriteError):  # there may be an answer all the same, which says why
                await self._stream.write(together, self._timeout)
        return await self._stream.read(max_bytes, timeout)

    async def aclose(self) -> None:
        """Close the connection; what is kept is not sent."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """Return the same connection, encrypted."""
        return OnePieceStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # of whatever type that info has
        """Return what the connection itself says."""
        return self._stream.get_extra_info(info)
