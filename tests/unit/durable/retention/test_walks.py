"""How it is gone about: page by page, by indexes, beside others who write."""

import pytest
from sqlalchemy import insert, make_url, select, true
from tests.journals import ORGANIZATION, AtCrashPoints, count, new
from tests.postgres import Server
from tests.retained import LATER, MONTH, NOW, TODAY, begin, ended, keep, there
from tests.stories import stand_in

from lithograph.domain.ids import ExecutionId
from lithograph.durable import executions, retention
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Moment, Transaction, transaction
from lithograph.durable.retention import Pruned, prune
from lithograph.durable.starting import start_all
from lithograph.durable.status import Status
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import batch_document, document, metadata, ontology, workflow_execution


def test_it_goes_page_by_page_and_goes_on_where_it_was_stopped(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, at_crash_points: AtCrashPoints
) -> None:
    monkeypatch.setattr(retention, "_EXECUTIONS_AT_ONCE", 2)
    for number in range(7):
        ended(storage, f"old {number}", Status.FAILED)
    ended(storage, "good", Status.COMPLETED)
    passed = []

    def stop(point: str) -> None:
        passed.append(point)
        if passed.count(f"{Transaction.PRUNE}.{Moment.INSIDE}") == 3:
            raise InterruptedError

    at_crash_points(stop)
    with pytest.raises(InterruptedError):
        prune(storage, ORGANIZATION, MONTH, LATER)
    at_crash_points(lambda point: None)
    assert len(there(storage)) == 4
    assert prune(storage, ORGANIZATION, MONTH, LATER).executions == {Status.FAILED: 3}
    assert there(storage) == {"good"}


def test_long_journals_are_deleted_one_at_a_time(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, at_crash_points: AtCrashPoints
) -> None:
    monkeypatch.setattr(retention, "_EVENTS_AT_ONCE", 3)
    for number in range(4):
        ended(storage, f"{number}", Status.FAILED)  # with two events each
    left = []
    at_crash_points(lambda point: left.append(len(there(storage))) if point == "prune.after" else None)
    assert prune(storage, ORGANIZATION, MONTH, LATER).executions == {Status.FAILED: 4}
    assert left == [3, 2, 1, 0]


def test_one_that_is_retried_just_now_stays(storage: Storage, at_crash_points: AtCrashPoints) -> None:
    one = ended(storage, "one", Status.FAILED)
    ended(storage, "two", Status.FAILED)

    def retry(point: str) -> None:
        if point == "prune.before":
            at_crash_points(lambda point: None)
            executions.change(storage, ORGANIZATION, one, Status.PENDING, LATER)

    at_crash_points(retry)
    assert prune(storage, ORGANIZATION, MONTH, LATER).executions == {Status.FAILED: 1}
    assert there(storage) == {"one"}


def test_a_document_that_is_given_just_now_stays(storage: Storage, at_crash_points: AtCrashPoints) -> None:
    (given,) = keep(storage, TODAY, "note")

    def start(point: str) -> None:
        if point == "prune.before":
            at_crash_points(lambda point: None)
            begin(storage, given, stand_in(), LATER)

    at_crash_points(start)
    assert prune(storage, ORGANIZATION, MONTH, LATER) == Pruned()
    assert (count(storage, document), count(storage, ontology), count(storage, workflow_execution)) == (1, 1, 1)


def test_what_a_deletion_takes_along_is_found_by_an_index_of_its_own(sqlite_storage: Storage) -> None:
    """By the execution, that is: an index that begins with the organisation would be gone through for every one."""
    with sqlite_storage.read(ORGANIZATION) as connection:
        for table in metadata.sorted_tables:
            for key in table.foreign_key_constraints:
                if key.referred_table.name == "organization":
                    continue
                names = [column.name for column in key.columns]
                condition = " AND ".join(f'"{name}" = ?' for name in names)
                query = f"EXPLAIN QUERY PLAN DELETE FROM {table.name} WHERE {condition}"
                plan = connection.exec_driver_sql(query, tuple(names)).all()[0][-1]
                of_it = next(name for name in names if name != "organization_id")
                assert f"{of_it}=?" in plan, plan


def test_no_walk_goes_through_a_table_without_an_index(sqlite_storage: Storage) -> None:
    going = retention._Going(ORGANIZATION, timestamp(NOW), MONTH.statuses)
    walks = [
        select(workflow_execution.c.id).where(going.singles()).order_by(workflow_execution.c.created_at),
        select(workflow_execution.c.id).where(going.singles([ExecutionId("a")])),
        going.batches(),
        *going.staying(ExecutionId("a")),
        *(retention._unused(going, material, true()) for material in retention._MATERIALS),
    ]
    with sqlite_storage.read(ORGANIZATION) as connection:
        for walk in walks:
            sql = str(walk.compile(connection.engine, compile_kwargs={"literal_binds": True}))
            steps = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
            assert [step for step in steps if step.startswith("SCAN") and "INDEX" not in step] == []


def test_one_that_a_batch_is_being_made_of_just_now_stays(postgres: Server) -> None:
    """Who lists it has not committed yet: nobody can see that, but the execution is locked."""
    with postgres.database() as url, open_storage(url) as storage:
        postgres.execute(f"ALTER DATABASE {make_url(url).database} SET lock_timeout = '5s'")  # or it waits for itself
        storage.close()
        one = ended(storage, "one", Status.FAILED)
        ended(storage, "two", Status.FAILED)
        with transaction(storage, ORGANIZATION, Transaction.START) as connection:
            made = executions.start(connection, new("batch"), LATER)
            (found,) = start_all(connection, [new("one")], LATER).values()
            listed = {"organization_id": ORGANIZATION, "batch_id": made.id, "position": 0, "source": ""}
            connection.execute(insert(batch_document), {**listed, "execution_id": found})
            assert prune(storage, ORGANIZATION, MONTH, LATER).executions == {Status.FAILED: 1}
        assert found == one
        assert there(storage) == {"one", "batch"}
        assert prune(storage, ORGANIZATION, MONTH, LATER) == Pruned()
