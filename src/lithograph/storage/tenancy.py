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

_READ: Final = "SELECT set_config('role', '{app}', true), set_config('{setting}', {organization}, true)"
_WRITE: Final = _READ + ", set_config('idle_in_transaction_session_timeout', '15s', true)"
"""Who is frozen in a transaction that writes would keep its locks, so that no other could take over what it has."""
_BRIEF: Final = _WRITE + ", set_config('transaction_timeout', '15s', true)"
"""In a pipeline the server does not know that it waits for its client; it can end such a transaction since 17."""

ACT_FOR, ACT_BRIEFLY_FOR = (form.format(app=APP, setting=SETTING, organization="$1") for form in (_WRITE, _BRIEF))
"""With the organisation as their parameter; the latter for a server from 17 on."""

_FOR_READING, _FOR_WRITING = (
    text(form.format(app=APP, setting=SETTING, organization=":organization")) for form in (_READ, _WRITE)
)


def act_for(connection: Connection, organization_id: OrganizationId, *, writing: bool) -> None:
    """Let the rest of the connection's transaction see and write that organisation's rows only.

    One that is `writing` may not stand still for long.
    """
    connection.execute(_FOR_WRITING if writing else _FOR_READING, {"organization": organization_id})
