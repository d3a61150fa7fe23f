"""The documents of a batch, as they were listed, page by page."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from sqlalchemy import Text, cast, func, literal, select

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.writes import ActivityStatus
from lithograph.storage.open import Storage
from lithograph.storage.schema import batch_document, workflow_activity
from lithograph.workflow.batch.input import EXTRACT
from lithograph.workflow.batch.journal import Listed

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select

_PAGE: Final = 500

PageAfter = Callable[[int], Sequence[Listed]]
"""Returns the next documents after a position, in order; none at the end. Blocks."""


class Documents:
    """Gives documents, one after the other, to any number of tasks; a page of them is in memory at once."""

    def __init__(self, page_after: PageAfter) -> None:
        self._page_after = page_after
        self._page: Iterator[Listed] = iter(())
        self._last = -1
        self._turn = anyio.Lock()

    async def next(self) -> Listed | None:
        """Return the next one; None at the end."""
        async with self._turn:
            document = next(self._page, None)
            if document is None:
                self._page = iter(await anyio.to_thread.run_sync(self._page_after, self._last))
                document = next(self._page, None)
            if document is not None:
                self._last = document.position
            return document


def unended(storage: Storage, organization_id: OrganizationId, batch_id: ExecutionId) -> PageAfter:
    """Return what gives the documents that have not ended yet."""
    a = workflow_activity.c
    name = literal(f"{EXTRACT}/") + cast(batch_document.c.position, Text)
    ended = (a.execution_id == batch_id) & (a.activity_name == name) & (a.status == ActivityStatus.COMPLETED)
    return _pages(storage, organization_id, batch_id, ~select(a.execution_id).where(ended).exists())


def those_at(
    storage: Storage, organization_id: OrganizationId, batch_id: ExecutionId, positions: Sequence[int]
) -> PageAfter:
    """Return what gives the documents at some positions, which are in order."""

    def page_after(position: int) -> Sequence[Listed]:
        first = bisect_right(positions, position)
        wanted = batch_document.c.position.in_(positions[first : first + _PAGE])
        return _pages(storage, organization_id, batch_id, wanted)(position)

    return page_after


def documents_of(storage: Storage, organization_id: OrganizationId, batch_id: ExecutionId) -> Iterator[Listed]:
    """Yield all documents of a batch, in order."""
    page_after, last = _pages(storage, organization_id, batch_id), -1
    while page := page_after(last):
        yield from page
        last = page[-1].position


def count_of(connection: "Connection", batch_id: ExecutionId) -> int:
    """Return how many documents are listed so far."""
    c = batch_document.c
    last = select(func.max(c.position)).where(c.batch_id == batch_id)
    highest = connection.execute(last).scalar()
    return 0 if highest is None else highest + 1


def _pages(
    storage: Storage, organization_id: OrganizationId, batch_id: ExecutionId, *wanted: "ColumnElement[bool]"
) -> PageAfter:
    c = batch_document.c
    query: Select[tuple[int, str, str | None, str | None]] = select(c.position, c.source, c.execution_id, c.error)
    mine = (c.batch_id == batch_id) & (c.organization_id == organization_id)
    query = query.where(mine, *wanted).order_by(c.position).limit(_PAGE)

    def page_after(position: int) -> Sequence[Listed]:
        with storage.read(organization_id) as connection:
            rows = connection.execute(query.where(c.position > position))
            return [
                Listed(row.position, row.source, row.execution_id and ExecutionId(row.execution_id), row.error)
                for row in rows
            ]

    return page_after
