"""The backlog of a database, on both."""

from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event
from tests.journals import SetClock, claimed, finished, new, seen, started
from tests.postgres import Server

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions
from lithograph.durable.backlog import backlog
from lithograph.durable.clock import SystemClock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Lease
from lithograph.durable.status import Status
from lithograph.storage.open import Storage, open_storage
from lithograph.telemetry.backlog import Backlog, Standing

OTHER = OrganizationId("other")


def at(storage: Storage) -> SetClock:
    """An hour ago."""
    return SetClock(SystemClock().now() - 3_600.0)


def counts(found: list[Backlog]) -> dict[tuple[str, Standing], tuple[int, int]]:
    return {(one.organization_id, one.standing): (one.count, one.overdue) for one in found}


def test_an_empty_database_has_none(storage: Storage) -> None:
    assert list(backlog(storage)) == []


def test_it_counts_what_has_not_ended_of_every_organisation(storage: Storage) -> None:
    now = SystemClock()
    started(storage, now, new("a"))
    started(storage, now, new("b"))
    started(storage, now, replace(new("c"), organization_id=OTHER))
    claimed(storage, now, new("d"))
    claimed(storage, at(storage), new("e"))  # its lease has run out
    suspended = claimed(storage, now, new("f"))
    assert finished(storage, suspended, Status.SUSPENDED, timestamp(now.now()))
    ended = claimed(storage, now, new("g"))
    assert finished(storage, ended, Status.COMPLETED, timestamp(now.now()))
    given_back = claimed(storage, now, new("h"))
    with transaction(storage, given_back.organization_id, Transaction.FINISH) as connection:
        assert executions.release(connection, given_back, timestamp(now.now()))

    batch = claimed(storage, now, new("i"))
    for key in "jk":  # one that its turn has not come to, and one that is begun
        child = started(storage, now, replace(new(key), parent_id=ExecutionId(batch.execution_id)))
    executions.claim(storage, child.organization_id, child.id, Lease("w"), now)

    found = list(backlog(storage))

    assert seen(storage, ended.execution_id).status is Status.COMPLETED
    assert counts(found) == {
        ("default", Standing.WAITING): (3, 0),
        ("default", Standing.RUNNING): (4, 1),
        ("default", Standing.SUSPENDED): (1, 0),
        ("other", Standing.WAITING): (1, 0),
    }
    assert {one.workflow_type for one in found} == {"test"}


def test_it_says_how_long_the_oldest_has_been_silent(storage: Storage) -> None:
    started(storage, SystemClock(), new("young"))
    started(storage, at(storage), new("old"))

    (found,) = backlog(storage)

    assert found.silent == pytest.approx(3_600, abs=60)


def test_in_a_file_it_looks_at_what_has_not_ended_and_at_nothing_else(sqlite_storage: Storage) -> None:
    """However many have ended: a scrape every few seconds must not read them all."""
    asked: list[str] = []
    event.listen(sqlite_storage.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    backlog(sqlite_storage)
    (query,) = [one for one in asked if one.startswith("SELECT")]

    with sqlite_storage.inspect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query.replace('?', '0')}").all()

    assert "ix_workflow_execution_unended" in str(plan[0])


def test_on_a_server_too(postgres: Server) -> None:
    with postgres.database() as url, open_storage(url) as storage:
        server = postgres.administrator(str(storage.engine.url.database))
        with psycopg.connect(server) as connection:
            body = connection.execute("SELECT prosrc FROM pg_proc WHERE proname = 'lithograph_backlog'").fetchone()
            assert body is not None
            connection.execute("SET LOCAL ROLE lithograph_system; SET LOCAL enable_seqscan = off")
            plan = connection.execute(sql.SQL("EXPLAIN {}").format(sql.SQL(body[0]))).fetchall()
    assert any("ix_workflow_execution_unended" in line for (line,) in plan), plan
