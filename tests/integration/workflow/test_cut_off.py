"""Workers whose connections to the server break, or that cannot reach it for a while."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from sqlalchemy import Connection, text
from tests.journals import ORGANIZATION, AtCrashPoints
from tests.postgres import Server
from tests.queued import PATIENCE, events_of, execution, jobs, queue, until, until_ended

from lithograph.domain.ids import ExecutionId
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Moment, Transaction
from lithograph.durable.database_clock import clock_of
from lithograph.durable.queue import sweep
from lithograph.durable.status import Status
from lithograph.errors import StorageError
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.fake_model.process import FakeModelProcess, fake_model_process
from lithograph.testing.faults import FaultProxy, target_of
from lithograph.testing.workers import WorkerProcess, workers
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.queue_connector import QueueConnector

LEASE = 6.0
KEY = {"OPENAI_API_KEY": "test"}
END_JOB = "SELECT procrastinate_finish_job_v1(%(job_id)s, 'succeeded', true)"


@pytest.fixture
def server_storage(postgres: Server) -> Iterator[Storage]:
    with postgres.database() as url, open_storage(url) as opened:
        yield opened


@pytest.fixture
def wire(server_storage: Storage) -> Iterator[FaultProxy]:
    with FaultProxy(target_of(server_storage.url)) as running:
        yield running


@pytest.fixture(scope="module")
def slow_model() -> Iterator[FakeModelProcess]:
    with fake_model_process(latency=0.3) as running:
        yield running


def at_work(storage: Storage, execution_id: ExecutionId) -> bool:
    return any(event.type == "activity.completed" for event in events_of(storage, execution_id))


def annals(storage: Storage, model: FakeModelProcess) -> ExecutionId:
    """Queue what takes a worker some seconds."""
    return queue(storage, "annals", paragraphs=30, model=ModelChoice("openai:fake", model.url))


def lines(worker: WorkerProcess) -> list[str]:
    """Return what a worker has said about trouble."""
    return [line for line in worker.said.splitlines() if not line.startswith(("working as", "stopped;"))]


def test_a_run_that_is_cut_off_for_a_while_goes_on_as_if_nothing_had_been(
    server_storage: Storage, wire: FaultProxy, slow_model: FakeModelProcess
) -> None:
    slow_model.reset()
    with WorkerProcess(wire.url(server_storage.url), environment=KEY, options=("--concurrency=4",)) as worker:
        one = annals(server_storage, slow_model)
        until(lambda: at_work(server_storage, one))
        for _ in range(3):
            wire.refuse()
            assert wire.cut() > 0
            until(lambda: any("cannot be used" in line for line in lines(worker)))
            wire.refuse(False)
            until(lambda: wire.connections > 0)
        until_ended(server_storage, [one])
        until(lambda: jobs(server_storage) == [])
        said = lines(worker)
    found = execution(server_storage, one)
    assert (found.status, found.epoch, found.recovery_count) == (Status.COMPLETED, 1, 0)
    completed = [event for event in events_of(server_storage, one) if event.type == "activity.completed"]
    assert slow_model.stats().requests == len(completed)
    assert all("cannot be" in line or "can be used again" in line for line in said), said


@pytest.mark.heavy
def test_nobody_takes_over_what_is_alive_when_the_server_was_away_for_longer_than_a_lease(
    server_storage: Storage, wire: FaultProxy, slow_model: FakeModelProcess
) -> None:
    clock = clock_of(server_storage)
    with workers(2, wire.url(server_storage.url), LEASE, "--concurrency=2", environment=KEY):
        one = annals(server_storage, slow_model)
        until(lambda: at_work(server_storage, one))
        wire.refuse()
        wire.cut()
        until(lambda: (execution(server_storage, one).lease_expires_at or "") < timestamp(clock.now()))
        wire.refuse(False)
        until_ended(server_storage, [one])
    found = execution(server_storage, one)
    assert (found.status, found.epoch, found.recovery_count) == (Status.COMPLETED, 1, 0)


def test_a_worker_that_lost_its_queue_takes_jobs_again(server_storage: Storage, wire: FaultProxy) -> None:
    with WorkerProcess(wire.url(server_storage.url)):
        until_ended(server_storage, [queue(server_storage, "before", paragraphs=1)])
        wire.refuse()
        wire.cut()
        after = queue(server_storage, "after", paragraphs=1)
        wire.refuse(False)
        until_ended(server_storage, [after])
        until(lambda: jobs(server_storage) == [])
    assert execution(server_storage, after).epoch == 1


def test_a_worker_waits_for_a_server_that_is_not_there_yet(server_storage: Storage, wire: FaultProxy) -> None:
    one = queue(server_storage, "note", paragraphs=1)
    wire.refuse()
    worker = WorkerProcess(wire.url(server_storage.url))
    with ThreadPoolExecutor() as pool:
        try:
            starting = pool.submit(worker.start)
            until(lambda: wire.refused > 2)
            wire.refuse(False)
            starting.result()
            until_ended(server_storage, [one])
        finally:
            worker.kill()


@pytest.mark.heavy
def test_a_worker_that_is_told_to_stop_while_the_server_is_away_ends_nevertheless(
    server_storage: Storage, wire: FaultProxy, slow_model: FakeModelProcess
) -> None:
    with WorkerProcess(wire.url(server_storage.url), environment=KEY, options=("--concurrency=4",)) as worker:
        one = annals(server_storage, slow_model)
        until(lambda: at_work(server_storage, one))
        wire.refuse()
        wire.cut()
        os.kill(worker.pid, signal.SIGTERM)
        until(lambda: not worker.alive)
        assert worker.status == 1
        assert worker.said.splitlines()[-1].startswith("stopped; the database does not answer")
    assert execution(server_storage, one).status is Status.RUNNING


def test_jobs_of_a_worker_that_is_no_more_are_tidied_away(server_storage: Storage) -> None:
    one, other = queue(server_storage, "dead"), queue(server_storage, "alive")
    with server_storage.inspect() as connection:
        connection.execute(text("SET LOCAL search_path = lithograph_queue, public"))
        made = (
            "INSERT INTO procrastinate_workers (last_heartbeat) "
            "VALUES (now() - make_interval(secs => :ago)) RETURNING id"
        )
        taken = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = :worker WHERE queueing_lock = :id"
        for execution_id, ago in ((one, 11), (other, 5)):
            worker = connection.execute(text(made), {"ago": ago}).scalar_one()
            connection.execute(text(taken), {"worker": worker, "id": execution_id})
    sweep(server_storage, clock_of(server_storage))
    assert jobs(server_storage) == [(other, "doing")]


@pytest.mark.heavy
def test_who_is_frozen_in_a_sweep_keeps_the_others_from_it_for_a_moment_only(
    server_storage: Storage, at_crash_points: AtCrashPoints
) -> None:
    """It is frozen between two statements, as a process is that is stopped."""
    clock = clock_of(server_storage)
    one = queue(server_storage, "note", queued=False)
    with server_storage.write(ORGANIZATION) as connection:
        forget = "UPDATE workflow_execution SET updated_at = now() - interval '1 minute' WHERE id = :id"
        connection.execute(text(forget), {"id": one})
    inside, thawed = threading.Event(), threading.Event()

    def freeze(point: str) -> None:
        if point == f"{Transaction.QUEUE}.{Moment.BEFORE}" and not inside.is_set():
            inside.set()
            thawed.wait(PATIENCE)

    at_crash_points(freeze)
    with ThreadPoolExecutor() as pool:
        frozen = pool.submit(sweep, server_storage, clock)
        assert inside.wait(PATIENCE)
        assert sweep(server_storage, clock) == []
        until(lambda: sweep(server_storage, clock) == [one])
        thawed.set()
        with pytest.raises(StorageError):
            frozen.result()


async def test_a_job_is_taken_in_a_transaction_that_may_not_stand_still(server_storage: Storage) -> None:
    connector = QueueConnector(server_storage)
    await connector.open_async()
    found = await connector.execute_query_one_async(
        "SELECT current_setting('idle_in_transaction_session_timeout') AS s"
    )
    await connector.close_async()
    assert found == {"s": "10s"}


async def test_the_end_of_a_job_is_written_over_another_connection_when_one_is_lost(
    server_storage: Storage, wire: FaultProxy
) -> None:
    queue(server_storage, "note")
    with open_storage(wire.url(server_storage.url)) as far:
        connector = QueueConnector(far)
        await connector.reach()
        await connector.open_async()
        job = (await connector.execute_query_one_async("SELECT id FROM procrastinate_jobs"))["id"]
        wire.refuse()
        wire.cut()

        def come_back() -> None:
            until(lambda: wire.refused > 2)
            wire.refuse(False)

        with ThreadPoolExecutor() as pool:
            pool.submit(come_back)
            await connector.execute_query_async(END_JOB, job_id=job)
        assert jobs(server_storage) == []
        await connector.execute_query_async(END_JOB, job_id=job)  # it is gone: there is nothing to end
        await connector.close_async()


async def test_a_connector_that_has_given_up_fails_at_once(server_storage: Storage, wire: FaultProxy) -> None:
    with open_storage(wire.url(server_storage.url)) as far:
        connector = QueueConnector(far, patience=0.1)
        await connector.open_async()
        wire.refuse()
        wire.cut()
        with pytest.raises(ConnectorException):
            await connector.execute_query_async("SELECT 1")
        with pytest.raises(psycopg.Error):
            await connector.reach()
        wire.refuse(False)
        for call in (connector.execute_query_async, connector.execute_query_one_async):
            with pytest.raises(ConnectorException):
                await call("SELECT 1")
        await connector.close_async()


@pytest.mark.parametrize("patience", [0.0, 20.0])
def test_what_is_read_is_read_again_when_its_connection_is_lost(
    server_storage: Storage, wire: FaultProxy, patience: float
) -> None:
    asked: list[int] = []

    def question(connection: Connection) -> int:
        asked.append(len(asked))
        if len(asked) == 1:
            wire.cut()
        found: int = connection.execute(text("SELECT 7")).scalar_one()
        return found

    with open_storage(wire.url(server_storage.url), patience=patience) as far:
        if patience:
            assert far.ask(ORGANIZATION, question) == 7
            assert len(asked) == 2
        else:
            with pytest.raises(StorageError):
                far.ask(ORGANIZATION, question)
