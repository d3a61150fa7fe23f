"""Making the schema on a server, by users who may do it, more or less."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import make_url, select
from tests.journals import SetClock, claimed, new
from tests.postgres import Server, started

from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.errors import StorageError, UsageError
from lithograph.storage import server
from lithograph.storage.migrate import SCRIPTS
from lithograph.storage.open import Storage, connect, is_current, open_storage
from lithograph.storage.revision import HEAD, revision_of
from lithograph.storage.schema import metadata, workflow_execution

from .conftest import Start
from .test_migrate import COUNTING, KILLED

OWNER, USER, CREATOR = "owner", "plain", "creator"
OTHER = OrganizationId("other")


@pytest.fixture(scope="module")
def fresh() -> Iterator[Server]:
    """A server on which nobody has made anything yet."""
    with started(Path(tempfile.mkdtemp(prefix="lithograph-fresh-"))) as url:
        made = Server(url)
        made.execute(
            f"CREATE ROLE {OWNER} LOGIN PASSWORD '{OWNER}'",
            f"CREATE ROLE {USER} LOGIN PASSWORD '{USER}'",
            f"CREATE ROLE {CREATOR} LOGIN PASSWORD '{CREATOR}' CREATEROLE",
        )
        yield made


@pytest.fixture
def database(fresh: Server) -> Iterator[str]:
    """An empty database, and a server without the roles."""
    fresh.execute(f"CREATE DATABASE mine OWNER {OWNER}")
    yield "mine"
    fresh.execute("DROP DATABASE mine WITH (FORCE)")
    for role in ("lithograph_app", "lithograph_worker", "lithograph_system"):
        fresh.execute(f"DROP ROLE IF EXISTS {role}")


def url_of(fresh: Server, user: str | None = None) -> str:
    parsed = make_url(fresh.url).set(database="mine")
    if user:
        parsed = parsed.set(username=user, password=user)
    return parsed.render_as_string(hide_password=False)


def up_to(url: str, revision: str) -> None:
    """Leave a database as an earlier Lithograph made it."""
    with connect(url) as storage, storage.engine.connect() as connection:
        configuration = Config(attributes={"connection": connection})
        configuration.set_main_option("script_location", str(SCRIPTS))
        configuration.set_main_option("path_separator", "os")
        command.upgrade(configuration, revision)


def revision(url: str) -> str | None:
    with connect(url) as storage, storage.inspect() as connection:
        return revision_of(connection, storage.name)


def test_who_may_make_no_roles_is_told_what_an_administrator_has_to_run(fresh: Server, database: str) -> None:
    url = url_of(fresh, OWNER)
    with pytest.raises(UsageError, match="may not make the roles that Lithograph needs, or take them") as caught:
        open_storage(url)
    assert revision(url) == "0003"
    assert str(caught.value).count("\n") == 0
    advice = str(caught.value).split("administrator run ")[1]
    with psycopg.connect(url_of(fresh), autocommit=True) as administrator:
        administrator.execute(advice)
    with open_storage(url) as storage:
        check_tenants(storage)


def test_an_owner_who_may_make_roles_needs_nobody_and_sees_no_more_than_others(fresh: Server, database: str) -> None:
    fresh.execute(f"ALTER DATABASE mine OWNER TO {CREATOR}")
    with open_storage(url_of(fresh, CREATOR)) as storage:
        check_tenants(storage)


def check_tenants(storage: Storage) -> None:
    """Who owns the tables sees no row outside of an organisation's transaction, and only its rows inside."""
    claimed(storage, SetClock())
    claimed(storage, SetClock(), new("two", OTHER))
    for table in metadata.tables.values():
        with storage.inspect() as connection:
            assert connection.execute(select(table)).all() == []
    for organization_id in (DEFAULT_ORGANIZATION, OTHER):
        with storage.read(organization_id) as connection:
            mine = connection.scalars(select(workflow_execution.c.organization_id)).all()
        assert mine == [organization_id]


def test_who_does_not_own_an_older_database_is_told_who_has_to_update_it(fresh: Server, database: str) -> None:
    up_to(url_of(fresh), "0003")
    fresh.execute(f"GRANT CONNECT ON DATABASE mine TO {USER}")
    with psycopg.connect(url_of(fresh), autocommit=True) as administrator:
        administrator.execute(f"GRANT SELECT ON alembic_version TO {USER}")
        administrator.execute(
            "CREATE ROLE lithograph_app; CREATE ROLE lithograph_worker; CREATE ROLE lithograph_system; "
            f"GRANT lithograph_app, lithograph_worker, lithograph_system TO {USER}"
        )
    with pytest.raises(
        UsageError, match=r"have to be made or brought up to date, which its user may not do \(must be owner"
    ) as told:
        open_storage(url_of(fresh, USER))
    assert "run `litho migrate` as the user who owns the database" in str(told.value)
    assert "\n" not in str(told.value)


def test_who_owns_nothing_cannot_make_a_schema_and_is_told_so(fresh: Server, database: str) -> None:
    with pytest.raises(UsageError, match=r"have to be made or brought up to date, which its user may not do \("):
        open_storage(url_of(fresh, USER))


def test_who_may_not_use_the_tables_is_told_what_is_missing(fresh: Server, database: str) -> None:
    open_storage(url_of(fresh)).close()
    with pytest.raises(StorageError, match="GRANT lithograph_app, lithograph_worker TO that user") as caught:
        open_storage(url_of(fresh, USER))
    assert "\n" not in str(caught.value)
    fresh.execute(f"GRANT lithograph_worker TO {USER}")
    with open_storage(url_of(fresh, USER)) as storage:
        assert is_current(storage)
        with pytest.raises(StorageError, match="GRANT lithograph_app"), storage.read(OTHER):
            pytest.fail("it read")
    fresh.execute(f"GRANT lithograph_app TO {USER}")
    with open_storage(url_of(fresh, USER)) as storage:
        claimed(storage, SetClock())


def test_an_older_server_is_refused(fresh: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_OLDEST", (99,))
    with pytest.raises(UsageError, match="PostgreSQL 99 or newer is needed, and this server is"):
        open_storage(url_of(fresh))


@pytest.mark.parametrize("before", ["", "0001"])
def test_of_processes_that_start_at_once_one_upgrades_and_all_go_on(
    start: Start, fresh: Server, database: str, before: str
) -> None:
    url = url_of(fresh)
    if before:
        up_to(url, before)
    children = [start(COUNTING, url) for _ in range(3)]
    for child in children:
        assert child.line() == "ready"
    for child in children:
        child.tell("go")
    made = sorted(int(child.line()) for child in children)
    assert made[:2] == [0, 0], [child.end() for child in children]
    assert made[2] > 0
    assert revision(url) == HEAD


@pytest.mark.parametrize(
    ("last_words", "left"),
    [("CREATE TABLE workflow_event", None), ("CREATE TABLE relation", "0001"), ("UPDATE alembic_version", "0001")],
)
def test_a_killed_upgrade_leaves_the_revision_before_and_is_completed_later(
    start: Start, fresh: Server, database: str, last_words: str, left: str | None
) -> None:
    url = url_of(fresh)
    status, _, complaint = start(KILLED, url, last_words).end()
    assert status == -9, complaint
    assert revision(url) == left
    with open_storage(url) as storage:
        check_schema(storage)


def check_schema(storage: Storage) -> None:
    with storage.inspect() as connection:
        names = set(connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars())
    assert names == metadata.tables.keys() | {"alembic_version"}
    claimed(storage, SetClock())


def test_two_databases_of_one_server_share_the_roles(fresh: Server, database: str) -> None:
    open_storage(url_of(fresh)).close()
    fresh.execute("CREATE DATABASE another")
    try:
        with open_storage(fresh.administrator("another")) as storage:
            check_schema(storage)
    finally:
        fresh.execute("DROP DATABASE another WITH (FORCE)")
