"""The doctor, in situations that are really broken."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from tests.chats import KEY, nobody
from tests.journals import claimed, new, started
from tests.postgres import Server
from tests.queued import until

from lithograph.cli.app import run
from lithograph.durable.clock import SystemClock
from lithograph.service.alone import lock_of
from lithograph.service.doctor import file
from lithograph.service.doctor.checks import Check, State, carried_out
from lithograph.service.doctor.examine import examine
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.fake_model.process import FakeModelProcess, fake_model_process
from lithograph.testing.workers import WorkerProcess

CLOCK = SystemClock()


def looked(url: str, environment: Mapping[str, str] | None = None, **more: str) -> dict[str, Check]:
    """Return the checks by their names."""
    return {check.name: check for check in examine(url, environment or {}, **more)}


def troubles(url: str, environment: Mapping[str, str] | None = None, **more: str) -> dict[str, tuple[State, str]]:
    """Return what is not as it should be; that the pages are not built is no matter here."""
    found = looked(url, environment, **more)
    return {
        name: (check.state, f"{check.said}; {check.remedy}")
        for name, check in found.items()
        if check.state is not State.OK and name != "web pages"
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database as it should be."""
    made = tmp_path / "graph.db"
    open_storage(f"sqlite:///{made}").close()
    return made


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_nothing_is_wrong_with_a_new_database(storage: Storage) -> None:
    assert troubles(storage.url) == {}
    found = looked(storage.url)
    assert {"version", "extra postgresql", "schema", "writing", "queue", "keys"} <= found.keys()
    assert found["queue"].said == "0 waiting, 0 running, 0 suspended"


def test_a_database_that_is_not_there_yet_is_a_warning_and_is_not_made(tmp_path: Path) -> None:
    absent = tmp_path / "folder" / "graph.db"
    state, said = troubles(url_of(absent))["database"]
    assert (state, said) == (State.WARNING, f"there is none at {absent}; `litho extract` makes one")
    assert list(tmp_path.iterdir()) == []


def test_where_no_database_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    state, said = troubles(url_of(tmp_path / "file" / "graph.db"))["database"]
    assert state is State.FAILED
    assert f"{tmp_path / 'file'} may not be written to; name another place" in said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("graph.db", "graph.db is not a database URL; write sqlite:///FILE"),
        ("mysql://root:hunter2@localhost/x", "mysql is not a database"),
        ("sqlite://", "a database needs a file"),
        ("postgresql://me:hunter2@127.0.0.1:9/x", r"postgresql://me:\*\*\*@127.0.0.1:9/x cannot be used at the moment"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, said: str) -> None:
    state, found = troubles(url)["database"]
    assert state is State.FAILED
    assert re.search(said, found)
    assert "hunter2" not in found


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "graph.db").write_text("no database at all, but long enough to be looked at " * 100)
    state, said = troubles(url_of(tmp_path / "graph.db"))["database"]
    assert (state, "is not an SQLite database; name another file" in said) == (State.FAILED, True)


def test_a_damaged_file(path: Path) -> None:
    with open_storage(url_of(path)) as storage:
        for number in range(200):
            started(storage, CLOCK, new(f"{number} {'x' * 500}"))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    with path.open("r+b") as damaged:
        damaged.seek(size // 2)
        damaged.write(b"\xff" * (size // 4))
    found = troubles(url_of(path))
    assert found["database"][0] is State.FAILED
    assert "is damaged; keep a copy of it, then put back a backup" in found["database"][1]


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("0003", "has schema 0003, and this Lithograph works with .*; back it up"),
        ("0999", "was written by a newer Lithograph"),
    ],
)
def test_another_schema(path: Path, revision: str, said: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    (found,) = [said for _, said in troubles(url_of(path)).values()]
    assert re.search(said, found)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)


def test_a_file_of_another_program(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE recipe (name TEXT)")
    state, said = troubles(url_of(tmp_path / "other.db"))["database"]
    assert (state, "holds tables that Lithograph did not make (recipe)" in said) == (State.FAILED, True)


def test_a_file_that_somebody_else_has_locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "_PATIENCE", 0.1)
    holding = sqlite3.connect(path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    try:
        assert "has been locked by another process for too long" in troubles(url_of(path))["database"][1]
    finally:
        holding.close()


def test_a_file_without_its_log(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    state, said = troubles(url_of(path))["writing"]
    assert state is State.WARNING
    assert said == f"{path} has no write-ahead log (delete); the next command gives it one"
    open_storage(url_of(path)).close()
    assert troubles(url_of(path)) == {}


@pytest.mark.parametrize(("limit", "state"), [("_NO_ROOM", State.FAILED), ("_LITTLE_ROOM", State.WARNING)])
def test_a_disk_that_is_nearly_full(limit: str, state: State, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, limit, 1 << 60)
    assert troubles(url_of(path))["disk"][0] is state


def test_who_works_on_a_file_is_named(path: Path) -> None:
    with open_storage(url_of(path)) as storage:
        started(storage, CLOCK)
    assert "1 waiting, 0 running, 0 suspended; nobody runs them" in troubles(url_of(path))["queue"][1]
    with lock_of(path, 45.0):
        assert troubles(url_of(path)) == {}
        assert re.match(r"process \d+ on \S+ works on it \(", looked(url_of(path))["workers"].said)


def test_a_lease_that_has_run_out(storage: Storage) -> None:
    claimed(storage, shifted(-3_600.0))
    state, said = troubles(storage.url)["queue"]
    assert state is State.WARNING
    assert said.startswith("0 waiting, 1 running, 0 suspended; 1 have a lease that has run out")


def shifted(seconds: float) -> SystemClock:
    """Return a clock that is that far ahead."""

    class Shifted(SystemClock):
        def now(self) -> float:
            return super().now() + seconds

    return Shifted()


@pytest.fixture
def server_url(postgres: Server) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def administered(postgres: Server, server_url: str) -> Callable[[str], None]:
    """Does something in the database as its administrator."""

    def execute(statement: str) -> None:
        name = make_url(server_url).database or ""
        with psycopg.connect(postgres.administrator(name), autocommit=True) as connection:
            connection.execute(statement.encode())

    return execute


def test_a_server_where_nobody_takes_jobs(server_url: str) -> None:
    with open_storage(server_url) as storage:
        started(storage, CLOCK)
    state, said = troubles(server_url)["queue"]
    assert (state, said) == (
        State.WARNING,
        "1 waiting, 0 running, 0 suspended; nobody runs them; start `litho worker --db URL`",
    )
    with WorkerProcess(server_url):
        until(lambda: looked(server_url)["workers"].said == "processes that take jobs: 1")


def test_a_server_that_is_empty(postgres: Server) -> None:
    postgres.execute("CREATE DATABASE lithograph_nothing")
    try:
        found = troubles(postgres.administrator("lithograph_nothing"))
        assert found["schema"][0] is State.FAILED
        assert "is empty; run `litho migrate" in found["schema"][1]
    finally:
        postgres.execute("DROP DATABASE lithograph_nothing WITH (FORCE)")


def test_a_login_without_the_roles(postgres: Server, server_url: str) -> None:
    postgres.execute("CREATE ROLE lithograph_stranger LOGIN PASSWORD 'x'")
    try:
        stranger = make_url(server_url).set(username="lithograph_stranger", password="x")
        found = troubles(stranger.render_as_string(hide_password=False))
    finally:
        postgres.execute("DROP ROLE lithograph_stranger")
    state, said = found["database"]
    assert state is State.FAILED
    assert "have whoever set it up run GRANT lithograph_app, lithograph_worker TO that user" in said


def test_a_login_that_passes_by_policies(postgres: Server, server_url: str) -> None:
    state, said = troubles(postgres.administrator(make_url(server_url).database or ""))["login"]
    assert state is State.WARNING
    assert "is a superuser or passes by policies" in said


def test_a_table_on_which_organisations_are_not_kept_apart(
    server_url: str, administered: Callable[[str], None]
) -> None:
    administered("ALTER TABLE mention NO FORCE ROW LEVEL SECURITY")
    state, said = troubles(server_url)["tenancy"]
    assert (state, "not in force on mention; ALTER TABLE mention" in said) == (State.FAILED, True)


def test_a_policy_that_lets_everybody_see(server_url: str, administered: Callable[[str], None]) -> None:
    with open_storage(server_url) as storage:
        started(storage, CLOCK)
    administered("CREATE POLICY careless ON workflow_execution FOR SELECT USING (true)")
    assert troubles(server_url)["tenancy"][1].startswith("an organisation that has nothing sees 1 executions")


def test_a_server_that_takes_no_writes(server_url: str, administered: Callable[[str], None]) -> None:
    administered(f"ALTER DATABASE {make_url(server_url).database} SET default_transaction_read_only = on")
    assert troubles(server_url)["writing"] == (
        State.FAILED,
        "the server is read-only, a replica perhaps; name the primary",
    )


@pytest.fixture(scope="module")
def fake_model() -> Iterator[FakeModelProcess]:
    with fake_model_process() as running:
        yield running


def test_a_model_that_answers(path: Path, fake_model: FakeModelProcess) -> None:
    found = looked(url_of(path), {"OPENAI_API_KEY": KEY}, model="openai:fake", base_url=fake_model.url)
    assert (found["model"].state, found["model"].said) == (State.OK, "openai:fake answers as it must")
    assert looked(url_of(path), model="rules")["model"].state is State.OK


def test_a_model_that_cannot_be_asked(path: Path) -> None:
    def said(model: str, base_url: str = "", **environment: str) -> str:
        state, found = troubles(url_of(path), environment, model=model, base_url=base_url)["model"]
        assert state is State.FAILED
        assert KEY not in found
        return found

    assert "needs a key; set the environment variable OPENAI_API_KEY" in said("openai:gpt-5-mini")
    assert "the provider 'nobody' is not known" in said("nobody:x", OPENAI_API_KEY=KEY)
    assert "holds a user name, a password" in said("local:x", f"http://me:{KEY}@localhost/v1")
    with nobody() as url:
        assert re.search(r"does not answer: .*; see that the provider", said("openai:x", url, OPENAI_API_KEY=KEY))
    with fake_model_process(key="another") as refusing:
        assert "key" in said("openai:x", refusing.url, OPENAI_API_KEY=KEY)


def test_keys_are_named_and_not_shown(path: Path) -> None:
    found = looked(url_of(path), {"OPENAI_API_KEY": KEY, "GEMINI_API_KEY": KEY})
    assert found["keys"].said.startswith("OPENAI_API_KEY, GEMINI_API_KEY set;")
    assert KEY not in str(found)


def test_a_check_that_breaks_is_one_that_failed() -> None:
    def broken() -> Iterator[Check]:
        yield Check("first", State.OK, "fine")
        raise ZeroDivisionError(f"with the key {KEY}")

    first, second = carried_out("sums", broken)
    assert first.state is State.OK
    assert second == Check(
        "sums", State.FAILED, "it could not be looked at (ZeroDivisionError)", "tell those who make Lithograph"
    )


def test_the_command_says_a_line_for_each_check(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--db", url_of(path)]) == 0
    out, said = capfd.readouterr()
    assert said == ""
    assert all(re.match(r"(ok|warning): [\w ]+: .", line) for line in out.splitlines())
    assert f"ok: database: {path} can be read" in out

    assert run(["doctor", "--db", url_of(path), "--model", "nobody:x", "--json"]) == 1
    told = json.loads(capfd.readouterr().out)
    assert told["healthy"] is False
    assert [check["name"] for check in told["checks"] if check["state"] == "failed"] == ["model"]
