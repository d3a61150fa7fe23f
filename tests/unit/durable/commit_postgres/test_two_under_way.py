"""Two groups under way at once: each write is there once, in order, whatever becomes of the group before."""

import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from itertools import pairwise
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import psycopg
import pytest
from anyio.abc import TaskGroup
from sqlalchemy import select
from tests.groups import AFTER, BEFORE, CLOCK, LONG, OTHER, overtaken, result, trigger
from tests.journals import ORGANIZATION, AtCrashPoints, claimed, gapless, new, until
from tests.postgres import Server
from tests.wire import TO_CLIENT, TO_SERVER, Wire

from lithograph.durable import executions
from lithograph.durable.commit_postgres import PostgresCommit
from lithograph.durable.events import Event, events_after
from lithograph.durable.journal import Queued
from lithograph.durable.journal_loop import LoopJournal
from lithograph.durable.writes import ActivityStatus, EventRow, Owner, Write
from lithograph.errors import FencedError
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity

Hold = Callable[[], AbstractContextManager[None]]
HALF = 50
"""Writes that are a group of their own, where others wait already."""


class Watched(LoopJournal):
    """Remembers how large its groups were, how many were under way at most, and what whoever waited was told."""

    def __init__(self, commit: PostgresCommit) -> None:
        super().__init__(commit, lambda _: None)
        self.sizes = list[int]()
        self.most = 0
        self.told = dict[str, Exception | None]()

    def _take(self) -> Queued:
        group = super()._take()
        self.sizes.append(len(group))
        self.most = max(self.most, len(self._under_way) + 1)
        return group

    async def tell(self, name: str, write: Write) -> None:
        try:
            await self.commit(write)
        except (FencedError, psycopg.Error, UnicodeError) as error:
            self.told[name] = error
        else:
            self.told[name] = None

    async def both_under_way(self, tasks: TaskGroup, *groups: Sequence[tuple[str, Write]]) -> None:
        """Begin with groups, one after the other; where the server stands still, both are under way then."""
        before = len(self.sizes)
        for number, group in enumerate(groups, start=1):
            for name, write in group:
                tasks.start_soon(self.tell, name, write)
            while len(self.sizes) < before + number:
                await anyio.lowlevel.checkpoint()
        assert self.sizes[before:] == [HALF] * len(groups)


@asynccontextmanager
async def working(commit: PostgresCommit, *owners: Owner) -> AsyncIterator[tuple[Watched, TaskGroup]]:
    """Give a writer that has a connection, and has written something of each execution."""
    with anyio.fail_after(LONG), Watched(commit) as writer:
        for owner in owners:
            await writer.commit(result(owner, "before"))
        async with anyio.create_task_group() as tasks:
            yield writer, tasks


@pytest.fixture(autouse=True)
def not_for_ever() -> Iterator[None]:
    """A loop that stands still looks at no deadline."""

    late: list[str] = []

    def stop(*_: object) -> None:
        late.append("the journal may take it for a failure of its own")
        raise AssertionError("the loop stands still")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LONG, 1.0)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
    assert not late


@pytest.fixture
def hold(storage: Storage, postgres: Server) -> Iterator[Hold]:
    """Has the server stand still in the middle of a group."""
    administrator = postgres.administrator(str(storage.engine.url.database))
    with psycopg.connect(administrator, autocommit=True) as connection:
        trigger(connection, "PERFORM pg_advisory_xact_lock_shared(1)")

        @contextmanager
        def standing_still() -> Iterator[None]:
            connection.execute("SELECT pg_advisory_lock(1)")
            try:
                yield
            finally:
                connection.execute("SELECT pg_advisory_unlock(1)")

        yield standing_still


@pytest.fixture
def owners(storage: Storage) -> list[Owner]:
    return [claimed(storage, CLOCK), claimed(storage, CLOCK, new("two"))]


def half(owners: Sequence[Owner], about: str, **changes: str) -> list[tuple[str, Write]]:
    """Return the writes of a group, those of the executions by turns, with a name for each."""
    named = [(f"{about}/{number:03}", owners[number % len(owners)]) for number in range(HALF)]
    return [(name, result(owner, name, **changes)) for name, owner in named]


def written(storage: Storage, owner: Owner) -> list[str]:
    """Return the names of what is there of an execution; it must fit together."""
    found: list[Event] = []
    with storage.read(owner.organization_id) as connection:
        while more := events_after(connection, owner.organization_id, owner.execution_id, len(found)):
            found += more
        last_seq = executions.get(connection, owner.organization_id, owner.execution_id).last_seq
        c = workflow_activity.c
        rows = connection.execute(select(c.activity_name, c.status).where(c.execution_id == owner.execution_id))
        stand = {row.activity_name: row.status for row in rows}
    assert all(gapless(found))
    assert last_seq == len(found)
    names = [event.payload["activity"] for event in found if event.type == "activity.completed"]
    assert stand == dict.fromkeys(names, "completed")
    assert sum(event.type == "more" for event in found) == len(names)
    return names[1:]


def check(storage: Storage, writer: Watched, owners: Sequence[Owner], *groups: Sequence[tuple[str, Write]]) -> None:
    """All of it was acknowledged, and is there once, in the order in which it came."""
    assert dict.fromkeys(writer.told.values()) == {None: None}
    for owner in owners:
        assert written(storage, owner) == of(owner, *groups)


def of(owner: Owner, *groups: Sequence[tuple[str, Write]]) -> list[str]:
    return [name for group in groups for name, write in group if write.owner == owner]


async def test_what_is_acknowledged_is_durable_and_in_the_order_in_which_it_came(
    storage: Storage, commit: PostgresCommit, owners: list[Owner]
) -> None:
    owner, name = owners[0], workflow_activity.c.activity_name
    found: list[str] = []

    async def commit_and_look(given: str) -> None:
        await writer.commit(result(owner, given))
        with storage.read(ORGANIZATION) as connection:
            found.extend(connection.execute(select(name).where(name == given)).scalars())

    names = [f"work/{number}" for number in range(500)]
    async with working(commit, owner) as (writer, tasks):
        for number, given in enumerate(names):
            tasks.start_soon(commit_and_look, given)
            if number % HALF == 0:
                await anyio.wait_all_tasks_blocked()
    assert writer.most == 2
    assert sorted(found) == sorted(names)
    assert written(storage, owner) == names


@pytest.mark.parametrize("size", [1_000, 400_000])
async def test_the_second_is_sent_while_the_server_stands_still_in_the_first(
    size: int, storage: Storage, wire: Wire, commit: PostgresCommit, hold: Hold, owners: list[Owner]
) -> None:
    """Of large ones no socket's buffer holds a group: what is left of them is sent when the server reads again."""
    first, second = (half(owners, about, result=f'"{"x" * size}"') for about in ("first", "second"))
    sent = 0
    async with working(commit, *owners) as (writer, tasks):
        wire.passed()
        with hold():
            await writer.both_under_way(tasks, first, second)
            while size == 1_000 and sent < 2 * HALF * size:
                sent += wire.passed()[TO_SERVER]
                await anyio.lowlevel.checkpoint()
            assert commit._pipeline is not None
            assert commit._pipeline._driver.flush() == (size > 1_000), "the buffers are larger than was thought"
            assert not writer.told
    check(storage, writer, owners, first, second)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("way", [TO_SERVER, TO_CLIENT])
async def test_cut_after_any_byte_both_are_committed_once(
    way: str, held: bool, storage: Storage, wire: Wire, commit: PostgresCommit, hold: Hold, owners: list[Owner]
) -> None:
    groups: list[list[tuple[str, Write]]] = []
    whole = 0
    for place in (None, *range(15)):
        async with working(commit, *(owners if place is None else [])) as (writer, tasks):
            first, second = (half(owners, f"{place}/{about}") for about in ("first", "second"))
            wire.passed()
            if place is not None:
                wire.cut_after(way, place * whole // 15)
            with hold() if held else nullcontext():
                await writer.both_under_way(tasks, first, second)
        whole = whole or wire.passed()[way]
        groups += [first, second]
        assert dict.fromkeys(writer.told.values()) == {None: None}
        assert wire._ways[way].left is None, "it was not cut"
    check(storage, writer, owners, *groups)


@pytest.mark.parametrize(("point", "number"), [(BEFORE, 1), (BEFORE, 2), (AFTER, 1)])
async def test_who_loses_one_execution_writes_all_of_the_other(
    point: str,
    number: int,
    storage: Storage,
    commit: PostgresCommit,
    at_crash_points: AtCrashPoints,
    owners: list[Owner],
) -> None:
    mine, lost = owners
    first, second = half(owners, "first"), half(owners, "second")
    passed: list[str] = []

    def overtake(at: str) -> None:
        passed.append(at)
        if at == point and passed.count(point) == number:
            overtaken(storage, lost)

    async with working(commit, *owners) as (writer, tasks):
        at_crash_points(overtake)
        await writer.both_under_way(tasks, first, second)
    assert written(storage, mine) == of(mine, first, second)
    fenced = {name for name, error in writer.told.items() if isinstance(error, FencedError)}
    assert fenced == {name for name, error in writer.told.items() if error is not None}
    of_lost = of(lost, first, second)
    assert (fenced == set(of_lost)) if (point, number) == (BEFORE, 1) else (fenced < set(of_lost))
    assert written(storage, lost) == [name for name in of_lost if name not in fenced]


@pytest.mark.parametrize("kind", [None, "\ud800"])
@pytest.mark.parametrize("at", [0, 1])
async def test_what_can_never_be_written_costs_only_its_execution_its_part_of_the_group(
    at: int, kind: Any, storage: Storage, commit: PostgresCommit, hold: Hold, owners: list[Owner]
) -> None:
    """The server refuses it, or it is no text that could be sent at all."""
    good, other = owners
    groups = [half(owners, "first"), half(owners, "second")]
    groups[at][25] = ("bad", Write(other, events=(EventRow(kind, "{}"),)))
    async with working(commit, *owners) as (writer, tasks):
        with hold():
            await writer.both_under_way(tasks, *groups)
    assert written(storage, good) == of(good, *groups)
    assert written(storage, other) == of(other, groups[1 - at])
    assert {name for name, error in writer.told.items() if error is not None} == set(of(other, groups[at]))


async def test_leaving_commits_what_is_under_way_and_what_is_queued(
    storage: Storage, commit: PostgresCommit, hold: Hold, owners: list[Owner]
) -> None:
    groups = [half(owners, about) for about in ("first", "second", "third", "fourth")]
    async with anyio.create_task_group() as tasks:
        with Watched(commit) as writer:
            await writer.commit(result(owners[0], "before"))
            await writer.commit(result(owners[1], "before"))
            with hold():
                await writer.both_under_way(tasks, *groups[:2])
                for name, write in groups[2] + groups[3]:
                    tasks.start_soon(writer.tell, name, write)
                await anyio.wait_all_tasks_blocked()
                assert len(writer._under_way) == 2
        assert not writer.told, "they were not under way any more"
    check(storage, writer, owners, *groups)


async def test_while_the_server_is_away_the_loop_goes_on(
    storage: Storage, wire: Wire, commit: PostgresCommit, hold: Hold, owners: list[Owner]
) -> None:
    first, second = half(owners, "first"), half(owners, "second")
    turns, refused = 0, list[int]()

    async def count_turns() -> None:
        nonlocal turns
        while len(writer.told) < 2 * HALF:
            turns += 1
            await anyio.sleep(0.005)

    wire.when_refused = lambda: refused.append(turns)
    async with working(commit, *owners) as (writer, tasks):
        tasks.start_soon(count_turns)
        with hold():
            await writer.both_under_way(tasks, first, second)
            wire.away = -1
            wire.cut()
        await until(lambda: len(refused) > 4)
        wire.away = 0
    assert all(later - before > 5 for before, later in pairwise(refused[1:])), "it stood still between two tries"
    check(storage, writer, owners, first, second)


async def test_a_mark_that_is_written_again_does_not_take_the_place_of_the_result_behind_it(
    storage: Storage, commit: PostgresCommit, hold: Hold, owners: list[Owner]
) -> None:
    """A mark has no event: nothing but the order keeps it from being written after its activity's result."""
    mine, other = owners
    first, second = half([other], "first")[1:], half([mine], "second")
    first[0] = ("bad", Write(other, events=(EventRow(None, "{}"),)))  # type: ignore[arg-type]
    name, done = second[10]
    mark = msgspec.structs.replace(done.activities[0], status=ActivityStatus.RUNNING, result=None)
    async with working(commit, *owners) as (writer, tasks):
        writer.later(name, Write(mine, (mark,)))
        with hold():
            await writer.both_under_way(tasks, first, second)
    assert written(storage, mine) == of(mine, second)


async def test_no_organisation_is_written_for_before_its_turn(
    storage: Storage, commit: PostgresCommit, hold: Hold, owners: list[Owner]
) -> None:
    """Each has a transaction: those of a group are one after the other, and the next group's come after them."""
    elsewhere, mine = claimed(storage, CLOCK, new("one", OTHER)), owners[0]
    first, second = half([elsewhere, mine], "first"), half([mine], "second")
    async with working(commit, elsewhere, mine) as (writer, tasks):
        with hold():
            await writer.both_under_way(tasks, first, second)
    check(storage, writer, [elsewhere, mine], first, second)
