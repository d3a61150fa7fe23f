"""Starting many executions in one transaction: what counts there is the number of statements."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from lithograph.domain.ids import ExecutionId
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.executions import NewExecution, get, remember_input, row_of, start
from lithograph.durable.status import Status
from lithograph.storage.columns import insert_into
from lithograph.storage.schema import workflow_execution

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row


def start_all(connection: "Connection", wanted: Sequence[NewExecution], clock: Clock) -> dict[str, ExecutionId]:
    """Return the executions of these keys, which are of one organisation and type, as `start` does for each of them.

    One that is there and has not completed takes its input over from here. To be called in a transaction in which the
    organisation has an execution already.
    """
    by_key = {new.key: new for new in sorted(wanted, key=lambda new: new.key)}  # two at once wait in the same order
    there = _there(connection, wanted)
    now = timestamp(clock.now())
    made = [row_of(new, 0, now) for key, new in by_key.items() if key not in there]
    if made:
        connection.execute(insert_into(connection, workflow_execution).on_conflict_do_nothing(), made)
        there = _there(connection, wanted)
    found: dict[str, ExecutionId] = {}
    for key, new in by_key.items():
        row = there.get(key)
        if row is None:
            found[key] = start(connection, new, clock).id
            continue
        found[key] = ExecutionId(row.id)
        if row.status != Status.COMPLETED and row.input != new.input:
            remember_input(connection, get(connection, new.organization_id, found[key]), new.input)
    return found


def _there(connection: "Connection", wanted: Sequence[NewExecution]) -> "Mapping[str, Row[str, str, str, Any]]":
    if not wanted:
        return {}
    c = workflow_execution.c
    query = select(c.idempotency_key, c.id, c.status, c.input).where(
        c.organization_id == wanted[0].organization_id,
        c.workflow_type == wanted[0].workflow_type,
        c.idempotency_key.in_([new.key for new in wanted]),
    )
    # None of them is deleted before the transaction ends; those that were cancelled are changed, and not locked before.
    usable = query.where(c.status != Status.CANCELLED).order_by(c.idempotency_key)
    rows = connection.execute(usable.with_for_update(read=True, key_share=True))
    return {row.idempotency_key: row for row in rows}
