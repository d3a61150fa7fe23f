"""Bringing a database's schema up to date: by one process at a time, each revision in a transaction of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from lithograph.errors import UsageError
from lithograph.storage.exclusive import held
from lithograph.storage.open import Storage
from lithograph.storage.revision import HEAD, revision_of
from lithograph.storage.sqlite import BEGIN, set_foreign_keys, switch_to_wal

SCRIPTS: Final = Path(__file__).with_name("migrations")

_PATIENCE: Final = 600.0
"""Seconds to wait for another process that migrates the same database."""

_ADVISORY_LOCK: Final = 0x6C6974686F
"""`litho` in ASCII: which of PostgreSQL's advisory locks is ours."""

_FORBIDDEN: Final = "42501"
"""What PostgreSQL says to whoever may not do something."""

_one_at_a_time = threading.Lock()
"""Alembic keeps what it is about in module globals."""


def migrate(storage: Storage) -> str:
    """Bring the schema up to date and return its revision. Blocks while another process does so.

    A process that is killed in between leaves the last revision that it finished, and the next start goes on from
    there. Raises `UsageError` when the database was written by a newer Lithograph or by something else, or lies where
    it cannot be shared safely, or when its user may not change it, and `StorageError` when it cannot be written now.
    """
    with storage.translated(), _one_at_a_time, _alone(storage):
        with storage.inspect() as connection:
            revision = revision_of(connection, storage.name)
        if storage.dialect == "sqlite" and not switch_to_wal(storage.engine):
            raise UsageError(
                f"{storage.name} lies on a file system that cannot keep a write-ahead log, over a network perhaps; "
                "name a file on a local disk"
            )
        if revision != HEAD:
            with _connection(storage) as connection, _permitted(storage):
                command.upgrade(_configuration(connection), HEAD)
    return HEAD


@contextmanager
def _permitted(storage: Storage) -> Iterator[None]:
    """Say it in a sentence when a server's user may not change the schema."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        if getattr(cause, "sqlstate", None) != _FORBIDDEN:
            raise
        reason = str(cause).strip().splitlines()[0]
        raise UsageError(
            f"the tables in {storage.name} have to be made or brought up to date, which its user may not do "
            f"({reason}); run `litho migrate` as the user who owns the database"
        ) from error


@contextmanager
def _alone(storage: Storage) -> Iterator[None]:
    """Keep every other process from migrating the same database."""
    if storage.path is not None:
        database = storage.path.resolve()
        marker = database.with_name(f"{database.name}.migrating")
        with held(marker, patience=_PATIENCE, doing="updating the schema", remove=True):
            yield
        return
    with storage.engine.connect() as connection:
        # Held by the session, not by a transaction: the revisions have transactions of their own.
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
        connection.commit()
        try:
            yield
        finally:
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_ADVISORY_LOCK})")
            connection.commit()


@contextmanager
def _connection(storage: Storage) -> Iterator[Connection]:
    with storage.engine.connect() as connection:
        if storage.dialect == "postgresql":
            yield connection
            return
        connection.execution_options(**{BEGIN: "IMMEDIATE"})
        # SQLite changes a table by making a new one and dropping the old one, which would delete what refers to it.
        set_foreign_keys(connection, False)
        try:
            yield connection
        finally:
            connection.rollback()
            set_foreign_keys(connection, True)


def _configuration(connection: Connection) -> Config:
    configuration = Config(attributes={"connection": connection})
    configuration.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
