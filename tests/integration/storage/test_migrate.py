"""Upgrading a database that is in use, or whose upgrade is killed."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.storage.migrate import SCRIPTS
from lithograph.storage.open import Storage, connect, is_current, open_storage
from lithograph.storage.revision import HEAD, revision_of
from lithograph.storage.schema import document, entity, metadata, organization

from .conftest import Start

COUNTING = """
import sys
from sqlalchemy import Engine, event
from lithograph.storage.open import open_storage

made = []

@event.listens_for(Engine, "before_cursor_execute")
def note(connection, cursor, statement, *rest):
    if statement.strip().startswith("CREATE TABLE"):
        made.append(statement)

print("ready", flush=True)
sys.stdin.readline()
open_storage(sys.argv[1]).close()
print(len(made), flush=True)
"""

KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from lithograph.storage.open import open_storage

@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, parameters, *rest):
    if statement.strip().startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

open_storage(sys.argv[1])
"""

ROW = {
    "organization_id": "acme",
    "id": "d1",
    "sha256": "",
    "source": "a.txt",
    "media_type": "text/plain",
    "text": "words",
    "created_at": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/graph.db"


def make_first_revision(url: str) -> None:
    """Leave a database as the first revision made it, with a row in it."""
    with connect(url) as storage:
        with storage.engine.connect() as connection:
            configuration = Config(attributes={"connection": connection})
            configuration.set_main_option("script_location", str(SCRIPTS))
            configuration.set_main_option("path_separator", "os")
            command.upgrade(configuration, "0001")
        with storage.write(DEFAULT_ORGANIZATION) as connection:
            connection.execute(insert(document), ROW)


def revision(storage: Storage) -> str | None:
    with storage.read(DEFAULT_ORGANIZATION) as connection:
        return revision_of(connection, storage.name)


def tables(storage: Storage) -> set[str]:
    with storage.read(DEFAULT_ORGANIZATION) as connection:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars()
        return {name for name in names if name != "alembic_version"}


def test_an_older_database_keeps_its_rows(url: str) -> None:
    make_first_revision(url)
    with connect(url) as storage:
        assert revision(storage) == "0001"
        assert not is_current(storage)
    with open_storage(url) as storage:
        assert revision(storage) == HEAD
        assert tables(storage) == set(metadata.tables)
        with storage.read(DEFAULT_ORGANIZATION) as connection:
            assert [dict(row) for row in connection.execute(select(document)).mappings()] == [ROW]
            assert connection.execute(select(entity)).all() == []
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("older", [False, True])
def test_of_processes_that_start_at_once_one_upgrades_and_all_go_on(start: Start, url: str, *, older: bool) -> None:
    before = 0
    if older:
        make_first_revision(url)
        with connect(url) as storage:
            before = len(tables(storage)) + 1
    children = [start(COUNTING, url) for _ in range(3)]
    for child in children:
        assert child.line() == "ready"
    for child in children:
        child.tell("go")
    made = [child.line() for child in children]
    every = len(metadata.tables) + 1 - before
    assert sorted(made) == ["0", "0", str(every)], [child.end() for child in children]


@pytest.mark.parametrize("last_words", ["CREATE TABLE relation", "UPDATE alembic_version"])
def test_a_killed_upgrade_leaves_the_revision_before_and_is_completed_later(
    start: Start, url: str, tmp_path: Path, last_words: str
) -> None:
    status, _, complaint = start(KILLED, url, last_words).end()
    assert status == -9, complaint
    with connect(url) as storage:
        assert revision(storage) == "0001"
        assert "entity" not in tables(storage)
        with storage.write(DEFAULT_ORGANIZATION) as connection:
            connection.execute(insert(organization), {"id": "acme", "created_at": ""})
    with open_storage(url) as storage:
        assert revision(storage) == HEAD
        assert tables(storage) == set(metadata.tables)
        with storage.read(DEFAULT_ORGANIZATION) as connection:
            assert connection.scalars(select(organization.c.id)).all() == ["acme"]
    assert not (tmp_path / "graph.db.migrating").exists()


def test_a_killed_first_upgrade_leaves_an_empty_database(start: Start, url: str) -> None:
    assert start(KILLED, url, "CREATE TABLE workflow_event").end()[0] == -9
    with connect(url) as storage:
        assert tables(storage) == set()
    with open_storage(url) as storage:
        assert tables(storage) == set(metadata.tables)


def test_alembic_is_not_imported_when_there_is_nothing_to_do(start: Start, url: str) -> None:
    open_storage(url).close()
    script = """
import sys
from lithograph.storage.open import open_storage
open_storage(sys.argv[1]).close()
print(sorted(name for name in sys.modules if name.startswith("alembic")))
"""
    assert start(script, url).end() == (0, "[]\n", "")
