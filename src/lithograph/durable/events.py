"""Events: what happened to an execution, numbered from 1 without gaps. A reader never misses one or sees one twice."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from sqlalchemy import select

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.clock import Clock
from lithograph.durable.executions import get
from lithograph.durable.listen import Bell
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_event

if TYPE_CHECKING:
    from sqlalchemy import Connection

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `created_at` is ISO 8601 in UTC."""

    seq: int
    type: str
    payload: Mapping[str, Any]
    created_at: str


def events_after(
    connection: "Connection", organization_id: OrganizationId, execution_id: ExecutionId, after: int, limit: int = _PAGE
) -> list[Event]:
    """Return the events with a number above `after`, in order, at most `limit`."""
    c = workflow_event.c
    mine = (c.execution_id == execution_id) & (c.organization_id == organization_id) & (c.seq > after)
    rows = connection.execute(select(c.seq, c.type, c.payload, c.created_at).where(mine).order_by(c.seq).limit(limit))
    return [Event(row.seq, row.type, row.payload, row.created_at) for row in rows]


async def follow(
    storage: Storage,
    organization_id: OrganizationId,
    execution_id: ExecutionId,
    clock: Clock,
    *,
    after: int = 0,
    every: float = 0.2,
    bell: Bell | None = None,
) -> AsyncIterator[Event]:
    """Yield the events above `after`, then the new ones as they come, until the execution has ended.

    `every` is the seconds between two looks at the database, where no `bell` says when to look.
    """
    while True:
        page, ended = await anyio.to_thread.run_sync(partial(_look, storage, organization_id, execution_id, after))
        for event in page:
            after = event.seq
            yield event
        if not page:
            if ended:
                return
            await (clock.sleep(every) if bell is None else bell.wait())


def _look(
    storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId, after: int
) -> tuple[list[Event], bool]:
    with storage.read(organization_id) as connection:
        ended = get(connection, organization_id, execution_id).status.terminal
        return events_after(connection, organization_id, execution_id, after), ended
