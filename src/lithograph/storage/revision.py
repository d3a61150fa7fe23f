"""Which revision of the schema a database has, told without Alembic, which is slow to import."""

from typing import Final

from sqlalchemy import Connection

from lithograph.errors import UsageError
from lithograph.storage.schema import metadata

HEAD: Final = "0004"
"""The newest revision under `migrations/versions`; a test compares them."""

VERSION_TABLE: Final = "alembic_version"

_TABLES: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


def revision_of(connection: Connection, name: str) -> str | None:
    """Return the revision that the database has, or None when it is empty; `name` is what a message calls it.

    Raises `UsageError` when a newer Lithograph wrote it, or something else did. A server's database may hold other
    tables beside ours, a file may not.
    """
    tables = {str(table) for (table,) in connection.exec_driver_sql(_TABLES[connection.dialect.name])}
    if VERSION_TABLE not in tables:
        foreign = tables if connection.dialect.name == "sqlite" else tables & metadata.tables.keys()
        if foreign:
            raise UsageError(
                f"{name} holds tables that Lithograph did not make ({_few(foreign)}); name another database"
            )
        return None
    revisions = [str(one) for (one,) in connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")]  # noqa: S608
    if not revisions:
        return None
    if len(revisions) > 1 or not _is_ours(revisions[0]):
        raise UsageError(f"{name} was made by another program that uses Alembic; name another database")
    if revisions[0] > HEAD:
        raise UsageError(
            f"{name} was written by a newer Lithograph (schema {revisions[0]}): update Lithograph; "
            f"this one knows {HEAD}"
        )
    return revisions[0]


def _is_ours(revision: str) -> bool:
    """Ours are four digits; those that Alembic makes up are twelve hexadecimal ones."""
    return len(revision) == len(HEAD) and revision.isascii() and revision.isdigit()


def _few(names: set[str]) -> str:
    shown = sorted(names)[:3]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")
