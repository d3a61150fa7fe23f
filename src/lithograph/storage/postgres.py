"""PostgreSQL: its engine, and connections beside it."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Engine, create_engine, event

from lithograph.errors import UsageError
from lithograph.storage.columns import without_nul

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_CONNECTION: Final = {
    "application_name": "lithograph",
    "connect_timeout": "10",
    # A server that vanishes without a word is noticed before a lease has run out.
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
"""How a connection is made, where the URL does not say it: seconds, but for the last, which is milliseconds."""


def postgres_engine(url: URL) -> Engine:
    """Return an engine for the server at `url`; nothing is connected yet. Raises `UsageError` without psycopg 3."""
    if find_spec("psycopg") is None:
        raise UsageError("PostgreSQL needs psycopg, which is not installed; run `pip install 'psycopg[binary]'`")
    # It warns of every connection that ends before its time; what comes of that is told by whoever used it.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        connect_args={name: value for name, value in _CONNECTION.items() if name not in url.query},
        json_serializer=_json,
    )
    event.listen(engine, "connect", _adapt)
    return engine


@asynccontextmanager
async def connected(conninfo: str, **options: Any) -> AsyncIterator["AsyncConnection[Any]"]:
    """Give a connection that is beside those of an engine; raises `psycopg.Error` when there is none to be had.

    It is closed however the context ends. psycopg's own context rolls back before it closes, and leaves the connection
    open when it is cancelled in between.
    """
    from psycopg import AsyncConnection

    connection: AsyncConnection[Any] = await AsyncConnection.connect(conninfo, **options)
    try:
        async with connection:
            yield connection
    finally:
        await connection.close()


def _json(value: object) -> str:
    return without_nul(json.dumps(value))


def _adapt(connection: Any, record: object) -> None:  # noqa: ARG001  # as the engine calls it
    connection.adapters.register_dumper(str, _texts())


@cache
def _texts() -> Any:
    """Return how texts are sent: a file can hold a NUL in one, a server gets a replacement character in its place."""
    from psycopg.types.string import StrDumperUnknown

    class Texts(StrDumperUnknown):
        def dump(self, obj: str) -> bytes:
            return (obj.replace("\0", "\ufffd") if "\0" in obj else obj).encode(self._encoding)

    return Texts
