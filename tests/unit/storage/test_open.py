import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from lithograph.domain.ids import DEFAULT_ORGANIZATION as ORG
from lithograph.errors import StorageError, UsageError
from lithograph.storage.location import DEFAULT_URL
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import organization, workflow_event

ROW = {"id": "acme", "created_at": "2026-01-01T00:00:00Z"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/graph.db"


def ids(storage: Storage) -> list[str]:
    with storage.read(ORG) as connection:
        return list(connection.scalars(select(organization.c.id)))


def test_the_default_is_a_folder_that_only_its_owner_may_enter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_storage(DEFAULT_URL) as storage:
        assert storage.path == Path(".lithograph/graph.db")
        assert storage.path.is_file()
        assert stat.S_IMODE(storage.path.parent.stat().st_mode) == 0o700
        assert storage.dialect == "sqlite"


def test_every_connection_is_durable_and_checked(url: str) -> None:
    with (
        open_storage(url, busy_timeout=1.5) as storage,
        storage.write(ORG) as first,
        storage.read(ORG) as second,
    ):
        for connection in (first, second):
            asked = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
            assert asked == ["wal", 2, 1, 1500]


def test_what_was_written_is_there_after_opening_again(url: str) -> None:
    with open_storage(url) as storage, storage.write(ORG) as connection:
        connection.execute(insert(organization), ROW)
    with open_storage(url, create=False) as storage:
        assert ids(storage) == ["acme"]


def test_an_error_rolls_everything_back_and_the_next_transaction_works(url: str) -> None:
    with open_storage(url) as storage:
        with pytest.raises(KeyError), storage.write(ORG) as connection:
            _change_and_fail(connection)
        assert ids(storage) == []
        with storage.write(ORG) as connection:
            connection.exec_driver_sql("CREATE TABLE stray (x)")


def _change_and_fail(connection: Connection) -> None:
    connection.execute(insert(organization), ROW)
    connection.exec_driver_sql("CREATE TABLE stray (x)")  # by itself, the driver would not begin for this
    raise KeyError


def test_the_driver_begins_nothing_by_itself(url: str) -> None:
    with open_storage(url) as storage:
        raw = storage.engine.raw_connection()
        raw.cursor().execute("INSERT INTO organization (id, created_at) VALUES ('acme', '')")
        assert ids(storage) == ["acme"]
        raw.close()


def test_a_violated_constraint_reaches_the_caller_as_such(url: str) -> None:
    with open_storage(url) as storage:
        with pytest.raises(IntegrityError), storage.write(ORG) as connection:
            connection.execute(insert(organization), [ROW, ROW])
        orphan = {"organization_id": "acme", "execution_id": "none", "seq": 1, "type": "t", "payload": {}}
        with pytest.raises(IntegrityError, match="FOREIGN KEY"), storage.write(ORG) as connection:
            connection.execute(insert(workflow_event), orphan | {"created_at": "2026"})


def test_a_reader_sees_one_state_and_a_writer_does_not_wait_for_it(url: str) -> None:
    with open_storage(url) as storage, storage.read(ORG) as reader:
        query = select(organization.c.id)
        assert reader.scalars(query).all() == []
        with storage.write(ORG) as writer:
            writer.execute(insert(organization), ROW)
        assert reader.scalars(query).all() == []
        assert ids(storage) == ["acme"]


def test_a_reader_cannot_write_and_its_connection_can_afterwards(url: str) -> None:
    with open_storage(url) as storage:
        with pytest.raises(StorageError), storage.read(ORG) as connection:
            connection.execute(insert(organization), ROW)
        with storage.write(ORG) as connection:
            connection.execute(insert(organization), ROW)
        assert ids(storage) == ["acme"]


def test_a_writer_has_the_write_lock_from_its_start(url: str) -> None:
    with open_storage(url) as storage, open_storage(url, busy_timeout=0) as other:
        with storage.write(ORG):
            with (
                pytest.raises(StorageError, match=r"graph\.db has been locked by another process"),
                other.write(ORG),
            ):
                pytest.fail("two writers at once")
            assert ids(other) == []
        with other.write(ORG) as connection:
            connection.execute(insert(organization), ROW)
        assert ids(storage) == ["acme"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("graph.db", r"^graph\.db is not a database URL; write sqlite:///FILE"),
        ("sqlite://graph.db", "three slashes"),
        ("sqlite:///graph.db?mode=ro", "holds a file and nothing else"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////", r"^/ is a folder"),
        ("sqlite:////dev/null/graph.db", r"^the folder /dev/null cannot be made"),
        ("mysql://root@localhost/x", "^mysql is not a database that Lithograph knows"),
        ("postgresql://me:hush@host:port/x", r"^the database URL cannot be understood; write sqlite:///FILE or "),
    ],
)
def test_an_unusable_url_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        open_storage(url)
    assert "hush" not in str(caught.value)


def test_a_missing_database_is_not_made_when_it_is_only_looked_at(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no database at .*graph\.db"):
        open_storage(url, create=False)
    assert list(tmp_path.iterdir()) == []


def test_postgresql_without_its_driver_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lithograph.storage.postgres.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs psycopg, which is not installed"):
        open_storage("postgresql://me:hush@host/x")


def test_a_password_is_not_shown(url: str) -> None:
    with open_storage(url) as storage:
        shown = Storage("postgresql://me:hush@host/x", "postgresql", None, storage.engine)
        assert repr(shown) == "Storage('postgresql://me:***@host/x')"


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, url: str) -> None:
    file = tmp_path / "graph.db"
    file.write_text("dear diary, " * 100)
    with pytest.raises(StorageError, match=r"graph\.db is not an SQLite database; name another file"):
        open_storage(url)
    assert file.read_text() == "dear diary, " * 100


@pytest.mark.parametrize(
    ("made_by", "sentence"),
    [
        ("CREATE TABLE photos (x)", r"graph\.db holds tables that Lithograph did not make \(photos\)"),
        ("CREATE TABLE document (id)", r"did not make \(document\)"),
        (
            "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('0009')",
            r"graph\.db was written by a newer Lithograph \(schema 0009\): update Lithograph; this one knows 0004$",
        ),
        (
            "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('1975ea83b712')",
            "was made by another program",
        ),
    ],
)
def test_a_database_that_is_not_ours_or_is_newer_is_refused_and_left_alone(
    tmp_path: Path, url: str, made_by: str, sentence: str
) -> None:
    file = tmp_path / "graph.db"
    connection = sqlite3.connect(file)
    connection.executescript(made_by)
    connection.close()
    before = file.read_bytes()
    with pytest.raises(UsageError, match=sentence):
        open_storage(url)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["graph.db"]
