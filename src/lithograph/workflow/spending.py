"""Spending: the budgets that an execution's calls are held against, and what it has spent, kept in its row."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from lithograph.domain.ids import OrganizationId
from lithograph.domain.usage import Usage
from lithograph.durable import executions
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.journal import JournalWriter
from lithograph.durable.run import Worker
from lithograph.durable.writes import Owner, Write
from lithograph.resilience.budget import Budget, Limits
from lithograph.storage.columns import insert_into
from lithograph.storage.open import Storage
from lithograph.storage.schema import organization
from lithograph.storage.schema import spending as booked

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


@dataclass(frozen=True, slots=True)
class Account:
    """What an organisation may spend, and what its executions have spent."""

    limits: Limits
    spent: Usage


@dataclass(frozen=True, slots=True)
class Standing:
    """What an execution has spent so far, and how the account of its organisation stands."""

    spent: Usage
    account: Account


def standing_of(storage: Storage, owner: Owner) -> Standing:
    """Return what an execution that begins has to know of what was spent. Not to be called on an event loop."""

    def look(connection: "Connection") -> Standing:
        found = executions.get(connection, owner.organization_id, owner.execution_id)
        spent = Usage(0, found.spent_tokens, 0, found.spent_cost_usd)
        return Standing(spent, _account(connection, owner.organization_id))

    return storage.ask(owner.organization_id, look)


def budgets_of(
    worker: Worker, owner: Owner, limits: Limits, standing: Standing, writer: JournalWriter
) -> tuple[Budget, Budget]:
    """Return the budget of an execution, which also books what it spends, and that of its organisation. To be called on
    the loop.

    All executions of a process share the organisation's. Other limits count for all of them, and what other processes
    have spent, from when the next of them begins.
    """

    def book(spent: Usage) -> None:
        writer.later("spent", Write(owner, spent=spent))

    account, shared = standing.account, worker.budgets.get(owner.organization_id)
    if shared is None:
        shared = Budget(f"organisation {owner.organization_id}", account.limits, account.spent)
        worker.budgets[owner.organization_id] = shared
    else:
        shared.renew(account.limits, account.spent)
    return Budget("this execution", limits, standing.spent, book), shared


def account_of(storage: Storage, organization_id: OrganizationId) -> Account:
    """Return the account of an organisation, empty for one that has done nothing yet."""
    with storage.read(organization_id) as connection:
        return _account(connection, organization_id)


def _account(connection: "Connection", organization_id: OrganizationId) -> Account:
    c, s = organization.c, booked.c
    limits = connection.execute(select(c.max_tokens, c.max_cost_usd).where(c.id == organization_id)).first()
    spent = select(_sum(s.tokens), _sum(s.cost_usd)).where(s.organization_id == organization_id)
    tokens, cost = connection.execute(spent).one()
    return Account(Limits(*limits) if limits else Limits(), Usage(0, int(tokens), 0, float(cost)))


def limit_organization(storage: Storage, organization_id: OrganizationId, limits: Limits, clock: Clock) -> None:
    """Set what an organisation may spend; it is made when it is new."""
    allowed = {"max_tokens": limits.tokens, "max_cost_usd": limits.cost_usd}
    row = {"id": organization_id, "created_at": timestamp(clock.now()), **allowed}
    with transaction(storage, organization_id, Transaction.CONTROL) as connection:
        statement = insert_into(connection, organization).values(row)
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=allowed))


def _sum(column: "ColumnElement[int] | ColumnElement[float]") -> "ColumnElement[float]":
    return func.coalesce(func.sum(column), 0)
