"""Column types that read the same from SQLite and PostgreSQL, and statements that each has to be told differently.

Times are UTC, in Python always ISO 8601 text; PostgreSQL keeps them as `timestamptz`. JSON is JSONB on PostgreSQL and
text on SQLite.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Table,
    TableValuedAlias,
    Text,
    any_,
    func,
    literal,
    select,
)
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


class before_slash(FunctionElement[str]):  # noqa: N801  # reads as the SQL function that it becomes
    """The part of a text before its first slash, or all of it."""

    type = Text()
    inherit_cache = True
    name = "before_slash"


@compiles(before_slash)
def _before_slash(element: before_slash, compiler: SQLCompiler, **options: Any) -> str:
    (column,) = element.clauses
    said = compiler.process(column, **options)
    if compiler.dialect.name == "postgresql":
        return f"split_part({said}, '/', 1)"
    return f"substr({said}, 1, instr({said} || '/', '/') - 1)"


def elements(connection: Connection, column: ColumnElement[Any]) -> TableValuedAlias:
    """Return what gives the texts of a JSON array, one in each row, as its column `value`; to be joined laterally."""
    unpack = func.json_each if connection.dialect.name == "sqlite" else func.jsonb_array_elements_text
    return unpack(column).table_valued("value", joins_implicitly=True)


def among(connection: Connection, column: ColumnElement[Any], texts: Collection[str]) -> ColumnElement[bool]:
    """Return whether a column has one of these texts, of which there may be any number: they are one parameter, and
    the database hashes them.
    """
    if connection.dialect.name == "sqlite":
        return column.in_(select(elements(connection, literal(list(texts), Document)).c.value))
    return column == any_(literal(list(texts), postgresql.ARRAY(Text)))


def without_nul(json: str) -> str:
    """Return JSON with a replacement character in the place of every NUL, which JSONB cannot hold."""
    return _NUL.sub(r"\1\\ufffd", json) if "\\u0000" in json else json


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return the database's own INSERT, which can be told what to do about a row that is there."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
