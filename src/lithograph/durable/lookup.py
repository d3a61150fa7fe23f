"""Lookup: an execution by its id, or by as much of its id as people care to type; and lists of them."""

from typing import TYPE_CHECKING

from sqlalchemy import select

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.executions import COLUMNS, Execution, execution_of, get
from lithograph.durable.status import Status
from lithograph.errors import NotFoundError, UsageError
from lithograph.storage.schema import workflow_execution

if TYPE_CHECKING:
    from sqlalchemy import Connection

SHORTEST = 6
"""Characters of an id, after the word that all ids begin with, that have to be given."""
_WORD = "execution_"
_AFTER = "~"
"""Comes after every character of an id."""
_WHOLE = 32
"""Characters of a whole id after that word."""


def find(connection: "Connection", organization_id: OrganizationId, given: str) -> Execution:
    """Return the execution whose id begins with `given`, with or without the word `execution_`.

    Raises `NotFoundError` when the organisation has none, `UsageError` when it has several or too little is given.
    """
    wanted = given.strip().removeprefix(_WORD)
    if not wanted.isascii():
        raise NotFoundError(f"execution {given!a}", "`litho list` shows those there are")
    if len(wanted) < SHORTEST:
        raise UsageError(f"{given!r} is too little of an id: give {SHORTEST} characters of it, as `litho list` shows")
    if len(wanted) == _WHOLE:  # found by its key; a beginning is looked for among all ids
        return get(connection, organization_id, ExecutionId(_WORD + wanted))
    c = workflow_execution.c
    first = _WORD + wanted
    # An index finds a range, but no pattern where the server hides the rows of others.
    mine = (c.organization_id == organization_id) & (c.id >= first) & (c.id < first + _AFTER)
    found = connection.execute(select(c.id).where(mine).limit(2)).scalars().all()
    if len(found) > 1:
        raise UsageError(f"several executions begin with {given!r}: give more of the id, as `litho list` shows it")
    if not found:
        raise NotFoundError(f"execution {given!r}", "`litho list` shows those there are")
    return get(connection, organization_id, ExecutionId(found[0]))


def listed(
    connection: "Connection",
    organization_id: OrganizationId,
    *,
    limit: int,
    status: Status | None = None,
    before: Execution | None = None,
    children: bool = True,
    parent: ExecutionId | None = None,
) -> list[Execution]:
    """Return the newest executions of an organisation, newest first, at most `limit`; those that come after `before`,
    which another call ended with, where it is given. Without `children` those that a batch has started are left out;
    with a `parent` only those are listed that it has started.
    """
    c = workflow_execution.c
    query = select(*COLUMNS).where(c.organization_id == organization_id)
    if parent is not None:
        query = query.where(c.parent_id == parent)
    elif not children:
        query = query.where(c.parent_id.is_(None))
    if status is not None:
        query = query.where(c.status == status)
    if before is not None:
        later = (c.created_at == before.created_at) & (c.id > before.id)
        query = query.where(c.created_at <= before.created_at, later | (c.created_at < before.created_at))
    rows = connection.execute(query.order_by(c.created_at.desc(), c.id).limit(limit))
    return [execution_of(row) for row in rows]
