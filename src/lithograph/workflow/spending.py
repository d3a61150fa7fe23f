"""Spending: the budgets that an execution's calls are held against, and what it has spent, kept in its row."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from lithograph.domain.ids import OrganizationId
from lithograph.domain.usage import Usage
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution
from lithograph.durable.journal import JournalWriter
from lithograph.durable.run import Worker
from lithograph.durable.writes import Owner, Write
from lithograph.resilience.budget import Budget, Limits
from lithograph.storage.columns import insert_into
from lithograph.storage.open import Storage
from lithograph.storage.schema import organization
from lithograph.storage.schema import spending as booked

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


@dataclass(frozen=True, slots=True)
class Account:
    """What an organisation may spend, and what its executions have spent."""

    limits: Limits
    spent: Usage


def budgets_of(
    worker: Worker, execution: Execution, limits: Limits, owner: Owner, writer: JournalWriter
) -> tuple[Budget, ...]:
    """Return the budget of an execution, which also books what it spends, and that of its organisation if it has one.

    All executions of a process share the organisation's. What other processes spend meanwhile counts when the process
    is started anew.
    """

    def book(spent: Usage) -> None:
        writer.later("spent", Write(owner, spent=spent))

    own = Budget("this execution", limits, Usage(0, execution.spent_tokens, 0, execution.spent_cost_usd), book)
    account = account_of(worker.storage, execution.organization_id)
    if account.limits == Limits():
        return (own,)
    shared = worker.budgets.get(execution.organization_id)
    if shared is None or shared.limits != account.limits:
        shared = Budget(f"organisation {execution.organization_id}", account.limits, account.spent)
        worker.budgets[execution.organization_id] = shared
    return own, shared


def account_of(storage: Storage, organization_id: OrganizationId) -> Account:
    """Return the account of an organisation, empty for one that has done nothing yet."""
    c, s = organization.c, booked.c
    spent = select(_sum(s.tokens), _sum(s.cost_usd)).where(s.organization_id == organization_id)
    with storage.read(organization_id) as connection:
        limits = connection.execute(select(c.max_tokens, c.max_cost_usd).where(c.id == organization_id)).first()
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
