"""A group of writes on a server: committed once, whatever becomes of the connection and of the other writes."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import anyio
import psycopg
import pytest
from sqlalchemy import select
from tests.journals import (
    DEADLINE,
    ORGANIZATION,
    AtCrashPoints,
    SetClock,
    activities,
    claimed,
    count,
    events,
    gapless,
    kinds,
    new,
    seen,
)
from tests.journals import finished as end
from tests.postgres import Server
from tests.wire import TO_CLIENT, TO_SERVER, Wire

from lithograph.domain.ids import OrganizationId
from lithograph.domain.usage import Usage
from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.commit_postgres import PostgresCommit
from lithograph.durable.crashpoints import Moment, Transaction
from lithograph.durable.executions import Lease
from lithograph.durable.journal import JournalWriter
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityRow, ActivityStatus, CacheRow, EventRow, Owner, Write
from lithograph.errors import FencedError, StorageError
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import response_cache, workflow_activity, workflow_event
from lithograph.workflow.spending import account_of

OTHER = OrganizationId("other")
CLOCK = SetClock()
BEFORE, INSIDE, AFTER = (f"{Transaction.JOURNAL}.{moment}" for moment in Moment)
SPENT = itertools.count(1)
IDLE = "idle_in_transaction_session_timeout"
LONG = 30.0
"""Seconds of patience that no test uses up."""


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.database() as found:
        yield found


@pytest.fixture
def storage(url: str) -> Iterator[Storage]:
    """The database, without a wire that can be cut."""
    with open_storage(url) as opened:
        yield opened


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with Wire(url) as made:
        yield made


@pytest.fixture
def commit(wire: Wire) -> Iterator[PostgresCommit]:
    with open_storage(wire.url) as wired:
        made = PostgresCommit(wired, CLOCK, LONG)
        yield made
        made.close()


def result(owner: Owner, name: str, **changes: str | None) -> Write:
    fields = {"result": '{"of": "it"}', **changes}
    row = ActivityRow(name, ActivityStatus.COMPLETED, "hash", 1, timestamp(CLOCK.now()), **fields)  # type: ignore[arg-type]
    return Write(owner, (row,), (EventRow("activity.completed", f'{{"activity": "{name}"}}'), EventRow("more", "{}")))


def group(owners: Sequence[Owner], name: str) -> list[Write]:
    """Return a group as a busy worker has it: results, answers, a heartbeat and what was spent."""
    found = [result(owner, name) for owner in owners]
    found.append(Write(owners[0], cached=(CacheRow(name, '{"a": 1}'),)))
    spent = next(SPENT)
    found.append(Write(owners[-1], lease_until=timestamp(CLOCK.now() + 100), spent=Usage(1, 20 * spent, 3, spent / 2)))
    return found


def check(storage: Storage, owners: Sequence[Owner], names: Sequence[str]) -> None:
    """Everything of these groups is there once, in order."""
    for owner in owners:
        found = events(storage, owner.execution_id)
        assert all(gapless(found))
        assert [event.payload["activity"] for event in found if event.type == "activity.completed"] == list(names)
        assert len(found) == 1 + 2 * len(names)
        assert seen(storage, owner.execution_id).last_seq == len(found)
        assert activities(storage, owner.execution_id) == dict.fromkeys(names, "completed")
    assert count(storage, response_cache) == len(names)
    rows = [seen(storage, owner.execution_id) for owner in owners]
    account = account_of(storage, ORGANIZATION)
    assert account.spent.tokens == sum(row.spent_tokens for row in rows) > 0
    assert account.spent.cost_usd == sum(row.spent_cost_usd for row in rows)


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


def overtaken(storage: Storage, owner: Owner) -> None:
    executions.claim(storage, ORGANIZATION, owner.execution_id, Lease("w2", sole=True), CLOCK)


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


def trigger(connection: psycopg.Connection, statement: str) -> None:
    """Have something happen before results are inserted."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION before_results() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {statement}; RETURN NULL; END $$"
    )
    connection.execute(
        "CREATE OR REPLACE TRIGGER before_results BEFORE INSERT ON workflow_activity EXECUTE FUNCTION before_results()"
    )


def wait_for(connection: psycopg.Connection, statement: str) -> None:
    """Return when a connection waits for a lock in a statement like that."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND ltrim(query, E'\\n ') LIKE %s"
    end = monotonic() + DEADLINE
    while connection.execute(query, (statement,)).fetchone() == (0,):
        assert monotonic() < end, f"nobody waits in {statement}"


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
        with JournalWriter(commit, on_loop=False) as writer:
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


def test_what_the_server_never_takes_of_one_execution_costs_no_other_anything(
    storage: Storage, commit: PostgresCommit
) -> None:
    bad, good, elsewhere = (
        claimed(storage, CLOCK, given) for given in (new("bad"), new("good"), new("elsewhere", OTHER))
    )
    nameless = Write(bad, events=(EventRow(None, "{}"),))  # type: ignore[arg-type]
    writes = [result(good, "a"), nameless, result(elsewhere, "b"), result(bad, "c"), result(good, "d")]
    verdicts = commit(writes)
    assert [type(verdict) for verdict in verdicts] == [
        type(None), psycopg.errors.NotNullViolation, type(None), psycopg.errors.NotNullViolation, type(None),
    ]  # fmt: skip
    assert activities(storage, good.execution_id) == {"a": "completed", "d": "completed"}
    assert activities(storage, bad.execution_id) == {}
    assert kinds(storage, bad.execution_id) == ["execution.started"]
    with storage.read(OTHER) as connection:
        assert connection.scalars(select(workflow_activity.c.activity_name)).all() == ["b"]


def test_an_error_of_the_server_is_one_sentence(storage: Storage, commit: PostgresCommit, postgres: Server) -> None:
    """A full disk is not waited for: it does not pass by itself."""
    owner = claimed(storage, CLOCK)
    administrator = postgres.administrator(str(storage.engine.url.database))
    with psycopg.connect(administrator, autocommit=True) as connection:
        trigger(connection, "RAISE 'could not extend file' USING ERRCODE = 'disk_full'")
        (verdict,) = commit([result(owner, "work")])
        assert isinstance(verdict, StorageError)
        assert "the server's disk is full" in str(verdict)
        connection.execute("DROP TRIGGER before_results ON workflow_activity")
    assert commit([result(owner, "work")]) == [None]


NULS = {
    '{"a": "\\u0000"}': {"a": "\ufffd"},
    '{"a": "\\\\u0000"}': {"a": "\\u0000"},
    '{"a": "\\\\\\u0000"}': {"a": "\\\ufffd"},
    '{"\\u0000": "x\\u0000\\u0000y"}': {"\ufffd": "x\ufffd\ufffdy"},
}


@pytest.mark.parametrize("given", NULS)
def test_a_nul_in_json_is_a_replacement_character(given: str, storage: Storage, commit: PostgresCommit) -> None:
    owner = claimed(storage, CLOCK)
    row = ActivityRow("work", ActivityStatus.FAILED, "hash", 1, timestamp(0), given, "an error\0", given)
    wanted = NULS[given]
    assert commit([Write(owner, (row,), (EventRow("event", given),), (CacheRow("key", given),))]) == [None]
    a, e = workflow_activity.c, workflow_event.c
    with storage.read(ORGANIZATION) as connection:
        assert tuple(connection.execute(select(a.result, a.usage, a.error)).one()) == (wanted, wanted, "an error\ufffd")
        assert connection.scalars(select(e.payload).where(e.type == "event")).all() == [wanted]
        assert connection.scalars(select(response_cache.c.response)).all() == [wanted]


@pytest.mark.parametrize("last", [ActivityStatus.RUNNING, ActivityStatus.FAILED])
def test_of_an_activity_that_is_twice_in_a_group_the_last_counts(
    last: ActivityStatus, storage: Storage, commit: PostgresCommit
) -> None:
    owner = claimed(storage, CLOCK)
    again = Write(owner, (ActivityRow("work", last, "other hash", 2, timestamp(0)),), (EventRow("again", "{}"),))
    assert commit([result(owner, "work"), result(owner, "more"), again]) == [None] * 3
    assert activities(storage, owner.execution_id) == {"work": last, "more": "completed"}
    found = events(storage, owner.execution_id)
    assert all(gapless(found))
    assert [event.type for event in found][-1] == "again"
    assert seen(storage, owner.execution_id).last_activity_name == "work"


def test_a_lost_connection_says_nothing_but_what_its_users_say(
    storage: Storage,
    wire: Wire,
    commit: PostgresCommit,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = claimed(storage, CLOCK)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    for way in (TO_SERVER, TO_CLIENT):
        wire.cut_after(way, 200)
        assert commit([result(owner, way)]) == [None]
    assert capfd.readouterr() == ("", "")


def test_who_is_frozen_inside_loses_its_transaction_and_another_can_take_over(
    storage: Storage, commit: PostgresCommit, at_crash_points: AtCrashPoints, postgres: Server
) -> None:
    owner = claimed(storage, CLOCK)

    def freeze(passed: str) -> None:
        if passed == INSIDE:
            at_crash_points(lambda _: None)
            pipeline = commit._connected()
            limit = "transaction_timeout" if pipeline.server_version >= 170000 else IDLE
            pipeline.send(f"SHOW {limit}")
            assert pipeline.sync()[-1] == [["15s"]]
            for milliseconds in (0, 1):  # a limit that runs is not changed
                pipeline.send(f"SET LOCAL {limit} = {milliseconds}")
                pipeline.sync()
            executions.claim(storage, ORGANIZATION, owner.execution_id, Lease("w2", sole=True), CLOCK)

    at_crash_points(freeze)
    (verdict,) = commit([result(owner, "work")])
    assert isinstance(verdict, FencedError)
    assert kinds(storage, owner.execution_id) == ["execution.started", "execution.recovered"]
    with storage.write(ORGANIZATION) as connection:
        assert connection.exec_driver_sql(f"SHOW {IDLE}").scalar_one() == "15s"
    with storage.inspect() as connection:
        assert connection.exec_driver_sql(f"SHOW {IDLE}").scalar_one() == "0"


def test_a_transaction_that_was_stood_still_in_is_one_sentence(storage: Storage, postgres: Server) -> None:
    def stand_still() -> None:
        with storage.write(ORGANIZATION) as connection:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            connection.exec_driver_sql(f"SET LOCAL {IDLE} = 1")
            with psycopg.connect(postgres.url, autocommit=True) as watching:
                end = monotonic() + DEADLINE
                while watching.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).rowcount:
                    assert monotonic() < end, "it was let"
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StorageError, match=r"this process stood still|cannot be used"):
        stand_still()
