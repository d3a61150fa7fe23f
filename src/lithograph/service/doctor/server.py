"""Checks of a PostgreSQL database: the server, its roles, that organisations are kept apart, who works."""

import time
from collections.abc import Iterator
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select, text

from lithograph.domain.ids import OrganizationId
from lithograph.durable.queue import SILENT
from lithograph.service.doctor.checks import Check, failed, ok, warning
from lithograph.service.doctor.database import queue, schema
from lithograph.storage.open import Storage, connect
from lithograph.storage.schema import metadata, workflow_execution
from lithograph.storage.tenancy import APP, SYSTEM, WORKER

if TYPE_CHECKING:
    from sqlalchemy import Connection

_OLDEST: Final = 16
_AHEAD: Final = 5.0
"""Seconds that two clocks may be apart before times in a log mislead."""
_CROWDED: Final = 0.9
"""Of all connections that the server allows."""

_SERVER = text(
    "SELECT current_setting('server_version_num')::int / 10000 AS version, current_user AS login, "
    "pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS fixed, "
    "extract(epoch FROM clock_timestamp())::float AS clock, "
    "(SELECT count(*) FROM pg_stat_activity)::float / current_setting('max_connections')::int AS crowd, "
    "(SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS mighty"
)
_ROLES = text(
    "SELECT rolname, CASE WHEN rolname = :system THEN true ELSE pg_has_role(current_user, oid, 'SET') END AS may, "
    "rolcanlogin OR rolsuper OR rolbypassrls AS mighty FROM pg_roles WHERE rolname IN (:app, :worker, :system)"
)
_APART = text("SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = to_regclass(:name)")
_WORKERS = text(
    "SELECT count(*) FROM lithograph_queue.procrastinate_workers "
    "WHERE last_heartbeat > now() - make_interval(secs => :silent)"
).bindparams(silent=3 * SILENT)


_KINDS: Final = 2
"""How many kinds of jobs a process takes, for each of which the queue counts a worker."""


def server_checks(url: str) -> Iterator[Check]:
    """Yield the checks of the database at `url`."""
    with connect(url, create=False) as storage:
        with storage.inspect() as connection:
            before = time.time()
            found = connection.execute(_SERVER).one()
            ahead = found.clock - (before + time.time()) / 2
        if found.version < _OLDEST:
            yield failed("server", f"it is PostgreSQL {found.version}", f"update it to {_OLDEST} or newer")
            return
        yield ok("server", f"{storage.name} answers (PostgreSQL {found.version})")
        yield _clock(ahead)
        yield _crowd(found.crowd)
        yield _writing(fixed=found.fixed)
        of_schema = list(schema(storage))
        yield from of_schema
        if any(check.state != "ok" for check in of_schema):
            return
        with storage.inspect() as connection:
            roles = list(_roles(connection, found.login, mighty=found.mighty))
        yield from roles
        if any(check.state == "failed" for check in roles):
            return
        yield _apart(storage)
        with storage.inspect() as connection:
            alive = -(-int(connection.execute(_WORKERS).scalar_one()) // _KINDS)
        yield from queue(storage, f"processes that take jobs: {alive:,}" if alive else None)


def _clock(ahead: float) -> Check:
    said = f"the server's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) > _AHEAD:
        return warning("clock", said, "have both set by NTP; leases go by the server's, logs by this machine's")
    return ok("clock", said)


def _crowd(crowd: float) -> Check:
    said = f"{crowd:.0%} of the server's connections are in use"
    if crowd > _CROWDED:
        return warning("connections", said, "raise max_connections, or run fewer workers")
    return ok("connections", said)


def _writing(*, fixed: bool) -> Check:
    if fixed:
        return failed("writing", "the server is read-only, a replica perhaps", "name the primary")
    return ok("writing", "it can be written")


def _roles(connection: "Connection", login: str, *, mighty: bool) -> Iterator[Check]:
    rows = connection.execute(_ROLES, {"app": APP, "worker": WORKER, "system": SYSTEM}).all()
    known = {row.rolname for row in rows}
    if missing := {APP, WORKER, SYSTEM} - known:
        yield failed(
            "roles", f"the server has no role {', '.join(sorted(missing))}", "restore roles with pg_dumpall -r"
        )
    elif strong := [row.rolname for row in rows if row.mighty]:
        yield failed(
            "roles",
            f"{', '.join(strong)} may log in or pass by policies",
            f"ALTER ROLE {strong[0]} NOLOGIN NOBYPASSRLS",
        )
    elif barred := [row.rolname for row in rows if not row.may]:
        yield failed("roles", f"{login} may not act as {', '.join(barred)}", f'GRANT {", ".join(barred)} TO "{login}"')
    else:
        yield ok("roles", f"{login} may act for organisations and take jobs")
    if mighty:
        yield warning(
            "login",
            f"{login} is a superuser or passes by policies",
            f"log in as a user who is only a member of {APP} and {WORKER}",
        )


def _apart(storage: Storage) -> Check:
    """Whether policies are in force, and keep somebody who has nothing from seeing anything."""
    tables = [table.name for table in metadata.sorted_tables if "organization_id" in table.columns]
    with storage.inspect() as connection:
        rows = [connection.execute(_APART, {"name": name}).one_or_none() for name in (*tables, "organization")]
    if lax := [row[0] for row in rows if row is not None and not row[1]]:
        names = ", ".join(lax)
        remedy = f"ALTER TABLE {lax[0]} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        return failed("tenancy", f"row-level security is not in force on {names}", remedy)
    with storage.read(OrganizationId(f"nobody-{token_hex(8)}")) as connection:
        seen = int(connection.execute(select(func.count()).select_from(workflow_execution)).scalar_one())
    if seen:
        return failed(
            "tenancy", f"an organisation that has nothing sees {seen:,} executions", "drop policies of others"
        )
    return ok("tenancy", "organisations are kept apart by the server")
