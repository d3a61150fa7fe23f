"""SQLite: how its connections are set up, and how a transaction begins."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import URL, Connection, Engine, PoolProxiedConnection, create_engine, event

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BEGIN: Final = "lithograph_begin"
"""The execution option that says how a connection's next transactions begin: `DEFERRED` (default) or `IMMEDIATE`."""

_PAGE_BYTES: Final = 8192
"""Three results of a chunk fit on a page; of SQLite's own 4 KB each would take one and leave much of it empty."""

_CONNECTIONS: Final = 40
"""Connections that are kept, once there was a use for them."""

_CHECKPOINT_PAGES: Final = 500
"""4 MB: the log stays small enough to be read through quickly after a kill."""

_LOG_BYTES: Final = 64 << 20
"""What the log is cut down to after one large transaction has blown it up."""


def sqlite_engine(path: Path, *, busy_timeout: float) -> Engine:
    """Return an engine for the file at `path`; `busy_timeout` is how many seconds a connection waits for a lock.

    The driver begins and commits nothing by itself (`isolation_level=None`): every transaction, also one of DDL, is
    begun here. A connection may wander between threads, one at a time.
    """
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"isolation_level": None, "timeout": busy_timeout, "check_same_thread": False},
        # As many as threads that serve requests: to open and set up one takes longer than most questions.
        pool_size=_CONNECTIONS,
        max_overflow=_CONNECTIONS,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: "DBAPIConnection", record: "ConnectionPoolEntry") -> None:  # noqa: ARG001
        cursor = connection.cursor()
        for pragma in (
            f"page_size = {_PAGE_BYTES}",  # of a new file; one that is there keeps its own
            "foreign_keys = ON",
            "synchronous = FULL",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            f"journal_size_limit = {_LOG_BYTES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        driver_of(connection.connection).execute(f"BEGIN {connection.get_execution_options().get(BEGIN, 'DEFERRED')}")

    return engine


class Commits:
    """Tells whether anything was committed to a file, by other connections than its own. A context manager."""

    def __init__(self, engine: Engine) -> None:
        self._raw = engine.raw_connection()
        self._version = self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    def any(self) -> bool:
        """Return whether there was one since the last time. It reads a page of shared memory, and no file."""
        before, self._version = self._version, self._look()
        return self._version != before

    def _look(self) -> int:
        cursor = self._raw.cursor()
        try:
            cursor.execute("PRAGMA data_version")
            (version,) = cursor.fetchone() or (0,)
            return int(version)
        finally:
            cursor.close()


def set_query_only(connection: Connection, wanted: bool) -> None:
    """Let the connection below refuse all writes, or allow them again. Outside of a transaction."""
    _set(connection, "query_only", wanted)


def set_foreign_keys(connection: Connection, wanted: bool) -> None:
    """Have the connection below enforce foreign keys, or not. Outside of a transaction; inside, SQLite ignores it."""
    _set(connection, "foreign_keys", wanted)


def _set(connection: Connection, pragma: str, wanted: bool) -> None:
    driver_of(connection.connection).execute(f"PRAGMA {pragma} = {'ON' if wanted else 'OFF'}")


def driver_of(pooled: PoolProxiedConnection) -> sqlite3.Connection:
    """Return the driver's own connection: of what is said in every transaction, SQLAlchemy's part is the larger."""
    driver = pooled.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101  # the engine is ours
    return driver


def journal_mode(engine: Engine) -> str:
    """Return how the file keeps its transactions: `wal` when it is as it should be."""
    return _ask(engine, "PRAGMA journal_mode")


def switch_to_wal(engine: Engine) -> bool:
    """Have the file keep its transactions in a write-ahead log, and return whether that is possible where it lies.

    Nobody else may use the file meanwhile, or the switch fails at once.
    """
    return _ask(engine, "PRAGMA journal_mode = WAL") == "wal"


def _ask(engine: Engine, pragma: str) -> str:
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        (answer,) = cursor.execute(pragma).fetchone()
        return str(answer)
    finally:
        raw.close()
