"""What an organisation's rows say, in a form that is the same whatever database they are in."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Table, select

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable.executions import Execution
from lithograph.durable.lookup import listed
from lithograph.storage.open import Storage
from lithograph.storage.schema import (
    document,
    entity,
    evidence,
    mention,
    ontology,
    relation,
    response_cache,
    workflow_activity,
    workflow_event,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MOST: Final = 1_000
_GRAPH: Final = (entity, mention, relation, evidence)
_SHARED: Final = (document, ontology, response_cache)


@dataclass(frozen=True, slots=True)
class Rows:
    """`activities` has status, input hash and result of each, `completions` how many events say that it is completed.

    `graph` has the published rows of an execution, `gaps` the executions whose events are not numbered one by one, and
    `shared` the keys of what belongs to no execution.
    """

    executions: Mapping[ExecutionId, Execution]
    activities: Mapping[tuple[ExecutionId, str], tuple[str, str, str]]
    completions: Mapping[tuple[ExecutionId, str], int]
    graph: Mapping[ExecutionId, frozenset[str]]
    gaps: frozenset[ExecutionId]
    shared: frozenset[str]


def rows_of(storage: Storage, organization_id: OrganizationId) -> Rows:
    """Return what an organisation sees of itself."""
    with storage.read(organization_id) as connection:
        executions = {one.id: one for one in listed(connection, organization_id, limit=_MOST)}
        a = workflow_activity.c
        mine = a.organization_id == organization_id
        columns = (a.execution_id, a.activity_name, a.status, a.input_hash, a.result)
        activities = {
            (ExecutionId(execution), name): (str(status), str(key), _plain(_unpaid(result)))
            for execution, name, status, key, result in connection.execute(select(*columns).where(mine))
        }
        completions, gaps = _events(connection, organization_id, executions)
        graph: dict[ExecutionId, set[str]] = {}
        for table in _GRAPH:
            for row in _rows(connection, table, organization_id):
                graph.setdefault(ExecutionId(str(row["execution_id"])), set()).add(f"{table.name} {_plain(row)}")
        shared = frozenset(
            f"{table.name} {[row[column.name] for column in table.primary_key]}"
            for table in _SHARED
            for row in _rows(connection, table, organization_id)
        )
    published = {execution: frozenset(rows) for execution, rows in graph.items()}
    return Rows(executions, activities, completions, published, gaps, shared)


def _events(
    connection: "Connection", organization_id: OrganizationId, executions: Mapping[ExecutionId, Execution]
) -> tuple[Counter[tuple[ExecutionId, str]], frozenset[ExecutionId]]:
    e = workflow_event.c
    query = select(e.execution_id, e.seq, e.type, e.payload).where(e.organization_id == organization_id)
    completions: Counter[tuple[ExecutionId, str]] = Counter()
    numbers: dict[ExecutionId, list[int]] = {}
    for execution, seq, kind, payload in connection.execute(query.order_by(e.execution_id, e.seq)):
        numbers.setdefault(ExecutionId(execution), []).append(seq)
        if kind == "activity.completed":
            completions[ExecutionId(execution), payload["activity"]] += 1
    gapless = {one for one, found in executions.items() if numbers.get(one, []) == list(range(1, found.last_seq + 1))}
    return completions, frozenset(executions.keys() - gapless)


def _rows(connection: "Connection", table: Table, organization_id: OrganizationId) -> list[Mapping[str, object]]:
    query = select(table).where(table.c.organization_id == organization_id)
    return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001  # a Row's public mapping


def _plain(value: object) -> str:
    """Return JSON as text, with objects and the arrays that sets become in one order."""
    return json.dumps(_ordered(value), sort_keys=True)


def _unpaid(result: object) -> object:
    """Return the result of an activity without what it used: nothing, when its answer was in the cache already, since
    a worker died after the answer was kept and before the result was.
    """
    if isinstance(result, dict):
        return {key: _unpaid(value) for key, value in result.items() if key != "usage"}
    return [_unpaid(value) for value in result] if isinstance(result, list) else result


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return sorted((_ordered(part) for part in value), key=repr) if isinstance(value, list) else value
