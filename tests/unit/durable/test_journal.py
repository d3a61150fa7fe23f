import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import anyio
import anyio.lowlevel
import psycopg
import pytest
from sqlalchemy import select
from tests.journals import (
    ORGANIZATION,
    SetClock,
    activities,
    claimed,
    count,
    events,
    finished,
    gapless,
    kinds,
    new,
    seen,
    until,
)

from lithograph.domain.ids import ExecutionId
from lithograph.durable.clock import timestamp
from lithograph.durable.commit import committing
from lithograph.durable.group import CommitGroup, Verdict, nothing
from lithograph.durable.journal import JournalWriter
from lithograph.durable.journal_thread import ThreadJournal
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityRow, ActivityStatus, CacheRow, EventRow, Owner, Write
from lithograph.errors import FencedError, StorageError
from lithograph.storage.open import Storage
from lithograph.storage.schema import response_cache, workflow_activity

CLOCK = SetClock()


def result(owner: Owner, name: str, status: ActivityStatus = ActivityStatus.COMPLETED) -> Write:
    row = ActivityRow(name, status, "hash", 1, timestamp(CLOCK.now()), result='{"of": "it"}')
    return Write(owner, activities=(row,), events=(EventRow("activity.completed", f'{{"activity": "{name}"}}'),))


def event(owner: Owner, kind: str) -> Write:
    return Write(owner, events=(EventRow(kind, "{}"),))


class Held:
    """Commits for real, when it is let; remembers the groups."""

    def __init__(self, commit: CommitGroup) -> None:
        self.commit, self.groups = commit, list[list[Write]]()
        self.began, self.let = threading.Event(), threading.Event()

    def __call__(self, writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> Sequence[Verdict]:
        self.began.set()
        assert self.let.wait(10)
        self.groups.append(list(writes))
        return self.commit(writes, waiting)


async def test_many_concurrent_commits_are_all_durable_when_they_are_acknowledged(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    name = workflow_activity.c.activity_name
    found: list[str] = []

    async def commit(writer: JournalWriter, number: int) -> None:
        await writer.commit(result(owner, f"work/{number}"))
        with storage.read(ORGANIZATION) as connection:
            found.extend(connection.execute(select(name).where(name == f"work/{number}")).scalars())

    with committing(storage, CLOCK) as commit_group, ThreadJournal(commit_group) as writer:
        async with anyio.create_task_group() as tasks:
            for number in range(500):
                tasks.start_soon(commit, writer, number)

    assert sorted(found) == sorted(f"work/{number}" for number in range(500))
    happened = events(storage, owner.execution_id)
    assert all(gapless(happened))
    assert [one.payload["activity"] for one in happened[1:]] == [f"work/{number}" for number in range(500)]
    assert seen(storage, owner.execution_id).last_seq == 501


async def test_what_queues_up_during_a_transaction_is_the_next_one(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    with committing(storage, CLOCK) as commit_group:
        held = Held(commit_group)
        with ThreadJournal(held) as writer:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(writer.commit, result(owner, "first"))
                await until(held.began.is_set)
                for number in range(20):
                    tasks.start_soon(writer.commit, result(owner, f"later/{number}"))
                await anyio.wait_all_tasks_blocked()
                held.let.set()
    assert [len(group) for group in held.groups] == [1, 20]


class Stepped:
    """Commits for real: says that it has begun, and goes on when it is given a turn."""

    def __init__(self, commit: CommitGroup) -> None:
        self.commit, self.sizes = commit, list[int]()
        self.turns, self.began = threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> Sequence[Verdict]:
        self.sizes.append(len(writes))
        self.began.release()
        assert self.turns.acquire(timeout=10)
        return self.commit(writes, waiting)

    async def next_has_begun(self) -> None:
        await until(lambda: self.began.acquire(blocking=False))


@pytest.mark.parametrize("next_one", ["is written", "fails"])
async def test_who_waits_is_answered_when_the_next_group_has_only_to_be_waited_for(
    next_one: str, storage: Storage
) -> None:
    owner = claimed(storage, CLOCK)
    told: list[str] = []

    async def commit(name: str) -> None:
        with suppress(StorageError):
            await writer.commit(result(owner, name))
        told.append(name)

    with committing(storage, CLOCK) as commit_group:

        def waited_for(writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> Sequence[Verdict]:
            if len(stepped.sizes) == 2 and next_one == "fails":
                raise StorageError("the disk is full")
            return commit_group(writes, waiting)

        stepped = Stepped(waited_for)
        with ThreadJournal(stepped) as writer, anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(commit, "first")
                await stepped.next_has_begun()
                tasks.start_soon(commit, "second")
                await anyio.wait_all_tasks_blocked()
                stepped.turns.release()
                await stepped.next_has_begun()
                await anyio.wait_all_tasks_blocked()
                assert told == []  # it is durable, and whoever waits for it would only be in the way
                stepped.turns.release()
        assert told == ["first", "second"]
    assert stepped.sizes == [1, 1]


async def test_what_nobody_waits_for_is_written_after_a_moment(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    with committing(storage, CLOCK) as commit_group, ThreadJournal(commit_group) as writer:
        writer.later("event", event(owner, "event"))
        await until(lambda: "event" in kinds(storage, owner.execution_id))


@pytest.mark.parametrize("heard_by", ["commit", "flush"])
async def test_who_comes_next_hears_that_what_nobody_waited_for_was_lost(heard_by: str, storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    groups: list[int] = []

    with committing(storage, CLOCK) as commit_group:

        def once_full(writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> Sequence[Verdict]:
            groups.append(len(writes))
            if len(groups) == 1:
                raise StorageError("the disk is full")
            return commit_group(writes, waiting)

        with ThreadJournal(once_full, busy=lambda: True) as writer:
            writer.later("lost", event(owner, "lost"))
            await until(lambda: groups == [1])
            await anyio.sleep(0.01)
            with pytest.raises(StorageError, match="the disk is full"):
                await (writer.flush() if heard_by == "flush" else writer.commit(event(owner, "refused")))
            await writer.commit(event(owner, "event"))  # it is told once
    assert kinds(storage, owner.execution_id) == ["execution.started", "event"]


async def test_who_waits_for_the_last_group_is_answered_at_once(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    with committing(storage, CLOCK) as commit_group, ThreadJournal(commit_group, busy=lambda: True) as writer:
        for number in range(3):
            with anyio.fail_after(10):
                await writer.commit(result(owner, f"work/{number}"))


async def test_while_somebody_else_writes_those_of_the_group_before_go_on(storage: Storage) -> None:
    if storage.dialect != "sqlite":
        pytest.skip("a server has no lock that writers of one process share")
    owner = claimed(storage, CLOCK)
    told: list[str] = []
    with storage.writing:
        committed = threading.Thread(target=lambda: commit_group([event(owner, "event")], lambda: told.append("waits")))
        with committing(storage, CLOCK) as commit_group:
            committed.start()
            await until(lambda: told == ["waits"])
            storage.writing.release()
            committed.join()
            storage.writing.acquire()
    assert told == ["waits", "waits"]
    assert kinds(storage, owner.execution_id) == ["execution.started", "event"]


async def test_a_stale_epoch_is_fenced_off_and_the_others_of_its_group_are_unharmed(storage: Storage) -> None:
    mine, theirs = claimed(storage, CLOCK), claimed(storage, CLOCK, new("two"))
    ended = claimed(storage, CLOCK, new("three"))
    assert finished(storage, ended, Status.COMPLETED, timestamp(CLOCK.now()))
    stale = Owner(theirs.organization_id, theirs.execution_id, theirs.epoch - 1)
    unknown = Owner(theirs.organization_id, ExecutionId("execution_0"), 1)
    fenced: list[Owner] = []

    async def commit(writer: JournalWriter, owner: Owner) -> None:
        try:
            await writer.commit(result(owner, f"work/{owner.execution_id}/{owner.epoch}"))
        except FencedError:
            fenced.append(owner)

    with committing(storage, CLOCK) as commit_group:
        held = Held(commit_group)
        with ThreadJournal(held) as writer:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(writer.commit, event(mine, "first"))
                await until(held.began.is_set)
                for owner in (stale, mine, unknown, ended, theirs):
                    tasks.start_soon(commit, writer, owner)
                await anyio.wait_all_tasks_blocked()
                held.let.set()

    assert [len(group) for group in held.groups] == [1, 5]
    assert fenced == [stale, unknown, ended]
    assert count(storage, workflow_activity) == 2
    assert kinds(storage, theirs.execution_id) == ["execution.started", "activity.completed"]
    assert kinds(storage, ended.execution_id) == ["execution.started", "execution.completed"]


async def test_a_mark_rides_along_and_the_later_one_takes_its_place(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    with committing(storage, CLOCK) as commit_group, ThreadJournal(commit_group) as writer:
        writer.later("mark", event(owner, "mark.old"))
        writer.later("mark", event(owner, "mark.new"))
        assert kinds(storage, owner.execution_id) == ["execution.started"]
        await writer.commit(result(owner, "work"))
        assert kinds(storage, owner.execution_id) == ["execution.started", "mark.new", "activity.completed"]


async def test_the_mark_of_an_activity_is_forgotten_when_its_result_comes_first(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    with committing(storage, CLOCK) as commit_group:
        held = Held(commit_group)
        held.let.set()
        with ThreadJournal(held) as writer:
            for name in ("quick", "slow"):
                writer.later(name, result(owner, name, ActivityStatus.RUNNING))
            await writer.commit(result(owner, "quick"))
            assert activities(storage, owner.execution_id) == {"quick": "completed", "slow": "running"}
    assert [len(group) for group in held.groups] == [2]


async def test_everything_is_written_in_the_order_in_which_it_came(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    chance = random.Random(1)
    told = [f"told.{number:03}" for number in range(200)]
    with committing(storage, CLOCK) as commit_group, ThreadJournal(commit_group) as writer:
        async with anyio.create_task_group() as tasks:
            for kind in told:
                if chance.random() < 0.5:
                    writer.later(kind, event(owner, kind))
                else:
                    tasks.start_soon(writer.commit, event(owner, kind))
                    await anyio.lowlevel.checkpoint()
    assert kinds(storage, owner.execution_id)[1:] == told


async def test_a_flush_returns_after_the_transaction_that_was_under_way(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    found: list[str] = []

    async def flush(writer: JournalWriter) -> None:
        await writer.flush()
        found.extend(kinds(storage, owner.execution_id)[1:])

    with committing(storage, CLOCK) as commit_group:
        held = Held(commit_group)
        with ThreadJournal(held) as writer:
            async with anyio.create_task_group() as tasks:
                writer.later("mark", event(owner, "mark"))
                tasks.start_soon(writer.commit, event(owner, "first"))
                await until(held.began.is_set)
                tasks.start_soon(flush, writer)
                await anyio.wait_all_tasks_blocked()
                assert found == []
                held.let.set()
    assert found == ["mark", "first"]


async def test_answers_that_were_paid_for_are_kept_at_the_end(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    with committing(storage, CLOCK) as commit_group, ThreadJournal(commit_group) as writer:
        writer.later("cache/1", Write(owner, cached=(CacheRow("1", '{"a": 1}'),)))
    assert count(storage, response_cache) == 1


async def test_an_error_reaches_every_waiter_of_its_group_and_the_writer_goes_on(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    failures = [StorageError("the disk is full")]
    told: list[str] = []

    async def commit(writer: JournalWriter, name: str) -> None:
        try:
            await writer.commit(result(owner, name))
        except StorageError as error:
            told.append(f"{name}: {error}")

    with committing(storage, CLOCK) as commit_group:

        def once_broken(writes: Sequence[Write], waiting: Callable[[], None] = nothing) -> Sequence[Verdict]:
            if failures and len(writes) > 1:
                raise failures.pop()
            return commit_group(writes, waiting)

        held = Held(once_broken)
        with ThreadJournal(held) as writer:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(commit, writer, "before")
                await until(held.began.is_set)
                for name in ("a", "b"):
                    tasks.start_soon(commit, writer, name)
                await anyio.wait_all_tasks_blocked()
                held.let.set()
            await commit(writer, "after")
    assert told == ["a: the disk is full", "b: the disk is full"]
    assert set(activities(storage, owner.execution_id)) == {"before", "after"}


async def test_a_group_that_cannot_be_written_leaves_nothing_behind(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    twice = Write(owner, events=(EventRow("event", "{}"), EventRow(None, "{}")))  # type: ignore[arg-type]
    with committing(storage, CLOCK) as commit_group, ThreadJournal(commit_group) as writer:
        with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
            await writer.commit(twice)
        await writer.commit(event(owner, "event"))
    assert kinds(storage, owner.execution_id) == ["execution.started", "event"]
