"""Spending: the budgets that an execution's calls are held against, and what it has spent, kept in its row."""

from dataclasses import dataclass

from sqlalchemy import func, select

from lithograph.domain.usage import Usage
from lithograph.durable.executions import Execution
from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import Owner, Write
from lithograph.resilience.budget import Budget, Limits
from lithograph.storage.open import Storage
from lithograph.storage.schema import organization, workflow_execution


@dataclass(frozen=True, slots=True)
class _Organization:
    limits: Limits
    spent_elsewhere: Usage


def budgets_of(
    storage: Storage, execution: Execution, limits: Limits, owner: Owner, writer: JournalWriter
) -> tuple[Budget, ...]:
    """Return the budget of an execution, which also books what it spends, and that of its organisation if it has one.

    What other executions of the organisation spend meanwhile counts when this one is claimed again.
    """
    found = _organization(storage, execution)

    def booked(spent: Usage) -> None:
        writer.later("spent", Write(owner, spent=spent))

    spent = Usage(0, execution.spent_tokens, 0, execution.spent_cost_usd)
    own = Budget("this execution", limits, spent, booked)
    if found.limits == Limits():
        return (own,)
    return own, Budget(f"organisation {execution.organization_id}", found.limits, found.spent_elsewhere + spent)


def _organization(storage: Storage, execution: Execution) -> _Organization:
    c, e = organization.c, workflow_execution.c
    others = (e.organization_id == execution.organization_id) & (e.id != execution.id)
    spent = select(func.coalesce(func.sum(e.spent_tokens), 0), func.coalesce(func.sum(e.spent_cost_usd), 0.0))
    with storage.read() as connection:
        mine = c.id == execution.organization_id
        row = connection.execute(select(c.max_tokens, c.max_cost_usd).where(mine)).first()
        tokens, cost = connection.execute(spent.where(others)).one()
    limits = Limits(row.max_tokens, row.max_cost_usd) if row else Limits()
    return _Organization(limits, Usage(0, tokens, 0, cost))
