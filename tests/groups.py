"""Groups of writes on a server, as a busy worker has them, and what must be there when they are committed."""

import itertools
from collections.abc import Sequence
from time import monotonic

import psycopg
from tests.journals import (
    DEADLINE,
    ORGANIZATION,
    SetClock,
    activities,
    count,
    events,
    gapless,
    seen,
)

from lithograph.domain.ids import OrganizationId
from lithograph.domain.usage import Usage
from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Moment, Transaction
from lithograph.durable.executions import Lease
from lithograph.durable.writes import ActivityRow, ActivityStatus, CacheRow, EventRow, Owner, Write
from lithograph.storage.open import Storage
from lithograph.storage.schema import response_cache
from lithograph.workflow.spending import account_of

OTHER = OrganizationId("other")
CLOCK = SetClock()
BEFORE, INSIDE, AFTER = (f"{Transaction.JOURNAL}.{moment}" for moment in Moment)
SPENT = itertools.count(1)
IDLE = "idle_in_transaction_session_timeout"
LONG = 30.0
"""Seconds of patience that no test uses up."""


def result(owner: Owner, name: str, **changes: str | None) -> Write:
    fields = {"result": '{"of": "it"}', **changes}
    row = ActivityRow(name, ActivityStatus.COMPLETED, "hash", 1, timestamp(CLOCK.now()), **fields)  # type: ignore[arg-type]
    return Write(owner, (row,), (EventRow("activity.completed", f'{{"activity": "{name}"}}'), EventRow("more", "{}")))


def group(owners: Sequence[Owner], name: str) -> list[Write]:
    """Return a group as a busy worker has it: results, answers, a heartbeat and what was spent."""
    found = [result(owner, name) for owner in owners]
    found.append(Write(owners[0], cached=(CacheRow(name, '{"a": 1}'),)))
    spent = next(SPENT)
    found.append(Write(owners[-1], lease_until=timestamp(CLOCK.now() + 100), spent=Usage(1, 20 * spent, 3, spent / 2)))
    return found


def check(storage: Storage, owners: Sequence[Owner], names: Sequence[str]) -> None:
    """Everything of these groups is there once, in order."""
    for owner in owners:
        found = events(storage, owner.execution_id)
        assert all(gapless(found))
        assert [event.payload["activity"] for event in found if event.type == "activity.completed"] == list(names)
        assert len(found) == 1 + 2 * len(names)
        assert seen(storage, owner.execution_id).last_seq == len(found)
        assert activities(storage, owner.execution_id) == dict.fromkeys(names, "completed")
    assert count(storage, response_cache) == len(names)
    rows = [seen(storage, owner.execution_id) for owner in owners]
    account = account_of(storage, ORGANIZATION)
    assert account.spent.tokens == sum(row.spent_tokens for row in rows) > 0
    assert account.spent.cost_usd == sum(row.spent_cost_usd for row in rows)


def overtaken(storage: Storage, owner: Owner) -> None:
    executions.claim(storage, ORGANIZATION, owner.execution_id, Lease("w2", sole=True), CLOCK)


def trigger(connection: psycopg.Connection, statement: str) -> None:
    """Have something happen before results are inserted."""
    connection.execute(
        "CREATE OR REPLACE FUNCTION before_results() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {statement}; RETURN NULL; END $$"
    )
    connection.execute(
        "CREATE OR REPLACE TRIGGER before_results BEFORE INSERT ON workflow_activity EXECUTE FUNCTION before_results()"
    )


def wait_for(connection: psycopg.Connection, statement: str) -> None:
    """Return when a connection waits for a lock in a statement like that."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND ltrim(query, E'\\n ') LIKE %s"
    end = monotonic() + DEADLINE
    while connection.execute(query, (statement,)).fetchone() == (0,):
        assert monotonic() < end, f"nobody waits in {statement}"
