"""Where the journal is measured: an SQLite file, or a PostgreSQL server; and raw commits of one connection there."""

import os
import random
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from tests.postgres import Server


@dataclass(slots=True)
class Measured:
    """Seconds of some work, and the bytes that this process wrote for it."""

    seconds: float = 0.0
    written: int = 0


class observed:  # noqa: N801  # reads as the context manager that it is
    """Measures what happens inside."""

    def __enter__(self) -> Measured:
        self._measured = Measured()
        self._written, self._began = written(), time.perf_counter()
        return self._measured

    def __exit__(self, *_: object) -> None:
        self._measured.seconds = time.perf_counter() - self._began
        self._measured.written = written() - self._written


def written() -> int:
    """Return the bytes that this process has handed to the system; 0 where that is not counted."""
    try:
        line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("wchar"))
    except OSError:
        return 0
    return int(line.split()[1])


class Place(Protocol):
    """`one` and `many` are the targets: times raw commits, for activities one at a time and many at once."""

    one: float
    many: float

    def raw(self, body: str, count: int) -> Measured:
        """Commit rows one by one, as a program does that is written with care."""
        ...

    def database(self) -> AbstractContextManager[str]:
        """Give the URL of a new database."""
        ...

    def asides(self, body: str, count: int) -> Iterator[tuple[str, str]]:
        """Yield what should be known beside the rates: what it is, and its figure."""
        ...


class File:
    """SQLite: write-ahead log, synchronous FULL."""

    one, many = 0.6, 10.0

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def raw(self, body: str, count: int) -> Measured:
        """Begin, insert a row and commit, so many times, in a new file, as the journal's is."""
        connection = sqlite3.connect(self._new("raw"), isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE raw (name TEXT PRIMARY KEY, body TEXT)")
        with observed() as measured:
            for number in range(count):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO raw VALUES (?, ?)", (f"work/{number}", body))
                connection.execute("COMMIT")
        connection.close()
        return measured

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of a new file."""
        yield f"sqlite:///{self._new('journal')}"

    def _new(self, name: str) -> Path:
        return self.folder / f"{name}-{random.getrandbits(64):x}.db"

    def asides(self, body: str, count: int) -> Iterator[tuple[str, str]]:  # noqa: ARG002  # a server tells more
        """Yield how long the disk takes to say that 4 KB more are safe, as a median."""
        seconds = []
        with (self.folder / "sync").open("wb", buffering=0) as file:
            for _ in range(200):
                file.write(b"x" * 4096)
                began = time.perf_counter()
                os.fdatasync(file.fileno())
                seconds.append(time.perf_counter() - began)
        yield "fdatasync of 4 KB", f"{1e6 * statistics.median(seconds):.0f} us"


class OnServer:
    """PostgreSQL with `synchronous_commit = on`, as it is installed."""

    one, many = 0.5, 8.0

    def __init__(self, server: Server, disk: int = 0) -> None:
        """`disk` is how many microseconds longer the disk takes than it does: every commit waits for them."""
        self.server = server
        server.execute(
            f"ALTER SYSTEM SET commit_delay = {disk}",
            "ALTER SYSTEM SET commit_siblings = 0",
            "SELECT pg_reload_conf()",
        )

    def raw(self, body: str, count: int) -> Measured:
        """Insert a row and commit, so many times; the driver begins the transaction."""
        return self._raw(body, count, autocommit=False)

    def _raw(self, body: str, count: int, *, autocommit: bool) -> Measured:
        with self.server.database() as url, psycopg.connect(self._administrator(url)) as connection:
            connection.execute("CREATE TABLE raw (name text PRIMARY KEY, body text)")
            connection.commit()
            connection.autocommit = autocommit
            with observed() as measured:
                for number in range(count):
                    connection.execute("INSERT INTO raw VALUES (%s, %s)", (f"work/{number}", body))
                    if not autocommit:
                        connection.commit()
        return measured

    def _administrator(self, url: str) -> str:
        return self.server.administrator(url.rpartition("/")[2].partition("?")[0])

    def database(self) -> AbstractContextManager[str]:
        """Give the URL of a new database, for a user without privileges."""
        return self.server.database()

    def asides(self, body: str, count: int) -> Iterator[tuple[str, str]]:
        """Yield the settings that count, the way to a server and back, and the rate of commits in one message."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            for name in ("fsync", "synchronous_commit", "commit_delay"):
                found = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
                yield name, str(found and found[0])
            began = time.perf_counter()
            for _ in range(1_000):
                connection.execute("SELECT 1")
            yield "a statement there and back", f"{1e3 * (time.perf_counter() - began):.0f} us"
        alone = self._raw(body, count, autocommit=True)
        yield "raw INSERT, committed by itself", f"{count / alone.seconds:.0f} /s"
