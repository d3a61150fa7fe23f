"""Column types that read the same from SQLite and PostgreSQL, and statements that each has to be told differently.

Times are UTC, in Python always ISO 8601 text; PostgreSQL keeps them as `timestamptz`. JSON is JSONB on PostgreSQL and
text on SQLite.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Connection, Dialect, Integer, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

Document = JSON().with_variant(JSONB(), "postgresql")
Number = BigInteger().with_variant(Integer(), "sqlite")
Key = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that is compared byte for byte, as SQLite does it: its index finds beginnings, and the order is the same."""

_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""A NUL in JSON, and the backslashes before it that stand for themselves."""


class Time(TypeDecorator[str]):
    """A time, as text in Python."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the database has for it."""
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text())

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002  # what a driver gives
        """Return the text of a time that was read."""
        return iso_8601(value) if isinstance(value, datetime) else value


def iso_8601(moment: datetime) -> str:
    """Return a time as text in UTC with microseconds, which sorts as it passes."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


class json_text(FunctionElement[str]):  # noqa: N801  # reads as the SQL function that it becomes
    """A JSON column as text, for whoever parses it by himself."""

    type = Text()
    inherit_cache = True
    name = "json_text"


@compiles(json_text)
def _json_text(element: json_text, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = element.clauses
    said = compiler.process(column, **options)
    return f"CAST({said} AS TEXT)" if compiler.dialect.name == "postgresql" else f"json({said})"


def without_nul(json: str) -> str:
    """Return JSON with a replacement character in the place of every NUL, which JSONB cannot hold."""
    return _NUL.sub(r"\1\\ufffd", json) if "\\u0000" in json else json


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return the database's own INSERT, which can be told what to do about a row that is there."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
