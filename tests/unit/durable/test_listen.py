"""Being woken by announcements, on a server and where there are none."""

import gc
import warnings
from collections.abc import Iterator

import anyio
import psycopg
import pytest
from sqlalchemy import event
from tests.journals import ORGANIZATION, SetClock, claimed, events, finished, new, until
from tests.postgres import Server

from lithograph.domain.ids import ExecutionId
from lithograph.durable import signals
from lithograph.durable.announce import Topic
from lithograph.durable.clock import timestamp
from lithograph.durable.commit import journal
from lithograph.durable.events import Event, follow
from lithograph.durable.executions import get
from lithograph.durable.listen import Listener, listening, looking
from lithograph.durable.signals import send
from lithograph.durable.status import Status
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.errors import StorageError
from lithograph.storage.open import Storage, open_storage

CLOCK = SetClock()
NEVER = 1_000.0
"""Seconds between two looks of somebody who has to be told."""


@pytest.fixture
def server_storage(postgres: Server) -> Iterator[Storage]:
    with postgres.database() as url, open_storage(url) as opened:
        yield opened


def told(owner: Owner, name: str) -> Write:
    return Write(owner, events=(EventRow(name, "{}"),))


async def hears(listener: Listener) -> None:
    await until(lambda: listener.hears)


async def test_a_follower_is_told_of_what_is_committed_and_of_the_end(server_storage: Storage) -> None:
    owner = claimed(server_storage, CLOCK)
    seen: dict[int, Event] = {}

    async def watch(listener: Listener) -> None:
        with listener.bell(owner.execution_id) as bell:
            async for one in follow(server_storage, ORGANIZATION, owner.execution_id, CLOCK, bell=bell):
                seen[one.seq] = one

    with anyio.fail_after(20):
        async with listening(server_storage, NEVER, NEVER) as listener, anyio.create_task_group() as tasks:
            await hears(listener)
            tasks.start_soon(watch, listener)
            with journal(server_storage, CLOCK) as writer:
                for number in range(30):
                    await writer.commit(told(owner, f"event.{number}"))
                await until(lambda: len(seen) == 31)
            finished(server_storage, owner, Status.COMPLETED, timestamp(CLOCK.now()))
    assert list(seen.values()) == events(server_storage, owner.execution_id)


async def test_a_signal_rings_and_an_event_is_none(server_storage: Storage) -> None:
    owner = claimed(server_storage, CLOCK)
    with anyio.fail_after(20):
        async with listening(server_storage, NEVER, NEVER) as listener:
            await hears(listener)
            with listener.bell(owner.execution_id, Topic.SIGNALS) as bell, journal(server_storage, CLOCK) as writer:
                await writer.commit(told(owner, "event"))
                with anyio.move_on_after(0.3) as quiet:
                    await bell.wait()
                assert quiet.cancelled_caught
                send(server_storage, ORGANIZATION, owner.execution_id, "review", CLOCK)
                await bell.wait()


async def test_whoever_listens_is_woken_when_the_connection_is_lost_and_hears_again(
    postgres: Server, server_storage: Storage
) -> None:
    owner = claimed(server_storage, CLOCK)
    with anyio.fail_after(20):
        async with listening(server_storage, NEVER, NEVER) as listener:
            await hears(listener)
            with listener.bell(owner.execution_id, Topic.SIGNALS) as bell:
                postgres.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
                    f"AND datname = '{server_storage.engine.url.database}'"
                )
                await bell.wait()
                await hears(listener)
                send(server_storage, ORGANIZATION, owner.execution_id, "review", CLOCK)
                await bell.wait()


async def test_who_is_cancelled_while_the_loop_is_busy_leaves_no_connection(
    server_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg lets the others of a busy loop go first, also when it has rolled back and is about to close."""
    monkeypatch.setattr(psycopg.waiting, "MAX_BUSY_TIME", 0.0)
    with warnings.catch_warnings(record=True) as told, anyio.fail_after(20):
        warnings.simplefilter("always", ResourceWarning)
        async with listening(server_storage, NEVER, NEVER) as listener:
            await hears(listener)
        gc.collect()
    assert not [str(one.message) for one in told]


async def test_whatever_is_committed_to_a_file_is_heard(sqlite_storage: Storage) -> None:
    owner = claimed(sqlite_storage, CLOCK)
    async with listening(sqlite_storage, NEVER, NEVER) as listener:
        with listener.bell(owner.execution_id) as bell, anyio.fail_after(10):
            await bell.wait()  # it has begun to look
            await anyio.to_thread.run_sync(send, sqlite_storage, ORGANIZATION, owner.execution_id, "review", CLOCK)
            await bell.wait()


async def test_a_reader_is_not_woken_by_its_own_looks(sqlite_storage: Storage) -> None:
    owner = claimed(sqlite_storage, CLOCK)
    async with listening(sqlite_storage, NEVER, NEVER) as listener:
        with listener.bell(owner.execution_id) as bell:
            with anyio.fail_after(10):
                await bell.wait()
            with sqlite_storage.read(ORGANIZATION) as connection:
                get(connection, ORGANIZATION, owner.execution_id)
            with anyio.move_on_after(0.2) as waited:
                await bell.wait()
            assert waited.cancelled_caught


class Turns(SetClock):
    """A clock on which whoever sleeps waits for `turn`."""

    def __init__(self) -> None:
        super().__init__()
        self._turned = anyio.Event()

    async def sleep(self, seconds: float) -> None:
        await self._turned.wait()
        self._turned = anyio.Event()

    async def turn(self) -> None:
        self._turned.set()
        await until(lambda: not self._turned.is_set())


async def test_one_look_finds_the_signals_of_all_who_wait(storage: Storage) -> None:
    clock = Turns()
    owners = [claimed(storage, CLOCK, new(key)) for key in ("one", "two", "three")]
    asked: list[str] = []
    seen: list[ExecutionId] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "workflow_signal" in statement:
            asked.append(statement)

    async def wait(listener: Listener, execution_id: ExecutionId) -> None:
        with listener.bell(execution_id, Topic.SIGNALS) as bell:
            while True:
                await bell.wait()
                seen.append(execution_id)

    with anyio.fail_after(20):
        async with looking(storage, ORGANIZATION, clock, 0.0) as listener, anyio.create_task_group() as tasks:
            for owner in owners:
                tasks.start_soon(wait, listener, owner.execution_id)
            await anyio.wait_all_tasks_blocked()
            send(storage, ORGANIZATION, owners[1].execution_id, "review", CLOCK)
            event.listen(storage.engine, "before_cursor_execute", note)
            await clock.turn()
            await until(lambda: bool(seen))
            await clock.turn()
            await until(lambda: len(seen) == 2)  # nobody has acted on it
            tasks.cancel_scope.cancel()
    assert seen == [owners[1].execution_id] * 2
    assert len(asked) == 2


async def test_a_look_that_fails_is_not_the_last(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, owner = Turns(), claimed(storage, CLOCK)
    look, failed = signals.called, list[int]()

    def fails(*_: object, **__: object) -> None:
        failed.append(1)
        raise StorageError("the disk is full")

    send(storage, ORGANIZATION, owner.execution_id, "review", CLOCK)
    monkeypatch.setattr(signals, "called", fails)
    with anyio.fail_after(20):
        async with looking(storage, ORGANIZATION, clock, 0.0) as listener:
            with listener.bell(owner.execution_id, Topic.SIGNALS) as bell:
                await clock.turn()
                await until(lambda: bool(failed))
                monkeypatch.setattr(signals, "called", look)
                await clock.turn()
                await bell.wait()


async def test_what_goes_wrong_while_somebody_looks_is_raised_as_it_is(storage: Storage) -> None:
    with pytest.raises(StorageError, match="away"):
        async with looking(storage, ORGANIZATION, Turns(), 0.0):
            raise StorageError("the database is away")
