"""Tenancy on PostgreSQL: a transaction acts for one organisation, and the server shows it nobody else's rows.

    the user in the URL      may switch to the role below; owns the tables or not
        lithograph_app       what organisations' transactions act as: no table is theirs, no policy lets them through
        lithograph_worker    may call the functions that look across organisations, and use the queue
    lithograph_system        owns those functions; nobody logs in as it

Role and organisation are set for the transaction only, so that a connection which comes back to the pool is nobody's.
"""

from typing import Final

from sqlalchemy import Connection, text

from lithograph.domain.ids import OrganizationId

APP: Final = "lithograph_app"
WORKER: Final = "lithograph_worker"
SYSTEM: Final = "lithograph_system"
QUEUE: Final = "lithograph_queue"
"""The schema that the queue is in."""
SETTING: Final = "lithograph.organization"
"""The transaction-local setting that policies compare with `organization_id`."""

ACT_FOR: Final = f"SELECT set_config('role', '{APP}', true), set_config('{SETTING}', %s, true)"
"""For psycopg, with the organisation as its parameter."""

_ACT_FOR = text(f"SELECT set_config('role', '{APP}', true), set_config('{SETTING}', :organization, true)")


def act_for(connection: Connection, organization_id: OrganizationId) -> None:
    """Let the rest of the connection's transaction see and write that organisation's rows only."""
    connection.execute(_ACT_FOR, {"organization": organization_id})
