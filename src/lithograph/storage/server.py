"""What only a server has, made once by a migration: roles, row-level security on every table, and the queue.

The queue is Procrastinate's, in a schema of its own, of which organisations see nothing. What has to look across
organisations is a function with an owner of its own; see `tenancy` for the roles.
"""

from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import ProgrammingError

from lithograph.errors import UsageError
from lithograph.storage.tenancy import APP, QUEUE, SETTING, SYSTEM, WORKER

_TABLES: Final = (
    "document", "ontology", "api_key", "workflow_execution", "batch_document", "workflow_activity", "workflow_signal",
    "workflow_event", "response_cache", "entity", "mention", "relation", "evidence",
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
        GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE;
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
              parent_id, updated_at) ON workflow_execution TO {system};
GRANT SELECT ON organization, api_key TO {system};
"""

_QUEUE = """
CREATE INDEX lithograph_turn ON {queue}.procrastinate_jobs ((args ->> 'organization_id'), priority)
    WHERE status = 'todo';
GRANT USAGE ON SCHEMA {queue} TO {worker}, {system};
GRANT ALL ON ALL TABLES IN SCHEMA {queue} TO {worker}, {system};
GRANT ALL ON ALL SEQUENCES IN SCHEMA {queue} TO {worker}, {system};
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
    SELECT max(priority) INTO now_turn FROM procrastinate_jobs
    WHERE status = 'todo' AND priority > first_turn - 10000000 AND priority <= first_turn;
    SELECT min(priority) INTO own_turn FROM procrastinate_jobs
    WHERE status = 'todo' AND args ->> 'organization_id' = about.organization_id
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
ALTER FUNCTION {schema}.lithograph_enqueue OWNER TO {system};
REVOKE ALL ON FUNCTION {schema}.lithograph_enqueue FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_enqueue TO {app}, {worker};
"""

_DUE = """
-- Executions that should go on and have no job waiting: given back or abandoned by their workers, never taken, or
-- suspended until their provider is back. Children that nobody has begun are their parent's business.
CREATE FUNCTION {schema}.lithograph_due(at timestamptz, most integer)
RETURNS TABLE (organization_id text, execution_id text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {queue}, {schema}, pg_temp AS $$
    SELECT e.organization_id, e.id FROM workflow_execution e
    WHERE (e.status = 'running' AND (e.lease_expires_at IS NULL OR e.lease_expires_at < at)
           OR e.status = 'pending' AND e.parent_id IS NULL AND e.waiting_for IS NULL
               AND e.updated_at < at - interval '5 seconds'
           OR e.status = 'suspended' AND e.waiting_for = 'provider' AND e.updated_at < at - interval '30 seconds')
        AND NOT EXISTS (SELECT FROM procrastinate_jobs j WHERE j.queueing_lock = e.id AND j.status = 'todo')
    ORDER BY e.updated_at, e.id LIMIT most
$$;
ALTER FUNCTION {schema}.lithograph_due OWNER TO {system};
REVOKE ALL ON FUNCTION {schema}.lithograph_due FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_due TO {worker};
"""

_ORGANIZATIONS = """
CREATE FUNCTION {schema}.lithograph_organizations() RETURNS SETOF {schema}.organization
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT * FROM organization ORDER BY id
$$;
ALTER FUNCTION {schema}.lithograph_organizations OWNER TO {system};
REVOKE ALL ON FUNCTION {schema}.lithograph_organizations FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_organizations TO {worker};

-- Whose key this is: the one question that is asked before it is known who asks.
CREATE FUNCTION {schema}.lithograph_key(given text) RETURNS SETOF {schema}.api_key
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    SELECT * FROM api_key WHERE hash = given
$$;
ALTER FUNCTION {schema}.lithograph_key OWNER TO {system};
REVOKE ALL ON FUNCTION {schema}.lithograph_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.lithograph_key TO {worker};
"""


def install(connection: Connection) -> None:
    """Make all of it, in the transaction of the connection.

    Raises `UsageError` when the user may not make the roles and they are not there.
    """
    from procrastinate.schema import SchemaManager

    schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    names = {
        "app": APP, "worker": WORKER, "system": SYSTEM, "setting": SETTING, "queue": QUEUE, "schema": f'"{schema}"',
    }  # fmt: skip
    try:
        for role in (APP, WORKER, SYSTEM):
            _run(connection, _ROLE.format(role=role))
    except ProgrammingError as error:
        raise UsageError(
            f"the database user may not make the roles that Lithograph needs ({error.orig}); have an administrator run "
            + "; ".join(f"CREATE ROLE {role} NOLOGIN" for role in (APP, WORKER, SYSTEM))
            + " and grant them to the user WITH ADMIN OPTION"
        ) from error
    for table in _TABLES:
        _run(connection, _SECURE.format(table=table, column="organization_id", **names))
    _run(connection, _SECURE.format(table="organization", column="id", **names))
    _run(connection, _LOOK_ACROSS.format(**names))
    _run(connection, f"CREATE SCHEMA {QUEUE}; SET LOCAL search_path = {QUEUE}")
    _run(connection, SchemaManager.get_schema())
    _run(connection, f'SET LOCAL search_path = "{schema}"')
    _run(connection, f'GRANT CREATE ON SCHEMA "{schema}" TO {SYSTEM}')  # or it could not own a function there
    for statement in (_QUEUE, _ENQUEUE, _DUE, _ORGANIZATIONS):
        _run(connection, statement.format(**names))
    _run(connection, f'REVOKE CREATE ON SCHEMA "{schema}" FROM {SYSTEM}')


def _run(connection: Connection, statements: str) -> None:
    # Without parameters the driver sends several statements at once, and takes a percent sign as it is.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  # it is connected
    driver.execute(statements)
