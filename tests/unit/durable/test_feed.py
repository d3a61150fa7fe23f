"""The events of an execution for many readers: each sees every one of them once, in order, however late or slow."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import anyio
import pytest
from sqlalchemy import event as hooks
from tests.journals import ORGANIZATION, SetClock, claimed, finished, until

from lithograph.domain.ids import ExecutionId
from lithograph.durable.clock import timestamp
from lithograph.durable.commit import journal
from lithograph.durable.events import Event
from lithograph.durable.feed import Feeds, feeding
from lithograph.durable.listen import listening
from lithograph.durable.retention import erase
from lithograph.durable.status import Status
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.storage.open import Storage

CLOCK = SetClock()


def encode(event: Event) -> bytes:
    return f"{event.seq} ".encode()


def numbers(chunks: list[bytes]) -> list[int]:
    return [int(number) for number in b"".join(chunks).split()]


@asynccontextmanager
async def feeds_of(storage: Storage, kept: int = 1_000) -> AsyncIterator[Feeds]:
    with anyio.fail_after(30):
        async with listening(storage, 0.05) as listener, feeding(storage, listener, encode, kept) as feeds:
            yield feeds


async def tell(storage: Storage, owner: Owner, count: int) -> None:
    with journal(storage, CLOCK) as writer:
        for number in range(count):
            await writer.commit(Write(owner, events=(EventRow(f"event.{number}", "{}"),)))


def end(storage: Storage, owner: Owner) -> None:
    assert finished(storage, owner, Status.COMPLETED, timestamp(CLOCK.now()))


async def read(feeds: Feeds, execution_id: ExecutionId, into: list[bytes], *, after: int = 0) -> None:
    async for chunk in feeds.follow(ORGANIZATION, execution_id, after=after):
        into.append(chunk)  # noqa: PERF401  # they are looked at meanwhile


@contextmanager
def counted(storage: Storage) -> Iterator[list[str]]:
    """Give the statements about events that the database is asked meanwhile."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if "FROM workflow_event" in statement:
            asked.append(statement)

    hooks.listen(storage.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        hooks.remove(storage.engine, "before_cursor_execute", note)


async def test_every_reader_sees_every_event_once_wherever_he_begins(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    await tell(storage, owner, 9)
    seen: dict[int, list[bytes]] = {after: [] for after in (0, 3, 10, 25)}
    async with feeds_of(storage, kept=5) as feeds, anyio.create_task_group() as tasks:
        for after, into in seen.items():
            tasks.start_soon(partial(read, feeds, owner.execution_id, into, after=after))
        await until(lambda: numbers(seen[0]) == list(range(1, 11)))
        await tell(storage, owner, 20)
        end(storage, owner)
    assert {after: numbers(into) for after, into in seen.items()} == {
        after: list(range(after + 1, 32)) for after in seen
    }


async def test_who_is_slow_reads_the_table_until_he_has_caught_up(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    async with feeds_of(storage, kept=3) as feeds:
        reading = feeds.follow(ORGANIZATION, owner.execution_id)
        seen = [await anext(reading)]
        await tell(storage, owner, 40)
        end(storage, owner)
        seen += [chunk async for chunk in reading]
    assert numbers(seen) == list(range(1, 43))


async def test_the_table_is_asked_no_more_often_for_many_readers_than_for_one(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    await tell(storage, owner, 30)
    seen: list[list[bytes]] = [[] for _ in range(200)]
    async with feeds_of(storage) as feeds:
        with counted(storage) as asked:
            async with anyio.create_task_group() as tasks:
                for into in seen:
                    tasks.start_soon(read, feeds, owner.execution_id, into)
                await until(lambda: all(len(numbers(into)) == 31 for into in seen))
                assert len(asked) < 5
                assert feeds.readers == 200
                end(storage, owner)
        assert feeds.readers == 0
    assert all(numbers(into) == list(range(1, 33)) for into in seen)


async def test_where_nothing_happens_a_reader_is_told_that_he_is_still_connected(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    async with feeds_of(storage) as feeds:
        reading = feeds.follow(ORGANIZATION, owner.execution_id, after=1, silence=0.01)
        assert [await anext(reading) for _ in range(2)] == [b"", b""]


async def test_readers_are_sent_away_when_the_process_ends(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    seen: list[bytes] = []
    async with feeds_of(storage) as feeds, anyio.create_task_group() as tasks:
        tasks.start_soon(read, feeds, owner.execution_id, seen)
        await until(lambda: bool(seen))
        feeds.close()
    assert numbers(seen) == [1]


async def test_the_events_of_what_is_deleted_end(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    seen: list[bytes] = []
    async with feeds_of(storage) as feeds, anyio.create_task_group() as tasks:
        tasks.start_soon(read, feeds, owner.execution_id, seen)
        await until(lambda: bool(seen))
        await anyio.to_thread.run_sync(erase, storage, ORGANIZATION)


@pytest.mark.parametrize("after", [0, 2])
async def test_what_has_ended_is_read_to_its_end(storage: Storage, after: int) -> None:
    owner = claimed(storage, CLOCK)
    end(storage, owner)
    seen: list[bytes] = []
    async with feeds_of(storage) as feeds:
        await read(feeds, owner.execution_id, seen, after=after)
    assert numbers(seen) == [1, 2][after:]
