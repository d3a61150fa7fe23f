import threading

import anyio
import anyio.to_thread
import pytest
from tests.journals import ORGANIZATION, SetClock, claimed, events, finished, gapless, kinds, new

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.commit import committing
from lithograph.durable.events import Event, events_after, follow
from lithograph.durable.executions import Lease
from lithograph.durable.status import Status
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.errors import UsageError
from lithograph.storage.open import Storage, open_storage

CLOCK = SetClock()


def told(owner: Owner, *names: str) -> Write:
    return Write(owner, events=tuple(EventRow(name, f'{{"name": "{name}"}}') for name in names))


def test_events_are_numbered_without_gaps_whoever_writes_them(storage: Storage) -> None:
    mine, theirs = claimed(storage, CLOCK), claimed(storage, CLOCK, new("two"))
    execution = ExecutionId(mine.execution_id)
    with committing(storage, CLOCK) as commit:
        commit([told(mine, "a", "b"), told(theirs, "x"), told(mine, "c")])
        again = executions.claim(storage, ORGANIZATION, execution, Lease("w2", sole=True), CLOCK)
        commit([told(mine, "lost"), told(again, "d")])
    assert finished(storage, again, Status.COMPLETED, timestamp(CLOCK.now()))

    expected = ["execution.started", "a", "b", "c", "execution.recovered", "d", "execution.completed"]
    assert kinds(storage, mine.execution_id) == expected
    assert all(gapless(events(storage, mine.execution_id)))
    assert all(gapless(events(storage, theirs.execution_id)))


def test_a_page_goes_on_where_the_last_one_ended(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    execution = ExecutionId(owner.execution_id)
    with committing(storage, CLOCK) as commit:
        commit([told(owner, *(f"e{number}" for number in range(10)))])
    after, found = 0, list[Event]()
    with storage.read(ORGANIZATION) as connection:
        while page := events_after(connection, ORGANIZATION, execution, after, limit=4):
            found += page
            after = page[-1].seq
    assert found == events(storage, execution)
    assert found[-1].payload == {"name": "e9"}


def test_another_organisation_sees_none(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    with storage.read(ORGANIZATION) as connection:
        assert events_after(connection, OrganizationId("else"), ExecutionId(owner.execution_id), 0) == []


async def test_followers_see_each_event_once_in_order_while_others_write(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    execution = ExecutionId(owner.execution_id)
    seen: list[list[int]] = [[], [], []]
    halfway = threading.Event()

    async def watch(place: int, after: int) -> None:
        with open_storage(storage.url) as mine:
            async for event in follow(mine, ORGANIZATION, execution, SetClock(), after=after):
                seen[place].append(event.seq)
                if event.seq > 50:
                    halfway.set()

    def write() -> None:
        writer = owner
        for round_ in range(2):
            with committing(storage, CLOCK) as commit:
                for number in range(60):
                    commit([told(writer, f"event.{round_}.{number}")])
            if round_ == 0:
                assert halfway.wait(10)
                writer = executions.claim(storage, ORGANIZATION, execution, Lease("w2", sole=True), CLOCK)
        finished(storage, writer, Status.COMPLETED, timestamp(CLOCK.now()))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for place, after in enumerate((0, 0, 7)):
                tasks.start_soon(watch, place, after)
            await anyio.to_thread.run_sync(write)

    whole = list(range(1, 124))
    assert seen == [whole, whole, whole[7:]]


async def test_following_an_execution_that_does_not_exist_is_refused(storage: Storage) -> None:
    with pytest.raises(UsageError, match="there is no execution"):
        await anext(follow(storage, ORGANIZATION, ExecutionId("execution_0"), CLOCK))
