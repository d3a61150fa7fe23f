"""Feed: the events of an execution for any number of readers, read from the table once for all of them.

What came last is kept in memory. A reader takes from there what he has not seen; one who is further behind, because he
is new or slow, reads the table until he has caught up. So no reader waits for another, and none holds more than a page.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.events import Event, events_after
from lithograph.durable.executions import get
from lithograph.durable.listen import Listener
from lithograph.errors import NotFoundError, StorageError
from lithograph.storage.open import Storage

_KEPT: Final = 1_000
"""Events of an execution in memory, at most."""
_PAGE: Final = 500
_GATHER: Final = 0.05
"""Seconds in which events are gathered into one look."""
_AGAIN: Final = 1.0
"""Seconds between two tries to read a database that cannot be read."""

Encode = Callable[[Event], bytes]


@dataclass(slots=True)
class _Feed:
    """The last events of one execution, encoded: `frames[0]` is that of the event numbered `first`."""

    organization_id: OrganizationId
    execution_id: ExecutionId
    frames: list[bytes] = field(default_factory=list)
    first: int = 1
    ready: bool = False
    """Whether it has been read at all."""
    ended: bool = False
    """Whether there is nothing to come: the execution has ended, or is gone."""
    readers: int = 0
    news: anyio.Event = field(default_factory=anyio.Event)
    """Set, and replaced, whenever something of this changes."""
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    pages: dict[int, "asyncio.Task[Sequence[bytes]]"] = field(default_factory=dict)
    """Looks at the table that are under way, by the number after which they begin."""

    @property
    def last(self) -> int:
        return self.first + len(self.frames) - 1

    def tell(self) -> None:
        told, self.news = self.news, anyio.Event()
        told.set()


class Feeds:
    """The feeds of one process, from `feeding`; used on one loop. `encode` is called once for each event."""

    def __init__(self, storage: Storage, listener: Listener, encode: Encode, tasks: TaskGroup, kept: int) -> None:
        self._storage, self._listener, self._encode, self._tasks, self._kept = storage, listener, encode, tasks, kept
        self._feeds: dict[ExecutionId, _Feed] = {}
        self._closed = False

    @property
    def readers(self) -> int:
        """How many read at present."""
        return sum(feed.readers for feed in self._feeds.values())

    def close(self) -> None:
        """Let every reader end at once, with whatever he has: he comes back to the process that follows."""
        self._closed = True
        for feed in self._feeds.values():
            feed.tell()

    async def follow(
        self, organization_id: OrganizationId, execution_id: ExecutionId, *, after: int = 0, silence: float = 15.0
    ) -> AsyncIterator[bytes]:
        """Yield the events above `after`, some at a time, then the new ones as they come, until the execution has ended
        or this process closes; after every `silence` seconds without one, nothing (b"").
        """
        feed = self._enter(organization_id, execution_id)
        try:
            while not self._closed:
                news = feed.news  # before looking, so that nothing that comes meanwhile is missed
                if feed.ready and after < feed.first - 1:
                    found = await self._page(feed, after)
                else:
                    found = feed.frames[max(0, after + 1 - feed.first) :] if feed.ready else []
                if found:
                    after += len(found)
                    yield b"".join(found)
                elif feed.ended:
                    return
                else:
                    with anyio.move_on_after(silence) as waiting:
                        await news.wait()
                    if waiting.cancelled_caught:
                        yield b""
        finally:
            self._leave(feed)

    @property
    def closed(self) -> bool:
        """Whether readers have been sent away."""
        return self._closed

    def _enter(self, organization_id: OrganizationId, execution_id: ExecutionId) -> _Feed:
        feed = self._feeds.get(execution_id)
        if feed is None:
            feed = self._feeds[execution_id] = _Feed(organization_id, execution_id)
            self._tasks.start_soon(self._pump, feed)
        feed.readers += 1
        return feed

    def _leave(self, feed: _Feed) -> None:
        feed.readers -= 1
        if not feed.readers:
            feed.scope.cancel()
            del self._feeds[feed.execution_id]

    async def _pump(self, feed: _Feed) -> None:
        """Read what comes, as long as somebody wants it. A database that is away is waited for."""
        with feed.scope, self._listener.bell(feed.execution_id) as bell:
            while True:
                try:
                    found, ended = await anyio.to_thread.run_sync(self._look, feed)
                except StorageError:
                    await asyncio.sleep(_AGAIN)
                    continue
                except NotFoundError:
                    feed.ready = feed.ended = True
                    feed.tell()
                    return
                if found and not feed.frames:
                    feed.first = found[0].seq
                feed.frames += [self._encode(event) for event in found]
                over = len(feed.frames) - self._kept
                if over > 0:
                    feed.first += over
                    del feed.frames[:over]
                changed = bool(found) or not feed.ready or ended != feed.ended
                feed.ready, feed.ended = True, ended
                if changed:
                    feed.tell()
                await (asyncio.sleep(_GATHER) if found else bell.wait())

    def _look(self, feed: _Feed) -> tuple[list[Event], bool]:
        """Return the events that are new, of those that were there before the last ones, and whether it has ended."""
        with self._storage.read(feed.organization_id) as connection:
            execution = get(connection, feed.organization_id, feed.execution_id)
            after = feed.last if feed.ready else max(0, execution.last_seq - self._kept)
            found = events_after(connection, feed.organization_id, feed.execution_id, after, _PAGE)
            seen = found[-1].seq if found else after
            return found, execution.status.terminal and seen >= execution.last_seq

    async def _page(self, feed: _Feed, after: int) -> Sequence[bytes]:
        """Return a page of the table; readers who want the same one at the same time share it."""
        page = feed.pages.get(after)
        if page is None:
            page = feed.pages[after] = asyncio.create_task(self._read(feed, after))
            page.add_done_callback(lambda _: feed.pages.pop(after, None))
        return await asyncio.shield(page)

    async def _read(self, feed: _Feed, after: int) -> Sequence[bytes]:
        while True:
            with suppress(StorageError):
                events = await anyio.to_thread.run_sync(partial(self._events, feed, after))
                return [self._encode(event) for event in events]
            await asyncio.sleep(_AGAIN)

    def _events(self, feed: _Feed, after: int) -> list[Event]:
        with self._storage.read(feed.organization_id) as connection:
            return events_after(connection, feed.organization_id, feed.execution_id, after, _PAGE)


@asynccontextmanager
async def feeding(storage: Storage, listener: Listener, encode: Encode, kept: int = _KEPT) -> AsyncIterator[Feeds]:
    """Give the feeds of a database, of each execution the last `kept` events in memory; they are closed at the end."""
    async with anyio.create_task_group() as tasks:
        feeds = Feeds(storage, listener, encode, tasks, kept)
        try:
            yield feeds
        finally:
            feeds.close()
            tasks.cancel_scope.cancel()
