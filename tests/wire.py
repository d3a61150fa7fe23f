"""A wire to a PostgreSQL server that can be cut after any byte, and a server that is away for a while."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psycopg
from sqlalchemy import make_url

TO_SERVER, TO_CLIENT = "to server", "to client"


@dataclass(slots=True)
class _Way:
    """One direction: how many bytes have passed since it was last asked, and after how many more it is cut."""

    passed: int = 0
    left: int | None = None


@dataclass(slots=True)
class _Late:
    """What a client had sent when it was cut, and the connection on which the server has not got it yet."""

    server: socket.socket
    data: bytes


class Wire:
    """Forwards connections, one byte as good as the other. A context manager; `url` is what a client connects to."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            self._server = (connection.info.host, connection.info.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        parsed = make_url(url).set(host="127.0.0.1", port=port)
        parsed = parsed.update_query_dict({"sslmode": "disable", "gssencmode": "disable"})
        self.url = parsed.difference_update_query(["host"]).render_as_string(hide_password=False)
        self._lock = threading.Lock()
        self._ways = {TO_SERVER: _Way(), TO_CLIENT: _Way()}
        self._open: list[socket.socket] = []
        self._holding = False
        self._late: list[_Late] = []
        self.away = 0
        """Connections that are refused before the next one is taken; below zero all of them are."""
        self.refused = 0
        self.when_refused: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Cut every connection there is."""
        with self._lock:
            ends = list(self._open)
        self._end(*ends)

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            with self._lock:
                if end not in self._open:
                    continue  # it has ended, or is kept for later
                self._open.remove(end)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut_after(self, way: str, count: int) -> None:
        """Cut the connection on which so many more bytes have passed one way, on all of them together."""
        with self._lock:
            self._ways[way].left = count

    def hold_next(self) -> None:
        """Cut the next connection that sends something, and keep what it sent, and the server's end, for later."""
        self._holding = True

    def deliver(self) -> int:
        """Let the server have what was kept, and return how many connections' that was when it has answered."""
        late, self._late = self._late, []
        for one in late:
            one.server.sendall(one.data)
            one.server.shutdown(socket.SHUT_WR)
            while one.server.recv(1 << 16):
                pass
            one.server.close()
        return len(late)

    def passed(self) -> dict[str, int]:
        """Return the bytes that have passed each way since this was last asked."""
        with self._lock:
            found = {name: way.passed for name, way in self._ways.items()}
            for way in self._ways.values():
                way.passed = 0
            return found

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.away:
                self.away -= self.away > 0
                self.refused += 1
                self.when_refused()
                client.close()
                continue
            server = self._connected()
            with self._lock:
                self._open += [client, server]
            threading.Thread(target=self._forward, args=(client, server, TO_SERVER), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, TO_CLIENT), daemon=True).start()

    def _connected(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _forward(self, source: socket.socket, target: socket.socket, way: str) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self._holding and way == TO_SERVER:
                    self._hold(source, target, data)
                    break
                allowed = self._allowed(way, len(data))
                target.sendall(data[:allowed])
                if allowed < len(data):
                    break
        self._end(source, target)

    def _hold(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        """Keep all that a client sends at once; it waits for an answer then."""
        self._holding = False
        client.settimeout(0.2)
        with suppress(TimeoutError):
            while more := client.recv(1 << 16):
                data += more
        with self._lock:
            self._open.remove(server)
        self._late.append(_Late(server, data))

    def _allowed(self, way: str, count: int) -> int:
        with self._lock:
            found = self._ways[way]
            allowed = count if found.left is None else min(count, found.left)
            found.passed += allowed
            if found.left is not None:
                found.left = None if allowed < count else found.left - allowed
            return allowed
