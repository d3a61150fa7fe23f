"""Listening: being woken when something happens to an execution, instead of looking for it again and again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Final

import anyio
import anyio.to_thread

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import signals
from lithograph.durable.announce import CHANNEL, Topic, about
from lithograph.durable.clock import Clock
from lithograph.errors import StorageError, innermost
from lithograph.storage.open import Storage
from lithograph.storage.postgres import connected
from lithograph.storage.sqlite import Commits

_AGAIN: Final = 1.0
"""Seconds between two tries to reach a server that is away."""

_SILENT: Final = 5.0
"""Seconds after which whoever listens looks by himself: an announcement can be lost, nothing else can."""

_LOOK: Final = 0.05
"""Seconds between two looks whether anything was committed to a file."""


class Bell:
    """Rings when something may have happened to one execution; `longest` says how long to wait for that, in seconds."""

    def __init__(self, longest: Callable[[], float]) -> None:
        self._longest = longest
        self._rung = anyio.Event()

    def ring(self) -> None:
        """Wake whoever waits, or waits next."""
        self._rung.set()

    async def wait(self) -> None:
        """Return when something may have happened since the last wait, or after a while."""
        with anyio.move_on_after(self._longest()):
            await self._rung.wait()
        self._rung = anyio.Event()


class Listener:
    """Hears announcements on behalf of many; used on one loop.

    `every` is how many seconds to wait between two looks where nothing is announced, `silent` where it could be.
    `finds` says that a bell also rings for what was there before it: see `look`.
    """

    def __init__(self, every: float, silent: float = _SILENT, *, finds: bool = False) -> None:
        self._every, self._silent, self.finds = every, silent, finds
        self.hears = False
        """Whether it listens at present."""
        self._bells: dict[str, set[Bell]] = {}

    @contextmanager
    def bell(self, execution_id: ExecutionId, topic: Topic = Topic.EVENTS) -> Iterator[Bell]:
        """Give what rings for an execution from now on."""
        said = about(execution_id, topic)
        bell = Bell(lambda: self._silent if self.hears else self._every)
        self._bells.setdefault(said, set()).add(bell)
        try:
            yield bell
        finally:
            bells = self._bells[said]
            bells.discard(bell)
            if not bells:
                del self._bells[said]

    def _ring(self, said: str) -> None:
        for bell in self._bells.get(said, ()):
            bell.ring()

    def _ring_all(self) -> None:
        for said in list(self._bells):
            self._ring(said)

    async def listen(self, storage: Storage) -> None:
        """Listen until this is cancelled, over as many connections as it takes."""
        from psycopg import Error

        url = storage.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            with suppress(Error, OSError):
                async with connected(url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    self.hears = True
                    self._ring_all()  # what happened before was not heard
                    async for told in connection.notifies():
                        self._ring(told.payload)
            self.hears = False
            self._ring_all()
            await asyncio.sleep(_AGAIN)

    async def watch(self, storage: Storage) -> None:
        """Look whether anything was committed to a file, by whatever process, until this is cancelled.

        However many wait, it is one look for all of them; and which execution a commit was about nobody says.
        """
        while True:
            with suppress(StorageError), storage.translated(), Commits(storage.engine) as commits:
                self.hears = True
                self._ring_all()
                while True:
                    await asyncio.sleep(_LOOK)
                    if await anyio.to_thread.run_sync(commits.any):
                        self._ring_all()
            self.hears = False
            await asyncio.sleep(_AGAIN)

    async def look(self, storage: Storage, organization_id: OrganizationId, clock: Clock) -> None:
        """Look every now and then for signals to those executions of an organisation that wait for some, until this is
        cancelled: one look for all of them.
        """
        prefix = about(ExecutionId(""), Topic.SIGNALS)
        self.hears = True
        while True:
            await clock.sleep(self._every)
            waiting = [ExecutionId(said.removeprefix(prefix)) for said in self._bells if said.startswith(prefix)]
            if waiting:
                called = partial(signals.called, organization_id=organization_id, execution_ids=waiting)
                with suppress(StorageError):  # who waits looks by himself too, and learns of it then
                    for execution_id in await anyio.to_thread.run_sync(storage.ask, organization_id, called):
                        self._ring(about(execution_id, Topic.SIGNALS))


@asynccontextmanager
async def listening(storage: Storage, every: float, silent: float = _SILENT) -> AsyncIterator[Listener]:
    """Give what waits for the executions of a database; see `Listener`."""
    listener = Listener(every, silent)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.watch if storage.dialect == "sqlite" else listener.listen, storage)
        try:
            yield listener
        finally:
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def looking(
    storage: Storage, organization_id: OrganizationId, clock: Clock, every: float
) -> AsyncIterator[Listener]:
    """Give what looks for signals on behalf of all who wait for some; see `Listener.look`."""
    listener = Listener(every, finds=True)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.look, storage, organization_id, clock)
            yield listener
            tasks.cancel_scope.cancel()
    except ExceptionGroup as group:
        raise innermost(group) from group
