"""What a run of a batch reads from the database, and writes to it besides its journal. All of it blocks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import bindparam, delete, update

from lithograph.domain.ids import DocumentId, ExecutionId
from lithograph.durable import executions
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityStatus
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity
from lithograph.workflow.batch.input import ROUNDS, BatchInput
from lithograph.workflow.batch.journal import Ended, Listed, activity_of
from lithograph.workflow.batch.tally import Tally, tally, usage_since
from lithograph.workflow.extraction_input import VERSION
from lithograph.workflow.overview import percent_of

if TYPE_CHECKING:
    from sqlalchemy import Connection


def standing(storage: Storage, batch: Execution) -> tuple[Tally, float]:
    """Return the tally of a batch, and its percent so far."""
    with storage.read(batch.organization_id) as connection:
        now = executions.get(connection, batch.organization_id, batch.id)
        return tally(connection, now), percent_of(connection, now)


def ended(storage: Storage, batch: Execution, document: Listed, child: Execution) -> Ended:
    """Return how a document has ended, given its execution, which has."""
    with storage.read(batch.organization_id) as connection:
        usage = usage_since(connection, child.id, batch.created_at)
    return Ended(document.position, document.source, child.status, child.id, _error(child), child.completed_at, usage)


def _error(child: Execution) -> str | None:
    if child.status is Status.COMPLETED:
        return None
    if child.status is Status.COMPLETED_WITH_ERRORS:
        missing = (child.output or {}).get("missing", 0)
        return f"{missing:,} of its chunks could not be processed"
    return child.error or "no reason is known"


def adopt(storage: Storage, batch: BatchInput, document: Listed, child: Execution) -> Execution:
    """Have a child that nobody runs remember what the batch was last given: how it is to be run, with what budget."""
    given = batch.of(DocumentId(str(child.input.get("document", ""))), document.source)
    wanted = given.remembered()
    if child.input == wanted or child.workflow_version != VERSION:
        return child
    with transaction(storage, child.organization_id, Transaction.CONTROL) as connection:
        executions.remember_input(connection, child, wanted)
        return executions.get(connection, child.organization_id, child.id)


def leave_to_retry(connection: "Connection", batch_id: ExecutionId, unwell: Sequence[Ended]) -> None:
    """Leave the documents without a whole result as failed activities, as they ended last: none of their rounds counts
    any more, and a retry of the batch runs them again.
    """
    if not unwell:
        return
    c = workflow_activity.c
    fails = (
        update(workflow_activity)
        .where(c.execution_id == batch_id, c.activity_name == bindparam("name"))
        .values(
            status=ActivityStatus.FAILED,
            error=bindparam("why"),
            result=bindparam("as_json", type_=c.result.type),
            usage=bindparam("used", type_=c.usage.type),
        )
    )
    connection.execute(
        fails,
        [
            {
                "name": activity_of(one.position),
                "why": one.error,
                "as_json": msgspec.to_builtins(one),
                "used": msgspec.to_builtins(one.usage),
            }
            for one in unwell
        ],
    )
    forgets = delete(workflow_activity).where(c.execution_id == batch_id, c.activity_name == bindparam("name"))
    rounds = range(1, ROUNDS + 1)
    connection.execute(forgets, [{"name": activity_of(one.position, round_)} for one in unwell for round_ in rounds])
