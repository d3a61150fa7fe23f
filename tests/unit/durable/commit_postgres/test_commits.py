"""A group of writes on a server: committed once, whatever becomes of the connection and of the other writes."""

from concurrent.futures import ThreadPoolExecutor

import anyio
import psycopg
import pytest
from sqlalchemy import select
from tests.groups import AFTER, BEFORE, CLOCK, INSIDE, OTHER, check, group, overtaken, result, trigger, wait_for
from tests.journals import (
    DEADLINE,
    ORGANIZATION,
    AtCrashPoints,
    activities,
    claimed,
    events,
    gapless,
    kinds,
    new,
    seen,
)
from tests.journals import finished as end
from tests.postgres import Server
from tests.wire import TO_CLIENT, TO_SERVER, Wire

from lithograph.domain.usage import Usage
from lithograph.durable import executions
from lithograph.durable.attempt_postgres import Attempt
from lithograph.durable.clock import timestamp
from lithograph.durable.commit_postgres import PostgresCommit
from lithograph.durable.executions import Lease
from lithograph.durable.journal import JournalWriter
from lithograph.durable.journal_thread import ThreadJournal
from lithograph.durable.status import Status
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.errors import FencedError, StorageError
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.pipeline import Pipeline
from lithograph.storage.schema import workflow_activity, workflow_event
from lithograph.storage.steps import Steps
from lithograph.workflow.spending import account_of


def test_cut_after_any_byte_a_group_is_committed_once(storage: Storage, wire: Wire, commit: PostgresCommit) -> None:
    owners = [claimed(storage, CLOCK), claimed(storage, CLOCK, new("two"))]
    names = [f"undisturbed/{number}" for number in range(12)]  # so that the statements are prepared, and stay so
    for name in names:
        wire.passed()
        commit(group(owners, name))
    whole = wire.passed()
    cuts = [(way, place) for way in (TO_SERVER, TO_CLIENT) for place in range(0, whole[way] + 40, 1 + whole[way] // 40)]
    for way, place in cuts:
        names.append(f"{way}/{place}")
        wire.cut_after(way, place)
        assert commit(group(owners, names[-1])) == [None] * 4
    check(storage, owners, names)


@pytest.mark.parametrize("after", [0, 1])
def test_what_reaches_the_server_when_it_was_done_again_changes_nothing(
    after: int, storage: Storage, wire: Wire, commit: PostgresCommit
) -> None:
    """Sent, but not read by the server before the client gave the connection up: at once, or one group later."""
    owners = [claimed(storage, CLOCK), claimed(storage, CLOCK, new("two"))]
    names = ["first", "late", *(f"more/{number}" for number in range(after))]
    commit(group(owners, names[0]))
    wire.hold_next()
    for name in names[1:]:
        assert commit(group(owners, name)) == [None] * 4
    assert wire.deliver() == 1
    check(storage, owners, names)
    assert commit(group(owners, "last")) == [None] * 4
    check(storage, owners, [*names, "last"])


def test_what_was_spent_and_reaches_the_server_late_is_booked_once(
    storage: Storage, wire: Wire, commit: PostgresCommit
) -> None:
    """Without an event nothing tells that it was committed: so it must not matter how often it was."""
    owner = claimed(storage, CLOCK)
    commit([result(owner, "first")])
    for tokens in (10, 20, 30):
        if tokens == 20:
            wire.hold_next()
        assert commit([Write(owner, spent=Usage(1, tokens))]) == [None]
    assert wire.deliver() == 1
    assert seen(storage, owner.execution_id).spent_tokens == account_of(storage, ORGANIZATION).spent.tokens == 30


def test_an_execution_that_was_changed_behind_its_owner_is_fenced_and_the_others_are_not(
    storage: Storage, commit: PostgresCommit
) -> None:
    """The owner knows how the rows were, and sends its writes along with that."""
    mine, lost, ended = (claimed(storage, CLOCK, new(name)) for name in ("mine", "lost", "ended"))
    owners = [mine, lost, ended]
    assert commit([result(owner, "first") for owner in owners]) == [None] * 3
    overtaken(storage, lost)
    assert end(storage, ended, Status.COMPLETED, timestamp(CLOCK.now()))
    # The end was an event, too: one that is to be the next one must not be taken for it.
    verdicts = commit([Write(owner, result(owner, "second").activities, (EventRow("next", "{}"),)) for owner in owners])
    assert [type(verdict) for verdict in verdicts] == [type(None), FencedError, FencedError]
    assert commit([result(mine, "third")]) == [None]
    assert activities(storage, mine.execution_id).keys() == {"first", "second", "third"}
    for owner in (lost, ended):
        assert activities(storage, owner.execution_id).keys() == {"first"}


def test_an_execution_that_is_claimed_again_by_the_same_process_goes_on(
    storage: Storage, commit: PostgresCommit
) -> None:
    before = claimed(storage, CLOCK)
    assert commit([result(before, "first")]) == [None]
    now = executions.claim(storage, ORGANIZATION, before.execution_id, Lease("w1", sole=True), CLOCK)
    verdicts = commit([result(before, "stale"), result(now, "second")])
    assert [type(verdict) for verdict in verdicts] == [FencedError, type(None)]
    assert activities(storage, now.execution_id).keys() == {"first", "second"}
    assert all(gapless(events(storage, now.execution_id)))


def test_what_the_server_has_refused_is_not_taken_for_written_when_the_connection_is_lost_then(
    storage: Storage, wire: Wire, commit: PostgresCommit, at_crash_points: AtCrashPoints
) -> None:
    """The end of the execution has taken the number that the refused event was to have, in the same epoch."""
    owner = claimed(storage, CLOCK)
    assert commit([result(owner, "first")]) == [None]

    def end_and_cut(passed: str) -> None:
        if passed == INSIDE:
            at_crash_points(lambda _: None)
            assert end(storage, owner, Status.COMPLETED, timestamp(CLOCK.now()))
            to_cut.append(wire)

    to_cut: list[Wire] = []
    at_crash_points(end_and_cut)
    see = Attempt._see

    def see_and_be_cut(self: Attempt, pipeline: Pipeline) -> Steps[None]:
        if to_cut:
            to_cut.pop().cut()
        return (yield from see(self, pipeline))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Attempt, "_see", see_and_be_cut)
        event = Write(owner, result(owner, "second").activities, (EventRow("next", "{}"),))
        (verdict,) = commit([event])
    assert isinstance(verdict, FencedError)
    assert activities(storage, owner.execution_id).keys() == {"first"}


@pytest.mark.parametrize("point", [BEFORE, INSIDE, AFTER])
def test_terminated_at_a_crash_point_a_group_is_committed_once(
    point: str, storage: Storage, commit: PostgresCommit, at_crash_points: AtCrashPoints, postgres: Server
) -> None:
    owners = [claimed(storage, CLOCK), claimed(storage, CLOCK, new("two"))]
    commit(group(owners, "first"))
    dead: list[str] = []

    def terminate(passed: str) -> None:
        if passed == point and not dead:
            dead.append(passed)
            postgres.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                f"WHERE usename = '{storage.engine.url.username}' AND client_port > 0"
            )

    at_crash_points(terminate)
    assert commit(group(owners, "second")) == [None] * 4
    assert commit(group(owners, "third")) == [None] * 4
    assert dead == [point]
    check(storage, owners, ["first", "second", "third"])


@pytest.mark.parametrize("way", [TO_SERVER, TO_CLIENT])
def test_an_execution_that_another_claims_after_a_cut_is_fenced_and_not_written_twice(
    way: str, storage: Storage, wire: Wire, commit: PostgresCommit, at_crash_points: AtCrashPoints
) -> None:
    """Cut before its COMMIT it has written nothing; cut before the answer it has written everything."""
    owner = claimed(storage, CLOCK)
    commit([result(owner, "first")])

    def cut(passed: str) -> None:
        if passed == INSIDE:
            at_crash_points(lambda _: None)
            wire.away = 1
            wire.cut_after(way, 0)

    wire.when_refused = lambda: overtaken(storage, owner)
    at_crash_points(cut)
    (verdict,) = commit([result(owner, "second")])
    assert isinstance(verdict, FencedError)
    written = ["activity.completed", "more"] * (1 + (way == TO_CLIENT))
    assert kinds(storage, owner.execution_id) == ["execution.started", *written, "execution.recovered"]


@pytest.mark.parametrize("known", [False, True])
def test_who_claims_while_a_group_is_committed_waits_for_it(
    known: bool, storage: Storage, commit: PostgresCommit, postgres: Server
) -> None:
    owner = claimed(storage, CLOCK)
    if known:  # how the row is, since this process wrote it last
        commit([result(owner, "before")])
    administrator = postgres.administrator(str(storage.engine.url.database))
    with ThreadPoolExecutor(2) as pool, psycopg.connect(administrator, autocommit=True) as connection:
        trigger(connection, "PERFORM pg_advisory_xact_lock(1)")
        connection.execute("SELECT pg_advisory_lock(1)")
        committed = pool.submit(commit, [result(owner, "work")])
        wait_for(connection, "INSERT INTO workflow_activity%")
        taken = pool.submit(overtaken, storage, owner)
        wait_for(connection, "SELECT workflow_execution.%FOR NO KEY UPDATE")
        connection.execute("SELECT pg_advisory_unlock(1)")
        assert committed.result(DEADLINE) == [None]
        taken.result(DEADLINE)
    written = ["activity.completed", "more"] * (1 + known)
    assert kinds(storage, owner.execution_id)[1:] == [*written, "execution.recovered"]
    assert all(gapless(events(storage, owner.execution_id)))


def test_a_server_that_is_away_for_too_long_is_told_to_all_who_wait_and_nothing_is_written(
    storage: Storage, wire: Wire
) -> None:
    owners = [claimed(storage, CLOCK), claimed(storage, CLOCK, new("two", OTHER))]
    told: list[str] = []

    async def write(writer: JournalWriter, owner: Owner, name: str) -> None:
        try:
            await writer.commit(result(owner, name))
        except StorageError as error:
            told.append(f"{name}: {error}")

    async def work(commit: PostgresCommit) -> None:
        with ThreadJournal(commit, busy=lambda: True) as writer:
            for names in (["before"], ["while/1", "while/2"], ["after"]):
                wire.away = -1 if len(names) > 1 else 0
                if wire.away:
                    wire.cut()
                async with anyio.create_task_group() as tasks:
                    for owner in owners:
                        for name in names:
                            tasks.start_soon(write, writer, owner, name)

    with open_storage(wire.url) as wired:
        commit = PostgresCommit(wired, CLOCK, patience=0.0)
        anyio.run(work, commit)
        commit.close()
    assert sorted(line.split(": ")[0] for line in told) == ["while/1", "while/1", "while/2", "while/2"]
    assert all("cannot be used at the moment" in line and ":***@" in line for line in told)
    assert wire.refused <= 3 * len(owners)
    for owner in owners:
        with storage.read(owner.organization_id) as connection:
            assert connection.scalars(select(workflow_activity.c.activity_name)).all() == ["before", "after"]
            assert connection.scalars(select(workflow_event.c.seq)).all() == [1, 2, 3, 4, 5]


def test_a_server_that_comes_back_in_time_is_waited_for(storage: Storage, wire: Wire, commit: PostgresCommit) -> None:
    owner = claimed(storage, CLOCK)
    commit([result(owner, "first")])
    wire.away = 2
    wire.cut()
    assert commit([result(owner, "second")]) == [None]
    assert wire.refused == 2
    assert activities(storage, owner.execution_id) == {"first": "completed", "second": "completed"}
