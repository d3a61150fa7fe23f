"""The connection to the queue: Procrastinate's, patient where it gives up at once, and quick to end once it is lost."""

import time
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, LiteralString

import anyio
import psycopg
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException

from lithograph.storage.open import Storage
from lithograph.storage.postgres import connected
from lithograph.storage.tenancy import QUEUE

_PATIENCE: Final = 5.0
"""Seconds to try to write that a job is done, and to wait for a connection to be made."""

_POOLED: Final = 2.0
"""Seconds to wait for a connection of the pool. It makes lost ones anew, but waits longer after each try."""

_AGAIN: Final = 0.5
"""Seconds between two tries."""

_STILL: Final = 10
"""Seconds that a transaction may stand still."""

_CONNECTIONS: Final = 4

_ALIVE: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How a server that vanishes without a word is noticed: seconds, but for the last, which is milliseconds."""


class QueueConnector(PsycopgConnector):
    """Connects to the queue of a database.

    Once it has given up on the server it fails at once, so that whoever works through it ends soon, and comes back with
    another: a job whose end could not be written belongs to a worker that is no more, and is tidied away.
    """

    def __init__(self, storage: Storage, patience: float = _PATIENCE) -> None:
        url = storage.engine.url.set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._options = {
            # One that is frozen in the middle of taking a job must not keep its locks.
            "options": f"-c search_path={QUEUE} -c idle_in_transaction_session_timeout={_STILL}s",
            "application_name": "lithograph queue",
            "connect_timeout": round(_PATIENCE),
            **_ALIVE,
        }
        self._patience = patience
        self._broken = False
        """Whether connections of the pool have been lost."""
        self._lost: ConnectorException | None = None
        super().__init__(
            conninfo=self._conninfo, kwargs=self._options, min_size=1, max_size=_CONNECTIONS, timeout=_POOLED
        )

    async def reach(self) -> None:
        """Return when the server takes connections; raises `psycopg.Error` when it does not now."""
        async with self._connected():
            pass

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Do what may be done twice: end a job, show that a worker is alive, or that it is gone."""
        until = time.monotonic() + self._patience
        while True:
            self._check()
            try:
                await self._execute(query, arguments)
            except ConnectorException as error:
                cause = error.__cause__
                if isinstance(cause, psycopg.errors.RaiseException):
                    return  # there is no such job any more
                if not isinstance(cause, psycopg.OperationalError | psycopg.InternalError):
                    raise
                self._broken = True
                if time.monotonic() > until:
                    self._lost = error
                    raise
            else:
                return
            await anyio.sleep(_AGAIN)

    async def _execute(self, query: LiteralString, arguments: dict[str, Any]) -> None:
        if not self._broken:
            await super().execute_query_async(query, **arguments)
            return
        try:
            async with self._connected() as connection:
                await connection.execute(query, self._wrap_json(arguments))
        except psycopg.Error as error:
            raise ConnectorException from error

    def _connected(self) -> "AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]":
        return connected(self._conninfo, **self._options)

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        """Do what is done once: take a job."""
        self._check()
        row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
        return row

    def _check(self) -> None:
        if self._lost is not None:
            raise self._lost
