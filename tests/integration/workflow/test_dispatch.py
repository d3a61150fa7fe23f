"""Workers on a server: real processes, a real queue."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest
from sqlalchemy import delete, text, update
from tests.journals import ORGANIZATION, gapless, worker
from tests.journals import until as meanwhile
from tests.postgres import Server
from tests.queued import events_of, execution, jobs, queue, until, until_ended

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.clock import seconds_of, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Execution
from lithograph.durable.queue import enqueue, sweep
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import workflow_execution
from lithograph.testing.fake_model.process import FakeModelProcess, fake_model_process
from lithograph.testing.workers import WorkerProcess, workers
from lithograph.workflow.attend import Kind
from lithograph.workflow.dispatch import SWEEP_EVERY, dispatch
from lithograph.workflow.extraction import run_extraction
from lithograph.workflow.extraction_input import EXTRACTION, VERSION
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.runner import run_one

KEY = {"OPENAI_API_KEY": "test"}
LEASE = 2.0
ACME, GLOBEX = OrganizationId("acme"), OrganizationId("globex")


@pytest.fixture
def server_storage(postgres: Server) -> Iterator[Storage]:
    with postgres.database() as url, open_storage(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def slow_model() -> Iterator[FakeModelProcess]:
    with fake_model_process(latency=0.3) as running:
        yield running


def asking(model: FakeModelProcess) -> ModelChoice:
    return ModelChoice("openai:fake", f"{model.url}")


def at_work(storage: Storage, execution_id: ExecutionId) -> bool:
    return any(event.type == "activity.completed" for event in events_of(storage, execution_id))


def owner(storage: Storage, execution_id: ExecutionId, candidates: Sequence[WorkerProcess]) -> WorkerProcess:
    """Return the worker that runs an execution."""
    name = execution(storage, execution_id).lease_owner or ""
    return next(one for one in candidates if name.endswith(f":{one.pid}"))


def forget(storage: Storage, execution_id: ExecutionId) -> None:
    """Let an execution be one that nobody has looked at for a minute."""
    long_ago = timestamp(clock_of(storage).now() - 60)
    with transaction(storage, ORGANIZATION, Transaction.CONTROL) as connection:
        this = workflow_execution.c.id == execution_id
        connection.execute(update(workflow_execution).where(this).values(updated_at=long_ago))


def in_turn(storage: Storage) -> list[str]:
    """Return the executions in the order in which their jobs are taken."""
    turns = "SELECT args ->> 'execution_id' FROM lithograph_queue.procrastinate_jobs ORDER BY priority DESC, id"
    with storage.inspect() as connection:
        return list(connection.execute(text(turns)).scalars())


def test_what_is_queued_is_run_once_and_leaves_no_job(server_storage: Storage) -> None:
    ids = [queue(server_storage, f"note {number}") for number in range(12)]
    assert [one for one, _ in jobs(server_storage)] == ids
    with workers(2, server_storage.url):
        until_ended(server_storage, ids)
        until(lambda: jobs(server_storage) == [])
    for one in ids:
        assert execution(server_storage, one).status is Status.COMPLETED
        assert execution(server_storage, one).epoch == 1
        assert all(gapless(events_of(server_storage, one)))


def test_what_a_killed_worker_had_is_run_elsewhere_when_its_lease_has_run_out(
    server_storage: Storage, slow_model: FakeModelProcess
) -> None:
    with workers(2, server_storage.url, LEASE, environment=KEY) as both:
        one = queue(server_storage, "annals", paragraphs=30, model=asking(slow_model))
        until(lambda: at_work(server_storage, one))
        owner(server_storage, one, both).kill()
        expired = seconds_of(execution(server_storage, one).lease_expires_at or "")
        until(lambda: execution(server_storage, one).epoch == 2)
        until_ended(server_storage, [one])
    (recovered,) = [event for event in events_of(server_storage, one) if event.type == "execution.recovered"]
    assert 0 <= seconds_of(recovered.created_at) - expired < SWEEP_EVERY + 2
    assert execution(server_storage, one).status is Status.COMPLETED


def test_a_worker_that_is_told_to_stop_hands_its_work_over_at_once(
    server_storage: Storage, slow_model: FakeModelProcess
) -> None:
    with workers(2, server_storage.url, environment=KEY) as both:
        one = queue(server_storage, "annals", paragraphs=30, model=asking(slow_model))
        until(lambda: at_work(server_storage, one))
        assert owner(server_storage, one, both).stop() < 2
        until_ended(server_storage, [one])
    found = execution(server_storage, one)
    assert (found.status, found.epoch, found.recovery_count) == (Status.COMPLETED, 2, 0)


async def test_whoever_else_wants_it_run_waits_for_its_end(
    server_storage: Storage, slow_model: FakeModelProcess
) -> None:
    with WorkerProcess(server_storage.url, environment=KEY):
        one = queue(server_storage, "annals", paragraphs=8, model=asking(slow_model))
        until(lambda: at_work(server_storage, one))
        part = await run_one(worker(server_storage), one, ORGANIZATION)
    assert (part.execution.status, part.execution.epoch) == (Status.COMPLETED, 1)


def test_jobs_that_are_lost_or_doubled_change_nothing(server_storage: Storage, slow_model: FakeModelProcess) -> None:
    ids = [queue(server_storage, f"note {number}", paragraphs=6, model=asking(slow_model)) for number in range(4)]
    with server_storage.inspect() as connection:
        connection.execute(text("SET LOCAL search_path = lithograph_queue"))
        connection.execute(text("DELETE FROM procrastinate_jobs WHERE args ->> 'execution_id' = :id"), {"id": ids[0]})
        doubled = (
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) "
            "SELECT queue_name, task_name, args FROM procrastinate_jobs, generate_series(1, 3)"
        )
        connection.execute(text(doubled))
    forget(server_storage, ids[0])
    with workers(2, server_storage.url):
        until_ended(server_storage, ids)
        until(lambda: jobs(server_storage) == [])
    for one in ids:
        found = execution(server_storage, one)
        completions = [e.payload["activity"] for e in events_of(server_storage, one) if e.type == "activity.completed"]
        assert (found.status, found.epoch) == (Status.COMPLETED, 1)
        assert len(completions) == len(set(completions))


def test_an_execution_of_another_version_is_left_to_workers_of_that_version(server_storage: Storage) -> None:
    mine, theirs = queue(server_storage, "mine"), queue(server_storage, "theirs", queued=False)
    with transaction(server_storage, ORGANIZATION, Transaction.CONTROL) as connection:
        older = workflow_execution.c.id == theirs
        connection.execute(update(workflow_execution).where(older).values(workflow_version=1))
        assert enqueue(connection, theirs)
    with WorkerProcess(server_storage.url):
        until_ended(server_storage, [mine])
        until(lambda: jobs(server_storage) == [(theirs, "todo")])  # a job ends a little later than its execution
    assert execution(server_storage, theirs).status is Status.PENDING
    assert jobs(server_storage) == [(theirs, "todo")]


def test_an_execution_that_a_worker_can_never_begin_fails_with_the_reason(server_storage: Storage) -> None:
    one = queue(server_storage, "annals", model=ModelChoice("openai:fake"))
    with WorkerProcess(server_storage.url, environment={"OPENAI_API_KEY": ""}):
        until_ended(server_storage, [one])
    found = execution(server_storage, one)
    assert found.status is Status.FAILED
    assert "OPENAI_API_KEY" in (found.error or "")


async def test_a_defect_costs_one_execution_for_a_while_and_not_the_worker(
    server_storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = (queue(server_storage, name, paragraphs=1) for name in ("bad", "good"))

    async def carry(at: Worker, found: Execution, resume: bool) -> Status:
        if found.id == bad:
            raise RuntimeError("a mistake")
        return await run_extraction(at, found, resume=resume)

    async def ready(_: Execution) -> bool:
        return True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatch, worker(server_storage), [Kind(EXTRACTION, VERSION, carry, 1, ready)])
        await meanwhile(lambda: execution(server_storage, good).status.terminal)
        tasks.cancel_scope.cancel()
    assert execution(server_storage, good).status is Status.COMPLETED
    assert f"{bad} was left by a defect (RuntimeError: a mistake)" in caplog.text


def test_organisations_take_turns(server_storage: Storage) -> None:
    many = [queue(server_storage, f"note {number}", organization_id=ACME, paragraphs=1) for number in range(20)]
    few = [queue(server_storage, f"memo {number}", organization_id=GLOBEX, paragraphs=1) for number in range(2)]
    late = queue(server_storage, "late", organization_id=ACME, paragraphs=1)
    order = in_turn(server_storage)
    assert order[:4] == [many[0], few[0], many[1], few[1]]
    assert order[4:] == [*many[2:], late]


def test_what_is_urgent_is_taken_first_and_no_execution_has_two_jobs(server_storage: Storage) -> None:
    slow, urgent = queue(server_storage, "slow"), queue(server_storage, "urgent", queued=False)
    with transaction(server_storage, ORGANIZATION, Transaction.CONTROL) as connection:
        assert enqueue(connection, urgent, urgency=5)
        assert not enqueue(connection, urgent)
    assert in_turn(server_storage) == [urgent, slow]


def test_a_sweep_passes_over_what_is_deleted_meanwhile(server_storage: Storage) -> None:
    one, left = (queue(server_storage, name, queued=False) for name in ("gone", "left"))
    for execution_id in (one, left):
        forget(server_storage, execution_id)
    with ThreadPoolExecutor() as threads:
        with server_storage.write(ORGANIZATION) as connection:
            connection.execute(delete(workflow_execution).where(workflow_execution.c.id == one))
            sweeping = threads.submit(sweep, server_storage, clock_of(server_storage))
            until(lambda: _waits(server_storage))
        assert sweeping.result() == [left]


def _waits(storage: Storage) -> bool:
    with storage.inspect() as connection:
        locks = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        return bool(connection.exec_driver_sql(locks).scalar_one())


def test_only_one_sweep_at_a_time_gives_jobs(server_storage: Storage) -> None:
    one = queue(server_storage, "note", queued=False)
    forget(server_storage, one)
    clock = clock_of(server_storage)
    with server_storage.inspect() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(119200180367105)"))
        assert sweep(server_storage, clock) == []
    assert sweep(server_storage, clock) == [one]
    assert sweep(server_storage, clock) == []
