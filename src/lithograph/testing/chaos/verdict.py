"""The verdict: how what is there differs from what an undisturbed run leaves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import psycopg
from sqlalchemy import text

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.events import events_after
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.storage.open import Storage
from lithograph.storage.schema import metadata
from lithograph.testing.chaos.rows import Rows
from lithograph.testing.chaos.work import Undisturbed

_BEFORE, _AROUND = 60, 240
"""Characters that are shown of something that differs: how many of them are the same, and all of them."""

_SHOWN: Final = 60
"""Events of an execution that are shown, the last ones."""


def faults_of(found: Undisturbed, expected: Undisturbed) -> Iterator[tuple[ExecutionId | None, str]]:
    """Yield what is not as it should be, a sentence for each thing, and the execution that it is about."""
    for organization_id, wanted in expected.rows.items():
        rows = found.rows[organization_id]
        for one in wanted.executions.keys() - rows.executions.keys():
            yield one, "the execution is lost"
        for one in rows.executions.keys() - wanted.executions.keys():
            yield one, f"the execution should not be there, under {organization_id}"
        for execution in rows.executions.values():
            if execution.id in wanted.executions:
                yield from ((execution.id, said) for said in _of_execution(execution, found, expected))
        yield from _of_activities(rows, wanted)
        yield from ((None, f"{key} is there, under {organization_id}") for key in rows.shared - wanted.shared)
        yield from ((None, f"{key} is lost, under {organization_id}") for key in wanted.shared - rows.shared)


def _of_execution(execution: Execution, found: Undisturbed, expected: Undisturbed) -> Iterator[str]:
    rows, wanted = (side.rows[execution.organization_id] for side in (found, expected))
    if execution.status is not Status.COMPLETED:
        yield f"it is {execution.status} ({execution.error})"
    if found.results.get(execution.id) != expected.results[execution.id]:
        yield "its result is another one"
    if rows.graph.get(execution.id) != wanted.graph.get(execution.id):
        yield "its published graph is another one"
    if execution.id in rows.gaps:
        yield "the numbers of its events have gaps"


def _of_activities(rows: Rows, wanted: Rows) -> Iterator[tuple[ExecutionId, str]]:
    for execution, name in wanted.activities.keys() - rows.activities.keys():
        yield execution, f"{name} is lost"
    for execution, name in rows.activities.keys() - wanted.activities.keys():
        yield execution, f"{name} should not be there"
    for key in wanted.activities.keys() & rows.activities.keys():
        execution, name = key
        if rows.activities[key] != wanted.activities[key]:
            yield execution, f"{name} is {_apart(rows.activities[key], wanted.activities[key])}"
        if rows.completions.get(key, 0) != 1:
            yield execution, f"{name} was completed {rows.completions.get(key, 0)} times"


def _apart(found: Sequence[str], wanted: Sequence[str]) -> str:
    """Return where two activities begin to differ."""
    for one, other in zip(found, wanted, strict=True):
        if one != other:
            apart = (place for place, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)
            at = max(0, next(apart, min(len(one), len(other))) - _BEFORE)
            return f"...{one[at : at + _AROUND]}..., not ...{other[at : at + _AROUND]}... (at {at})"
    return "the same"


def astray(administrator: str) -> Iterator[str]:
    """Yield which tables have rows of one organisation at another one's execution, as somebody sees it who sees all."""
    with psycopg.connect(administrator) as connection:
        for table in metadata.sorted_tables:
            if "execution_id" not in table.c or table.name == "batch_document":
                continue
            query = (
                f"SELECT count(*) FROM {table.name} r JOIN workflow_execution e ON e.id = r.execution_id "  # noqa: S608
                "WHERE e.organization_id <> r.organization_id"
            )
            row = connection.execute(query.encode()).fetchone()
            if row is None or row[0]:
                yield f"{row and row[0]} rows of {table.name} are of another organisation than their execution"


def jobs_left(storage: Storage) -> list[tuple[str, str, str]]:
    """Return the execution, the status and the worker of every job."""
    query = "SELECT args ->> 'execution_id', status, worker_id FROM lithograph_queue.procrastinate_jobs ORDER BY id"
    with storage.inspect() as connection:
        return [(str(one), str(status), str(worker)) for one, status, worker in connection.execute(text(query))]


def evidence(storage: Storage, whose: Mapping[ExecutionId, OrganizationId], execution_id: ExecutionId) -> list[str]:
    """Return what happened to an execution, an event a line."""
    organization_id = whose.get(execution_id)
    if organization_id is None:
        return []
    with storage.read(organization_id) as connection:
        events = events_after(connection, organization_id, execution_id, 0, limit=100_000)
    return [f"{event.created_at} {event.seq} {event.type} {dict(event.payload)}" for event in events[-_SHOWN:]]
