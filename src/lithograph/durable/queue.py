"""The queue: who is told that an execution should be looked at. On PostgreSQL only, and never the truth.

A job is a row in Procrastinate's table, written in the transaction that makes an execution ready. A lost one is written
anew by a sweep, a doubled one finds nothing left to do.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select, text

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution

LEAST_URGENT: Final = -100
MOST_URGENT: Final = 100

SILENT: Final = 10.0
"""Seconds after which whoever takes jobs, and has not said that he is alive, is no more."""

_SWEEP: Final = 0x6C6974686F01
"""Which advisory lock keeps sweeps apart."""

_MOST: Final = 1_000
"""Executions that a sweep gives jobs to, at most; the next one finds the others."""

_ENQUEUE = text("SELECT lithograph_enqueue(:execution, :urgency)")
_ALONE = text("SELECT pg_try_advisory_xact_lock(:lock)")
_STILL = text("SET LOCAL idle_in_transaction_session_timeout = '10s'")
_AMONG_JOBS = text("SELECT set_config('search_path', 'lithograph_queue, ' || current_setting('search_path'), true)")
_DUE = text("SELECT organization_id, execution_id FROM lithograph_due(CAST(:at AS timestamptz), :most)")
_TIDY = (
    # A worker that was killed left its jobs behind, as if it were doing them. One that was only slow makes itself known
    # anew, and its jobs are done without their rows.
    text(
        "DELETE FROM lithograph_queue.procrastinate_workers "
        "WHERE last_heartbeat < now() - make_interval(secs => :silent)"
    ).bindparams(silent=SILENT),
    text("DELETE FROM lithograph_queue.procrastinate_jobs WHERE status = 'doing' AND worker_id IS NULL"),
)


def queue_name(workflow_type: str, workflow_version: int) -> str:
    """Return the queue of executions that the same code can run: a worker of another version takes none of them."""
    return f"{workflow_type}/{workflow_version}"


def enqueue(connection: Connection, execution_id: ExecutionId, urgency: int = 0) -> bool:
    """Give an execution a job, in the transaction of `connection`; return False when one is waiting for it already.

    A more urgent one (-100 to 100) is taken before all that are less urgent; among equals organisations take turns.
    """
    return bool(connection.execute(_ENQUEUE, {"execution": execution_id, "urgency": urgency}).scalar_one())


def enqueue_unended(connection: Connection, execution: Execution) -> None:
    """Give an execution a job, unless it has ended."""
    if not execution.status.terminal:
        enqueue(connection, execution.id)


def sweep(storage: Storage, clock: Clock) -> Sequence[ExecutionId]:
    """Give jobs to executions that should go on and have none, and return those; nothing while another sweep does it.

    The only look across organisations, and it sees ids only; what it writes, it writes for each organisation.
    """
    with storage.inspect() as connection:
        connection.execute(_STILL)  # who is frozen in the middle of it must not keep the others from it
        if not connection.execute(_ALONE, {"lock": _SWEEP}).scalar_one():
            return []
        connection.execute(_AMONG_JOBS)  # Procrastinate's triggers name its tables without their schema
        for statement in _TIDY:
            connection.execute(statement)
        due: dict[OrganizationId, list[ExecutionId]] = {}
        for organization_id, execution_id in connection.execute(_DUE, {"at": timestamp(clock.now()), "most": _MOST}):
            due.setdefault(OrganizationId(organization_id), []).append(ExecutionId(execution_id))
        given: list[ExecutionId] = []
        for organization_id, executions in due.items():
            with transaction(storage, organization_id, Transaction.QUEUE) as writing:
                given += [one for one in _left(writing, executions) if enqueue(writing, one)]
    return given


def _left(connection: Connection, execution_ids: Sequence[ExecutionId]) -> Sequence[ExecutionId]:
    """Return those that have not been deleted meanwhile, and that stay until the transaction ends."""
    c = workflow_execution.c
    query = select(c.id).where(c.id.in_(execution_ids)).order_by(c.id).with_for_update(read=True, key_share=True)
    return [ExecutionId(one) for one in connection.execute(query).scalars()]


def leave(connection: "Connection", execution: Execution) -> None:
    """Leave a started execution to whoever started it."""
