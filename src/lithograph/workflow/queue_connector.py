"""The connection to the queue: Procrastinate's, patient where it gives up at once, and quick to end once it is lost."""

import time
from typing import Any, Final, LiteralString

import anyio
import psycopg
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException

from lithograph.storage.open import Storage
from lithograph.storage.tenancy import QUEUE

_PATIENCE: Final = 5.0
"""Seconds to wait for a connection, and to try to write that a job is done."""

_AGAIN: Final = 0.5
"""Seconds between two tries."""

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

    def __init__(self, storage: Storage) -> None:
        url = storage.engine.url.set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._lost: ConnectorException | None = None
        super().__init__(
            conninfo=self._conninfo,
            kwargs={"options": f"-c search_path={QUEUE}", "application_name": "lithograph queue", **_ALIVE},
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_PATIENCE,
        )

    async def reach(self) -> None:
        """Return when the server takes connections; raises `psycopg.Error` when it does not now.

        The pool tries again by itself, but waits longer each time.
        """
        connection = await psycopg.AsyncConnection.connect(self._conninfo, connect_timeout=round(_PATIENCE))
        await connection.close()

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """Do what may be done twice: end a job, show that a worker is alive, or that it is gone."""
        until = time.monotonic() + _PATIENCE
        while True:
            self._check()
            try:
                await super().execute_query_async(query, **arguments)
            except ConnectorException as error:
                cause = error.__cause__
                if isinstance(cause, psycopg.errors.RaiseException):
                    return  # there is no such job any more
                if not isinstance(cause, psycopg.OperationalError):
                    raise
                if time.monotonic() > until:
                    self._lost = error
                    raise
            else:
                return
            await anyio.sleep(_AGAIN)

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        """Do what is done once: take a job."""
        self._check()
        row: dict[str, Any] = await super().execute_query_one_async(query, **arguments)
        return row

    def _check(self) -> None:
        if self._lost is not None:
            raise self._lost
