"""Organisations on a server see and write nothing of each other's, whatever is asked of it.

Every table and every function of the database is walked, so that none can be forgotten. One organisation knows all the
keys of the other, and speaks SQL.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    Table,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError, ProgrammingError
from tests.journals import SetClock, claimed, new
from tests.postgres import Server

from lithograph.domain.ids import OrganizationId
from lithograph.storage.columns import Document, Time
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import metadata, organization
from lithograph.storage.tenancy import APP, QUEUE, SETTING, SYSTEM, WORKER

MINE, THEIRS = OrganizationId("mine"), OrganizationId("theirs")
TABLES = dict(metadata.tables)
OF_EXECUTIONS = [
    (name, constraint)
    for name, table in TABLES.items()
    for constraint in table.foreign_key_constraints
    if constraint.referred_table.name != "organization"
]


def owner_column(table: Table) -> Column[Any]:
    return table.c.id if table is organization else table.c.organization_id


def row_of(table: Table, owner: str, name: str) -> dict[str, Any]:
    """Return a row in which every key holds `name`, so that it fits those of other tables, and nothing is missing."""
    return {
        column.name: owner if column is owner_column(table) else _value(column, name)
        for column in table.c
        if not (column.primary_key and isinstance(column.type, Integer) and column.autoincrement is True)
    }


def _value(column: Column[Any], name: str) -> object:
    kind = column.type
    if isinstance(kind, Time):
        return "2026-01-01T00:00:00Z"
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Float):
        return 1.0
    if isinstance(kind, Integer):
        return 1
    return {"of": name} if isinstance(kind, type(Document)) else name


@pytest.fixture(scope="module")
def url(postgres: Server) -> Iterator[str]:
    """A database with a row of each of two organisations in every table."""
    with postgres.database() as made:
        with open_storage(made) as storage:
            for owner in (MINE, THEIRS):
                with storage.write(owner) as connection:
                    for table in metadata.sorted_tables:
                        connection.execute(insert(table), row_of(table, owner, owner))
        yield made


@pytest.fixture(scope="module")
def storage(url: str) -> Iterator[Storage]:
    with open_storage(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def administrator(url: str, postgres: Server, storage: Storage) -> Iterator[psycopg.Connection]:
    """A superuser, whom no policy holds."""
    with psycopg.connect(postgres.administrator(str(storage.engine.url.database)), autocommit=True) as connection:
        yield connection


@pytest.fixture
def tenant(url: str) -> Iterator[psycopg.Connection]:
    """A connection as one organisation's transaction has it."""
    with tenant_of(url) as connection:
        yield connection


@contextmanager
def tenant_of(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('role', %s, true), set_config(%s, %s, true)", (APP, SETTING, MINE))
        yield connection
        connection.rollback()


def owners(connection: psycopg.Connection, table: Table) -> set[str]:
    query = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(owner_column(table).name), sql.Identifier(table.name))
    return {row[0] for row in connection.execute(query)}


@pytest.mark.parametrize("name", TABLES)
def test_only_its_own_rows_are_seen(name: str, storage: Storage, administrator: psycopg.Connection) -> None:
    table = TABLES[name]
    assert owners(administrator, table) >= {MINE, THEIRS}
    with storage.read(MINE) as connection:
        assert set(connection.scalars(select(owner_column(table)))) == {MINE}
        assert connection.execute(select(func.count()).where(owner_column(table) == THEIRS)).scalar_one() == 0


@pytest.mark.parametrize("name", TABLES)
def test_nothing_can_be_written_for_another(name: str, storage: Storage) -> None:
    table = TABLES[name]
    refused = pytest.raises(ProgrammingError, match="violates row-level security policy")
    with refused, storage.write(MINE) as connection:
        connection.execute(insert(table), row_of(table, THEIRS, "new"))
    with refused, storage.write(MINE) as connection:
        connection.execute(update(table).values({owner_column(table): THEIRS}))


@pytest.mark.parametrize("name", TABLES)
def test_without_a_condition_only_its_own_rows_are_changed_or_deleted(
    name: str, url: str, storage: Storage, administrator: psycopg.Connection
) -> None:
    table = TABLES[name]
    column = list(table.c)[-1]
    for statement in (update(table).values({column: column}), delete(table)):
        with storage.write(MINE) as connection, connection.begin_nested() as undone:
            assert connection.execute(statement).rowcount == 1
            assert connection.execute(statement.where(owner_column(table) == THEIRS)).rowcount == 0
            undone.rollback()
    assert THEIRS in owners(administrator, table)
    with tenant_of(url) as tenant, pytest.raises(psycopg.errors.InsufficientPrivilege):
        tenant.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(name)))


@pytest.mark.parametrize(("name", "constraint"), OF_EXECUTIONS, ids=[f"{name}" for name, _ in OF_EXECUTIONS])
def test_nothing_of_ones_own_can_belong_to_what_is_anothers(
    name: str, constraint: ForeignKeyConstraint, storage: Storage
) -> None:
    """A foreign key is checked without any policy: who knows another's key could get in the way of what it names."""
    table = TABLES[name]
    keys = {column.name: THEIRS for column in constraint.columns if column is not owner_column(table)}
    unused = {
        one.name: 999 if isinstance(one.type, Integer) else "unused"
        for one in table.primary_key
        if one.name not in keys and one is not owner_column(table)
    }
    row = row_of(table, MINE, MINE) | keys | unused
    with pytest.raises(IntegrityError, match="violates foreign key constraint"), storage.write(MINE) as connection:
        connection.execute(insert(table), row)


def test_every_table_is_secured(administrator: psycopg.Connection) -> None:
    """Those that are made tomorrow, too."""
    found = administrator.execute(
        "SELECT relname, relkind, relrowsecurity, relforcerowsecurity FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('i', 'S', 'I')"
    ).fetchall()
    assert {row[0] for row in found} == TABLES.keys() | {"alembic_version"}
    assert {row[1:] for row in found if row[0] != "alembic_version"} == {("r", True, True)}


def test_every_policy_is_known(administrator: psycopg.Connection) -> None:
    """One for everybody on each table, about reading and writing; the others are nobody's who can log in."""
    rows = administrator.execute(
        "SELECT tablename, policyname, roles, cmd, permissive, qual, with_check FROM pg_policies"
    )
    for table, policy, roles, command, permissive, condition, check in rows:
        assert permissive == "PERMISSIVE"
        if policy == "organization":
            column = owner_column(TABLES[table]).name
            assert condition == f"({column} = NULLIF(current_setting('{SETTING}'::text, true), ''::text))"
            assert (roles, command, check) == (["public"], "ALL", None)
        else:
            assert (policy, roles, command) == ("system", [SYSTEM], "SELECT")
    secured = administrator.execute("SELECT tablename FROM pg_policies WHERE policyname = 'organization'")
    assert {row[0] for row in secured} == TABLES.keys()


def test_roles_have_no_way_around(administrator: psycopg.Connection, url: str) -> None:
    roles = administrator.execute(
        "SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolreplication FROM pg_roles "
        "WHERE rolname = ANY(%s)",
        ([APP, WORKER, SYSTEM],),
    ).fetchall()
    assert roles == [(False,) * 5] * 3
    for role in (APP, WORKER):
        for other in (APP, WORKER, SYSTEM):
            member = administrator.execute("SELECT pg_has_role(%s, %s, 'MEMBER')", (role, other)).fetchone()
            assert member == (role == other,)
    owned = administrator.execute(
        "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = ANY(%s)", ([APP, WORKER, SYSTEM],)
    )
    assert owned.fetchall() == []


@pytest.mark.parametrize("role", [SYSTEM, "postgres"])
def test_a_tenant_can_take_no_other_role(role: str, tenant: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        tenant.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))


def test_a_tenant_that_gives_up_its_role_sees_no_more(tenant: psycopg.Connection) -> None:
    """Who logs in is a member of the role: it sees what the setting says, by the same policies."""
    tenant.execute("RESET ROLE")
    for table in TABLES.values():
        assert owners(tenant, table) == {MINE}


def test_a_tenant_cannot_switch_the_policies_off(tenant: psycopg.Connection) -> None:
    tenant.execute("SET LOCAL row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="would be affected by row-level security policy"):
        tenant.execute("SELECT * FROM workflow_execution")


@pytest.mark.parametrize("setting", [None, ""])
@pytest.mark.parametrize("role", [None, APP])
def test_who_has_not_said_who_it_is_sees_nothing(role: str | None, setting: str | None, url: str) -> None:
    with psycopg.connect(url) as connection:
        if role:
            connection.execute("SELECT set_config('role', %s, true)", (role,))
        if setting is not None:
            connection.execute("SELECT set_config(%s, %s, true)", (SETTING, setting))
        for table in TABLES.values():
            assert owners(connection, table) == set()


def test_a_connection_that_comes_back_to_the_pool_is_nobodys(storage: Storage) -> None:
    storage.close()
    pids = set()
    asked = text(f"SELECT pg_backend_pid(), current_user::text, current_setting('{SETTING}', true)")

    def fail() -> None:
        with storage.write(THEIRS) as connection:
            pids.add(connection.execute(asked).one()[0])
            raise KeyError

    for owner in (MINE, THEIRS, None, MINE):
        with pytest.raises(KeyError):
            fail()
        with storage.read(owner) if owner else storage.inspect() as connection:
            pid, user, setting = connection.execute(asked).one()
            seen = set(connection.scalars(select(organization.c.id)))
        pids.add(pid)
        assert (user, setting) == ((APP, owner) if owner else (storage.engine.url.username, ""))
        assert seen == ({owner} if owner else set())
    assert len(pids) == 1


def test_a_superuser_passes_by_all_policies(administrator: psycopg.Connection) -> None:
    """As the documentation says: so nobody should work as one."""
    assert owners(administrator, organization) >= {MINE, THEIRS}


def queue_tables(administrator: psycopg.Connection) -> list[str]:
    return [row[0] for row in administrator.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (QUEUE,))]


def test_a_tenant_sees_nothing_of_the_queue(url: str, administrator: psycopg.Connection) -> None:
    tables = queue_tables(administrator)
    assert "procrastinate_jobs" in tables
    for table in tables:
        with tenant_of(url) as tenant, pytest.raises(psycopg.errors.InsufficientPrivilege, match="for schema"):
            tenant.execute(sql.SQL("SELECT * FROM {}.{}").format(sql.Identifier(QUEUE), sql.Identifier(table)))
    functions = administrator.execute(
        "SELECT proname, pronargs FROM pg_proc WHERE pronamespace = %s::regnamespace", (QUEUE,)
    ).fetchall()
    assert functions
    for function, arguments in functions:
        given = sql.SQL(", ").join([sql.NULL] * arguments)
        called = sql.SQL("SELECT {}.{}({})").format(sql.Identifier(QUEUE), sql.Identifier(function), given)
        with tenant_of(url) as tenant, pytest.raises(psycopg.errors.InsufficientPrivilege, match="for schema"):
            tenant.execute(called)
    for privilege in ("USAGE", "CREATE"):
        may = administrator.execute("SELECT has_schema_privilege(%s, %s, %s)", (APP, QUEUE, privilege)).fetchone()
        assert may == (False,)


def test_a_worker_can_change_no_table_of_the_queue_itself(administrator: psycopg.Connection) -> None:
    """A trigger of a worker's would run with the rights of whoever queues."""
    for table in queue_tables(administrator):
        for privilege in ("TRIGGER", "TRUNCATE", "REFERENCES"):
            asked = "SELECT has_table_privilege(%s, %s, %s)"
            may = administrator.execute(asked, (WORKER, f"{QUEUE}.{table}", privilege)).fetchone()
            assert may == (False,), (table, privilege)


ENQUEUE = "lithograph_enqueue"
ACROSS = ("lithograph_due", "lithograph_backlog", "lithograph_organizations", "lithograph_key")


def functions(administrator: psycopg.Connection) -> dict[str, tuple[Any, ...]]:
    """Return what there is to know of each function that is not the server's own: by its name, in the order below."""
    rows = administrator.execute(
        "SELECT proname, pronamespace::regnamespace::text, prosecdef, proconfig, pg_get_userbyid(proowner), "
        "EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0), oid "
        "FROM pg_proc WHERE pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
    )
    return {row[0]: row[1:] for row in rows}


def test_what_looks_across_is_pinned_and_not_for_everybody(administrator: psycopg.Connection) -> None:
    for name, (schema, definer, settings, owner, everybody, oid) in functions(administrator).items():
        if schema == QUEUE:
            assert not definer, f"{name} runs with its owner's rights"
            continue
        assert schema == "public", name
        assert (definer, owner, everybody) == (True, SYSTEM, False), name
        (path,) = [setting for setting in settings if setting.startswith("search_path=")]
        assert re.fullmatch(rf'search_path=({QUEUE}, )?("?public"?, )?pg_temp', path), name
        may = administrator.execute("SELECT has_function_privilege(%s, %s, 'EXECUTE')", (APP, oid)).fetchone()
        assert may == (name == ENQUEUE,), name
    assert {ENQUEUE, *ACROSS} <= functions(administrator).keys()


@pytest.mark.parametrize(
    "call",
    [
        "lithograph_due(now(), 1000)",
        "lithograph_backlog()",
        "lithograph_organizations()",
        "lithograph_key('theirs')",
    ],
)
def test_a_tenant_cannot_look_across(call: str, url: str) -> None:
    query = sql.SQL("SELECT * FROM {}").format(sql.SQL(call))
    with tenant_of(url) as tenant, pytest.raises(psycopg.errors.InsufficientPrivilege, match="denied for function"):
        tenant.execute(query)
    with psycopg.connect(url) as worker:
        worker.execute(query)


def test_a_tenant_queues_nothing_of_anothers(url: str, administrator: psycopg.Connection) -> None:
    for execution in (THEIRS, "none"):
        with tenant_of(url) as tenant, pytest.raises(psycopg.errors.RaiseException, match="cannot be queued"):
            tenant.execute("SELECT lithograph_enqueue(%s, 0)", (execution,))
    with psycopg.connect(url) as nobody, pytest.raises(psycopg.errors.RaiseException, match="cannot be queued"):
        nobody.execute("SELECT lithograph_enqueue(%s, 0)", (THEIRS,))
    with tenant_of(url) as tenant:
        assert tenant.execute("SELECT lithograph_enqueue(%s, 0)", (MINE,)).fetchone() == (True,)
    jobs = administrator.execute(f"SELECT count(*) FROM {QUEUE}.procrastinate_jobs").fetchone()
    assert jobs == (0,)


def test_a_name_in_front_of_the_search_path_misleads_no_function(url: str, storage: Storage) -> None:
    """A temporary table of a tenant's is not what a function of the system reads."""
    elsewhere = claimed(storage, SetClock(), new("elsewhere", THEIRS))
    with tenant_of(url) as tenant:
        tenant.execute("RESET ROLE; CREATE TEMP TABLE workflow_execution AS SELECT * FROM public.workflow_execution")
        tenant.execute("UPDATE pg_temp.workflow_execution SET id = %s", (elsewhere.execution_id,))
        tenant.execute("GRANT SELECT ON pg_temp.workflow_execution TO PUBLIC")
        tenant.execute("SELECT set_config('role', %s, true)", (APP,))
        with pytest.raises(psycopg.errors.RaiseException, match="cannot be queued"):
            tenant.execute("SELECT lithograph_enqueue(%s, 0)", (elsewhere.execution_id,))
