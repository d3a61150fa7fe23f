"""The errors are SQLite's and the system's own; those that cannot be had here carry the code that they would carry."""

import errno
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.errors import FencedError, StorageError
from lithograph.storage.failures import translated
from lithograph.storage.open import open_storage
from lithograph.storage.schema import organization

NAME = Path("some/graph.db")


def coded(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


def sentence(error: Exception) -> str:
    with pytest.raises(StorageError) as caught, translated(NAME):
        raise error
    assert caught.value.__cause__ is error
    return str(caught.value)


def add(connection: Connection, *ids: str) -> None:
    connection.execute(insert(organization), [{"id": one, "created_at": ""} for one in ids])


def fill(connection: Connection) -> None:
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    add(connection, "x" * 100_000)


def test_a_full_disk_loses_nothing_and_work_goes_on_once_there_is_room(tmp_path: Path) -> None:
    full = r"graph\.db could not be written, since the disk is full; free some space"
    with open_storage(f"sqlite:///{tmp_path}/graph.db") as storage:
        with storage.write(DEFAULT_ORGANIZATION) as connection:
            add(connection, "first")
        with pytest.raises(StorageError, match=full), storage.write(DEFAULT_ORGANIZATION) as connection:
            fill(connection)
        storage.close()  # the limit was this connection's
        with storage.write(DEFAULT_ORGANIZATION) as connection:
            add(connection, "second")
        with storage.read(DEFAULT_ORGANIZATION) as connection:
            assert set(connection.scalars(select(organization.c.id))) == {"first", "second"}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "graph.db"
    with open_storage(f"sqlite:///{file}") as storage, storage.write(DEFAULT_ORGANIZATION) as connection:
        add(connection, *(str(n) * 500 for n in range(100)))
    with file.open("r+b") as opened:
        opened.seek(2 * 4096)
        opened.write(b"\xff" * (file.stat().st_size - 2 * 4096))
    with pytest.raises(StorageError, match=r"graph\.db is damaged; keep a copy"):
        open_storage(f"sqlite:///{file}")


def test_a_read_only_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "graph.db"
    sqlite3.connect(file).execute("CREATE TABLE t (x)").connection.close()
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    read_only = r"^some/graph\.db could not be written, since the file, its folder"
    with pytest.raises(StorageError, match=read_only), translated(NAME):
        connection.execute("INSERT INTO t VALUES (1)")
    connection.close()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, "its disk reported an error"),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened; check that its folder exists"),
        (sqlite3.SQLITE_BUSY_RECOVERY, "locked by another process"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "moved, replaced or deleted"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "is read-only"),
    ],
)
def test_extended_codes_are_understood(code: int, said: str) -> None:
    assert said in sentence(coded(code))
    assert said in sentence(DBAPIError("SELECT 1", None, coded(code)))


def test_an_error_of_a_disk_without_room_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 4096}))
    assert "the disk is full" in sentence(coded(sqlite3.SQLITE_IOERR_SHMSIZE))


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "is read-only"), (errno.EIO, "its disk reported an error")],
)
def test_the_system_has_its_say(number: int, said: str) -> None:
    assert said in sentence(OSError(number, "as the system says it"))
    assert said in sentence(OSError(number, "as the system says it", f"{NAME}.lock"))


@pytest.mark.parametrize(
    "error",
    [
        coded(sqlite3.SQLITE_ERROR),
        sqlite3.ProgrammingError("Cannot operate on a closed database."),
        FencedError("another worker"),
        ValueError("nothing to do with it"),
        OSError(errno.ENOSPC, "no room", "result.json"),
    ],
)
def test_what_is_not_the_database_passes_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, translated(NAME):
        raise error
    assert caught.value is error


class OperationalError(Exception):
    """psycopg's, as far as it is looked at."""

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def test_a_server_is_named_with_its_reason() -> None:
    gone = OperationalError("connection refused\nIs the server running?")
    assert "cannot be used at the moment (connection refused)" in sentence(DBAPIError(None, None, gone))
    full = OperationalError("could not extend file", "53100")
    assert "the server's disk is full" in sentence(DBAPIError(None, None, full))


class Diagnosis:
    """What the server says of itself."""

    def __init__(self, source_function: str) -> None:
        self.source_function = source_function


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "cannot be used at the moment (it said)"),
        ("57P01", "cannot be used at the moment (it said)"),
        ("40P01", "is too busy at the moment (it said)"),
        ("53200", "is too busy at the moment (it said)"),
        ("53300", "has no connection left"),
        ("25006", "takes no writes"),
        ("25P03", "has ended a transaction in which this process stood still"),
        ("42501", "may not be used by its user (it said); have whoever set it up run GRANT"),
    ],
)
def test_an_error_of_a_servers_driver_is_understood_as_it_is_and_wrapped(state: str | None, said: str) -> None:
    error = psycopg.OperationalError("it said\nand more") if state is None else psycopg.errors.lookup(state)("it said")
    for raised in (error, DBAPIError("SELECT 1", None, error)):
        assert said in sentence(raised)
        assert "\n" not in sentence(raised)


def test_a_mistake_of_ours_on_a_server_passes_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = psycopg.errors.InsufficientPrivilege("new row violates row-level security policy")
    monkeypatch.setattr(psycopg.Error, "diag", Diagnosis("ExecWithCheckOptions"))
    for error in (refused, psycopg.errors.UniqueViolation("twice"), psycopg.ProgrammingError("no parameter")):
        with pytest.raises(type(error)), translated(NAME):
            raise error
