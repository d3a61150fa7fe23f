"""Administration: the organisations of a database. Whoever can open the database may do all of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, delete, func, select

from lithograph.domain.ids import OrganizationId, organization_named
from lithograph.durable import retention
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.retention import Pruned
from lithograph.durable.status import Status
from lithograph.errors import NotFoundError, StateError, UsageError
from lithograph.resilience.budget import Limits
from lithograph.storage.columns import insert_into
from lithograph.storage.open import Storage
from lithograph.storage.schema import api_key, organization, spending, workflow_execution

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Organization:
    """An organisation and what it may spend; `created_at` is ISO 8601 in UTC."""

    id: OrganizationId
    created_at: str
    limits: Limits


def create_organization(storage: Storage, given: str, limits: Limits, clock: Clock) -> Organization:
    """Make an organisation; raises `UsageError` when `given` cannot be the id of one, or is that of one."""
    organization_id = organization_named(given)
    now = timestamp(clock.now())
    row = {"id": organization_id, "created_at": now, "max_tokens": limits.tokens, "max_cost_usd": limits.cost_usd}
    with transaction(storage, organization_id, Transaction.CONTROL) as connection:
        new = insert_into(connection, organization).values(row).on_conflict_do_nothing()
        if connection.execute(new, execution_options={"preserve_rowcount": True}).rowcount == 0:
            raise UsageError(
                f"there is an organisation {organization_id} already; `litho budget` changes what it may spend"
            )
    return Organization(organization_id, now, limits)


def organizations(storage: Storage) -> list[Organization]:
    """Return all organisations, by id."""
    c = organization.c
    columns = [c.id, c.created_at, c.max_tokens, c.max_cost_usd]
    query: Any = select(*columns).order_by(c.id)
    if storage.dialect == "postgresql":
        # A query sees one organisation's rows: this function is allowed to see all.
        found = func.lithograph_organizations().table_valued(*(column(one.name, one.type) for one in columns))
        query = select(*(found.c[one.name] for one in columns))
    with storage.inspect() as connection:
        rows = connection.execute(query).all()
    return [Organization(OrganizationId(row.id), row.created_at, Limits(row[2], row[3])) for row in rows]


def delete_organization(storage: Storage, organization_id: OrganizationId, clock: Clock) -> Pruned:
    """Delete an organisation with everything that it has: keys, executions, graph, documents, ontologies, what was
    cached, what it spent. Return how much that was; stopped in the middle, it can be done again.

    Its keys are refused from the first moment on. Raises `UsageError` for an unknown organisation, `StateError` while
    one of its executions is being run.
    """
    _check_idle(storage, organization_id, clock)
    with transaction(storage, organization_id, Transaction.PRUNE) as connection:
        connection.execute(delete(api_key).where(api_key.c.organization_id == organization_id))
    gone = retention.erase(storage, organization_id)
    with transaction(storage, organization_id, Transaction.PRUNE) as connection:
        connection.execute(delete(spending).where(spending.c.organization_id == organization_id))
        connection.execute(delete(organization).where(organization.c.id == organization_id))
    return gone


def check_organization(connection: "Connection", organization_id: OrganizationId) -> None:
    """Raise `UsageError` unless there is such an organisation."""
    found = connection.execute(select(organization.c.id).where(organization.c.id == organization_id)).first()
    if found is None:
        raise NotFoundError(f"organisation {organization_id}", "`litho organization list` shows those there are")


def _check_idle(storage: Storage, organization_id: OrganizationId, clock: Clock) -> None:
    c = workflow_execution.c
    alive = c.lease_owner.is_not(None) & (c.lease_expires_at >= timestamp(clock.now()))
    query = select(c.id).where(c.organization_id == organization_id, c.status == Status.RUNNING, alive).limit(1)
    with storage.read(organization_id) as connection:
        check_organization(connection, organization_id)
        busy = connection.execute(query).scalar()
    if busy is not None:
        raise StateError(
            f"execution {busy} of organisation {organization_id} is running: `litho cancel {busy}` ends it, "
            "then the organisation can be deleted"
        )
