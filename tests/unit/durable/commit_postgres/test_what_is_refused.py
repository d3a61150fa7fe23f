"""What a server does not take, and a transaction that somebody stands still in: they cost nobody else anything."""

import logging
from time import monotonic

import psycopg
import pytest
from sqlalchemy import select
from tests.groups import CLOCK, IDLE, INSIDE, OTHER, result, trigger
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
from tests.postgres import Server
from tests.wire import TO_CLIENT, TO_SERVER, Wire

from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.commit_postgres import PostgresCommit
from lithograph.durable.executions import Lease
from lithograph.durable.writes import ActivityRow, ActivityStatus, CacheRow, EventRow, Write
from lithograph.errors import FencedError, StorageError
from lithograph.storage.open import Storage
from lithograph.storage.schema import response_cache, workflow_activity, workflow_event


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


def test_who_is_frozen_before_all_is_sent_keeps_no_other_from_taking_over(
    storage: Storage, commit: PostgresCommit, at_crash_points: AtCrashPoints
) -> None:
    owner = claimed(storage, CLOCK)

    def freeze(passed: str) -> None:
        if passed == INSIDE:
            at_crash_points(lambda _: None)
            executions.claim(storage, ORGANIZATION, owner.execution_id, Lease("w2", sole=True), CLOCK)

    at_crash_points(freeze)
    (verdict,) = commit([result(owner, "work")])
    assert isinstance(verdict, FencedError)
    assert kinds(storage, owner.execution_id) == ["execution.started", "execution.recovered"]


def test_a_transaction_that_writes_may_not_stand_still_for_long(
    storage: Storage, commit: PostgresCommit, at_crash_points: AtCrashPoints
) -> None:
    owner = claimed(storage, CLOCK)

    def frozen_half_way(passed: str) -> None:
        """Of a large group the server has the beginning before the end is sent."""
        if passed == INSIDE:
            at_crash_points(lambda _: None)
            pipeline = commit._pipeline
            assert pipeline is not None
            limit = "transaction_timeout" if pipeline.server_version >= 170000 else IDLE
            pipeline.send(f"SHOW {limit}")
            assert pipeline.sync()[-1] == [["15s"]]

    at_crash_points(frozen_half_way)
    assert commit([result(owner, "work")]) == [None]
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
