"""What only a server has, made once by a migration: roles, row-level security on every table, and the queue.

The queue is Procrastinate's, in a schema of its own, of which organisations see nothing. What has to look across
organisations is a function with an owner of its own; see `tenancy` for the roles.
"""

from typing import Final

from sqlalchemy import Connection

from lithograph.errors import UsageError
from lithograph.storage.allowance import ALLOWANCE
from lithograph.storage.tenancy import APP, QUEUE, SETTING, SYSTEM, WORKER

_OLDEST: Final = (16,)
"""Since when it can be said apart whether a role is inherited and whether it may be taken."""

_TABLES: Final = (
    "document", "ontology", "spending", "api_key", "workflow_execution", "batch_document", "start_key",
    "workflow_activity", "workflow_signal", "workflow_event", "response_cache", "entity", "mention", "relation",
    "evidence",
)  # fmt: skip

_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of this server was quicker
END $$;
DO $$ BEGIN
    IF NOT pg_has_role(current_user, '{role}', 'SET') THEN
        GRANT {role} TO CURRENT_USER WITH INHERIT {inherit}, SET TRUE;
    END IF;
END $$;
"""

_SECURE = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON {table} USING ({column} = nullif(current_setting('{setting}', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {app};
"""

_LOOK_ACROSS = """
GRANT USAGE ON SCHEMA {schema} TO {app}, {worker}, {system};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {app};
GRANT SELECT ON alembic_version TO {app}, {worker};

CREATE POLICY system ON workflow_execution FOR SELECT TO {system} USING (true);
CREATE POLICY system ON organization FOR SELECT TO {system} USING (true);
CREATE POLICY system ON api_key FOR SELECT TO {system} USING (true);
GRANT SELECT (id, organization_id, workflow_type, workflow_version, status, lease_expires_at, lease_owner, waiting_for,
              parent_id, updated_at, completed_at) ON workflow_execution TO {system};
GRANT SELECT ON organization, api_key TO {system};
"""

_QUEUE = """
CREATE INDEX lithograph_turn ON {queue}.procrastinate_jobs ((args ->> 'organization_id'), priority)
    WHERE status = 'todo';
GRANT USAGE ON SCHEMA {queue} TO {worker}, {system};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {queue} TO {worker}, {system};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {queue} TO {worker}, {system};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {queue} TO {worker}, {system};
"""

_ENQUEUE = """
-- Gives an execution of the transaction's organisation a job, unless one is waiting for it. Jobs of organisations take
-- turns (start-time fair queueing): a job's turn comes after the organisation's last one, and not before those that
-- have theirs now. A band of ten million turns for each degree of urgency; a higher one is served first.
CREATE FUNCTION {schema}.lithograph_enqueue(execution text, urgency integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {queue}, {schema}, pg_temp AS $$
DECLARE
    about record;
    turn_of text;
    first_turn CONSTANT integer := urgency * 10000000;
    now_turn integer;
    own_turn integer;
BEGIN
    SELECT organization_id, workflow_type, workflow_version INTO about FROM workflow_execution
    WHERE id = execution AND organization_id = nullif(current_setting('{setting}', true), '');
    IF NOT FOUND OR abs(urgency) > 100 THEN
        RAISE 'execution % cannot be queued', execution;
    END IF;
    IF EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = execution AND status = 'todo') THEN
        RETURN false;
    END IF;
    turn_of := about.organization_id;  -- compared as jobs are, in the order of the database
    SELECT max(priority) INTO now_turn FROM procrastinate_jobs
    WHERE status = 'todo' AND priority > first_turn - 10000000 AND priority <= first_turn;
    SELECT min(priority) INTO own_turn FROM procrastinate_jobs
    WHERE status = 'todo' AND args ->> 'organization_id' = turn_of
        AND priority > first_turn - 10000000 AND priority <= first_turn;
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
        about.workflow_type || '/' || about.workflow_version,
        about.workflow_type,
        greatest(least(coalesce(now_turn, first_turn), coalesce(own_turn - 1, first_turn)), first_turn - 9999999),
        NULL, execution,
        jsonb_build_object('organization_id', about.organization_id, 'execution_id', execution),
        NULL)]::procrastinate_job_to_defer_v1[]);
    RETURN true;
EXCEPTION WHEN unique_violation THEN
    RETURN false;
END $$;
REVOKE ALL ON FUNCTION {schema}.lithograph_enqueue FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_enqueue TO {app}, {worker};
ALTER FUNCTION {schema}.lithograph_enqueue OWNER TO {system};
"""

_DUE = """
-- Executions that should go on and have no job waiting: given back or abandoned by their workers, never taken, or
-- suspended until their provider is back. Children that nobody has begun are their parent's business.
CREATE FUNCTION {schema}.lithograph_due(at timestamptz, most integer)
RETURNS TABLE (organization_id text, execution_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {queue}, {schema}, pg_temp AS $$
    SELECT e.organization_id, e.id FROM (
        SELECT id, organization_id, updated_at FROM workflow_execution
        WHERE completed_at IS NULL AND status = 'running' AND (lease_expires_at IS NULL OR lease_expires_at < at)
        UNION ALL
        SELECT id, organization_id, updated_at FROM workflow_execution
        WHERE completed_at IS NULL AND status = 'pending' AND waiting_for IS NULL AND parent_id IS NULL
            AND updated_at < at - interval '5 seconds'
        UNION ALL
        SELECT id, organization_id, updated_at FROM workflow_execution
        WHERE completed_at IS NULL AND status = 'suspended' AND waiting_for = 'provider'
            AND updated_at < at - interval '30 seconds') AS e
    WHERE NOT EXISTS (
        SELECT FROM procrastinate_jobs j WHERE j.queueing_lock = e.id COLLATE "default" AND j.status = 'todo')
    ORDER BY e.updated_at, e.id LIMIT most
$$;
REVOKE ALL ON FUNCTION {schema}.lithograph_due FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_due TO {worker};
ALTER FUNCTION {schema}.lithograph_due OWNER TO {system};
"""

_BACKLOG = """
-- For metrics: how many executions that have not ended stand how, for how many seconds the one has been silent that was
-- heard of longest ago, and of how many the lease has run out. Children that nobody has begun wait for their parent.
CREATE FUNCTION {schema}.lithograph_backlog()
RETURNS TABLE (organization_id text, workflow_type text, standing text, number integer, silent float, overdue integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT e.organization_id, e.workflow_type, e.standing, count(*)::integer,
        greatest(0, extract(epoch FROM now() - min(e.updated_at)))::float,
        (count(*) FILTER (WHERE e.lease_owner IS NOT NULL AND e.lease_expires_at < now()))::integer
    FROM (
        SELECT *, CASE WHEN status = 'suspended' THEN 'suspended' WHEN lease_owner IS NOT NULL THEN 'running'
            ELSE 'waiting' END AS standing
        FROM (SELECT organization_id, workflow_type, status, lease_owner, lease_expires_at, updated_at
              FROM workflow_execution WHERE completed_at IS NULL AND (status <> 'pending' OR parent_id IS NULL)
             ) AS unended) AS e
    GROUP BY e.organization_id, e.workflow_type, e.standing
$$;
REVOKE ALL ON FUNCTION {schema}.lithograph_backlog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_backlog TO {worker};
ALTER FUNCTION {schema}.lithograph_backlog OWNER TO {system};
"""

_ORGANIZATIONS = """
CREATE FUNCTION {schema}.lithograph_organizations() RETURNS SETOF {schema}.organization
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT * FROM organization ORDER BY id
$$;
REVOKE ALL ON FUNCTION {schema}.lithograph_organizations FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_organizations TO {worker};
ALTER FUNCTION {schema}.lithograph_organizations OWNER TO {system};

-- Whose key this is: the one question that is asked before it is known who asks.
CREATE FUNCTION {schema}.lithograph_key(given text) RETURNS SETOF {schema}.api_key
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT * FROM api_key WHERE hash = given
$$;
REVOKE ALL ON FUNCTION {schema}.lithograph_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_key TO {worker};
ALTER FUNCTION {schema}.lithograph_key OWNER TO {system};
"""


def install(connection: Connection) -> None:
    """Make all of it, in the transaction of the connection.

    Raises `UsageError` when the server is too old, or the user may not make the roles and they are not there.
    """
    from procrastinate.schema import SchemaManager

    version = connection.dialect.server_version_info or _OLDEST
    if version < _OLDEST:
        raise UsageError(f"PostgreSQL {_OLDEST[0]} or newer is needed, and this server is {version[0]}: update it")
    schema, user = connection.exec_driver_sql("SELECT current_schema(), current_user").one()
    names = {
        "app": APP, "worker": WORKER, "system": SYSTEM, "setting": SETTING, "queue": QUEUE, "schema": f'"{schema}"',
    }  # fmt: skip
    _make_roles(connection, user)
    for table in _TABLES:
        _run(connection, _SECURE.format(table=table, column="organization_id", **names))
    _run(connection, _SECURE.format(table="organization", column="id", **names))
    _run(connection, _LOOK_ACROSS.format(**names))
    _run(connection, f"CREATE SCHEMA {QUEUE}; SET LOCAL search_path = {QUEUE}")
    _run(connection, SchemaManager.get_schema())
    _run(connection, f'SET LOCAL search_path = "{schema}"')
    _run(connection, f'GRANT CREATE ON SCHEMA "{schema}" TO {SYSTEM}')  # or it could not own a function there
    for statement in (_QUEUE, _ENQUEUE, _DUE, _BACKLOG, _ORGANIZATIONS, ALLOWANCE):
        _run(connection, statement.format(**names))
    _run(connection, f'REVOKE CREATE ON SCHEMA "{schema}" FROM {SYSTEM}')


def _make_roles(connection: Connection, user: str) -> None:
    from psycopg.errors import InsufficientPrivilege

    try:
        for role, inherit in ((APP, True), (WORKER, True), (SYSTEM, False)):
            _run(connection, _ROLE.format(role=role, inherit=inherit))
    except InsufficientPrivilege as error:
        raise UsageError(
            "the database user may not make the roles that Lithograph needs, or take them; have an administrator run "
            + "; ".join(f"CREATE ROLE {role} NOLOGIN" for role in (APP, WORKER, SYSTEM))
            + f'; GRANT {APP}, {WORKER} TO "{user}"; GRANT {SYSTEM} TO "{user}" WITH INHERIT FALSE'
        ) from error


def _run(connection: Connection, statements: str) -> None:
    # Without parameters the driver sends several statements at once, and takes a percent sign as it is.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # it is connected
    driver.execute(statements)
