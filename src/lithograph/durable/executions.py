"""Executions: started once, claimed by one worker at a time, ended once.

Every change of status is a compare-and-set in a transaction, with its event in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, or_, select, update

from lithograph.domain.ids import ExecutionId, OrganizationId, digest
from lithograph.durable.announce import announce
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, afterwards, transaction
from lithograph.durable.status import Status, check_transition
from lithograph.durable.writes import Owner
from lithograph.errors import IncompleteError, NotFoundError, StateError
from lithograph.storage.columns import insert_into
from lithograph.storage.open import Storage
from lithograph.storage.schema import organization, workflow_event, workflow_execution
from lithograph.telemetry.observe import Subject, tell_changed

if TYPE_CHECKING:
    from sqlalchemy import Connection

POISON_LIMIT = 10
"""Recoveries of one execution; one more and it is failed instead, since it seems to kill whoever runs it."""


@dataclass(frozen=True, slots=True)
class Execution:
    """A row of `workflow_execution`; `input` and `output` are JSON objects, times ISO 8601 in UTC."""

    id: ExecutionId
    organization_id: OrganizationId
    workflow_type: str
    workflow_version: int
    status: Status
    input: Mapping[str, Any]
    output: Mapping[str, Any] | None
    error: str | None
    last_activity_name: str | None
    last_seq: int
    epoch: int
    lease_owner: str | None
    lease_expires_at: str | None
    recovery_count: int
    waiting_for: str | None
    parent_id: ExecutionId | None
    spent_tokens: int
    spent_cost_usd: float
    created_at: str
    started_at: str | None
    updated_at: str
    completed_at: str | None


COLUMNS = [workflow_execution.c[name] for name in Execution.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class NewExecution:
    """What `start` needs. `key` decides which starts are the same; `input` is a JSON object."""

    organization_id: OrganizationId
    workflow_type: str
    workflow_version: int
    key: str
    input: Mapping[str, Any]
    parent_id: ExecutionId | None = None
    waiting_for: str | None = None
    """What has to come before a worker looks at it."""


def start(connection: "Connection", new: NewExecution, clock: Clock) -> Execution:
    """Return the execution of this organisation, type and key; it is made, pending, when there is none.

    One that was cancelled is left as it is, and another takes its key. To be called in a transaction, together with
    whatever the execution works on.
    """
    found = started(connection, new)
    if found and found.status is not Status.CANCELLED:
        found = started(connection, new, lock=True)
    if found and found.status is not Status.CANCELLED:
        return found
    if found:
        # Not locked before: two who lock it in order to read it wait for each other in order to change it.
        c = workflow_execution.c
        still = (c.id == found.id) & (c.idempotency_key == new.key)
        retired = f"{new.key}/{found.id}"
        connection.execute(update(workflow_execution).where(still).values(idempotency_key=retired))
    now = timestamp(clock.now())
    connection.execute(
        insert_into(connection, organization).on_conflict_do_nothing(),
        {"id": new.organization_id, "created_at": now},
    )
    generation, made = 0, None
    while made is None:  # an earlier one of this key may have the id
        row = row_of(new, generation, now)
        connection.execute(insert_into(connection, workflow_execution).on_conflict_do_nothing(), row)
        made = started(connection, new)  # by whoever was first, where two have begun it at the same time
        generation += 1
    return made


def row_of(new: NewExecution, generation: int, now: str) -> dict[str, Any]:
    """Return the row of a new execution; `generation` makes its id another than those of earlier ones of its key."""
    return {
        "organization_id": new.organization_id,
        "id": digest("execution", new.organization_id, new.workflow_type, new.key, generation),
        "workflow_type": new.workflow_type,
        "workflow_version": new.workflow_version,
        "status": Status.PENDING,
        "input": new.input,
        "idempotency_key": new.key,
        "parent_id": new.parent_id,
        "waiting_for": new.waiting_for,
        "created_at": now,
        "updated_at": now,
    }


def started(connection: "Connection", new: NewExecution, *, lock: bool = False) -> Execution | None:
    """Return the execution of this organisation, type and key, None when there is none.

    With `lock` it is not deleted before the transaction ends.
    """
    c = workflow_execution.c
    same = (c.organization_id == new.organization_id) & (c.workflow_type == new.workflow_type)
    query = select(*COLUMNS).where(same & (c.idempotency_key == new.key))
    found = connection.execute(query.with_for_update(read=True, key_share=True) if lock else query).first()
    return None if found is None else execution_of(found)


def get(
    connection: "Connection", organization_id: OrganizationId, execution_id: ExecutionId, *, lock: bool = False
) -> Execution:
    """Return one execution; raises `NotFoundError` when the organisation has none of that id.

    With `lock` nobody else changes it until the transaction ends.
    """
    c = workflow_execution.c
    query = select(*COLUMNS).where(c.id == execution_id, c.organization_id == organization_id)
    found = connection.execute(query.with_for_update(key_share=True) if lock else query).first()
    if found is None:
        raise NotFoundError(f"execution {execution_id}", "`litho list` shows those there are")
    return execution_of(found)


@dataclass(frozen=True, slots=True)
class Lease:
    """`owner` names the worker; `seconds` is how long a claim holds without a heartbeat.

    `sole` says that no other worker can be alive (SQLite: the lock file is ours), so that a lease need not have run
    out.
    """

    owner: str
    seconds: float = 45.0
    sole: bool = False


def claim(
    storage: Storage,
    organization_id: OrganizationId,
    execution_id: ExecutionId,
    lease: Lease,
    clock: Clock,
    *,
    resume: bool = False,
) -> Owner:
    """Take an execution: raise its epoch, so that whoever had it before can write nothing more.

    Pending ones can be taken, running ones whose lease has run out, and suspended ones when `resume` is true. Raises
    `StateError` when it cannot be taken, `IncompleteError` when it was recovered too often and is failed now.
    """
    with transaction(storage, organization_id, Transaction.CLAIM) as connection:
        found = get(connection, organization_id, execution_id, lock=True)
        moment = clock.now()
        now = timestamp(moment)
        recovering = _takeable(found, lease, now, resume=resume)
        if recovering and found.recovery_count >= POISON_LIMIT:
            error = (
                f"it was recovered {POISON_LIMIT} times and each time its worker died at or after "
                f"{found.last_activity_name or 'its start'}; find out why, then `litho retry {execution_id}`"
            )
            values: dict[str, Any] = {"status": Status.FAILED, "error": error, "completed_at": now, "lease_owner": None}
            _change(connection, found, values, now, "execution.failed", {"error": error})
            _tell(connection, found, Status.FAILED)
            poisoned = IncompleteError(f"execution {execution_id} has failed: {error}")
        else:
            poisoned = None
            values = {
                "status": Status.RUNNING,
                "epoch": found.epoch + 1,
                "lease_owner": lease.owner,
                "lease_expires_at": timestamp(moment + lease.seconds),
                "recovery_count": found.recovery_count + recovering,
                "started_at": found.started_at or now,
                "waiting_for": None,
                "error": None,
            }
            kind = "recovered" if recovering else "resumed" if found.started_at else "started"
            _change(connection, found, values, now, f"execution.{kind}", {"epoch": found.epoch + 1})
            _tell(connection, found, kind)
    if poisoned is not None:
        raise poisoned
    return Owner(organization_id, execution_id, found.epoch + 1)


def _takeable(found: Execution, lease: Lease, now: str, *, resume: bool) -> bool:
    """Return whether taking it is a recovery from a death; raise `StateError` when it cannot be taken."""
    if found.status is Status.RUNNING:
        abandoned = found.lease_owner is None
        if not (lease.sole or abandoned or found.lease_expires_at is None or found.lease_expires_at < now):
            raise StateError(f"execution {found.id} is running, owned by {found.lease_owner}")
        return not abandoned
    if found.status is Status.SUSPENDED and not resume:
        raise StateError(f"execution {found.id} is suspended: `litho resume {found.id}` lets it go on")
    check_transition(found.id, found.status, Status.RUNNING)
    return False


def finish(
    connection: "Connection",
    owner: Owner,
    status: Status,
    now: str,
    *,
    values: Mapping[str, Any],
    payload: Mapping[str, Any],
) -> bool:
    """End or suspend an execution that is still `owner`'s; return False, and change nothing, when it is not.

    To be called in a transaction, together with what has to be there when it has ended.
    """
    c = workflow_execution.c
    mine = (c.id == owner.execution_id) & (c.epoch == owner.epoch) & (c.status == Status.RUNNING)
    found = connection.execute(select(*COLUMNS).where(mine).with_for_update(key_share=True)).first()
    if found is None:
        return False
    ended = {"completed_at": now} if status.terminal else {}
    lease = {"lease_owner": None, "lease_expires_at": None}
    execution = execution_of(found)
    check_transition(execution.id, execution.status, status)
    changes = {"status": status, **ended, **lease, **values}
    _change(connection, execution, changes, now, f"execution.{_EVENT_OF[status]}", payload)
    _tell(connection, execution, status)
    return True


_EVENT_OF = {
    Status.COMPLETED: "completed",
    Status.COMPLETED_WITH_ERRORS: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
    Status.SUSPENDED: "suspended",
}


def change(
    storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId, wanted: Status, clock: Clock
) -> Execution:
    """Change an execution that no worker has from outside: cancel it, put it back to pending, or let it go on where it
    is suspended: then it is running, and whoever comes may claim it. Returns it as it is then.

    The epoch is raised, so that a worker that still believes to have it writes nothing. Raises `StateError` when its
    status does not allow it.
    """
    with transaction(storage, organization_id, Transaction.CONTROL) as connection:
        found = get(connection, organization_id, execution_id, lock=True)
        return change_within(connection, found, wanted, timestamp(clock.now()))


def change_within(connection: "Connection", found: Execution, wanted: Status, now: str) -> Execution:
    """Do what `change` does, in a transaction that has locked `found`."""
    check_transition(found.id, found.status, wanted)
    values: dict[str, Any] = {"status": wanted, "epoch": found.epoch + 1, "lease_owner": None, "lease_expires_at": None}
    if wanted is Status.CANCELLED:
        values |= {"error": "cancelled while nobody ran it", "completed_at": now, "waiting_for": None}
    elif wanted is Status.PENDING:
        values |= {"error": None, "completed_at": None, "recovery_count": 0}
    else:
        values |= {"error": None, "waiting_for": None}
    kind = "execution.cancelled" if wanted is Status.CANCELLED else "execution.resumed"
    _change(connection, found, values, now, kind, {"from": found.status})
    _tell(connection, found, wanted)
    return get(connection, found.organization_id, found.id)


def release(connection: "Connection", owner: Owner, now: str) -> bool:
    """Give a running execution back at once, so that anybody may claim it and that is no recovery.

    Return False, and change nothing, when it is not `owner`'s any more.
    """
    c = workflow_execution.c
    mine = (c.id == owner.execution_id) & (c.epoch == owner.epoch) & (c.status == Status.RUNNING)
    freed = {"lease_owner": None, "lease_expires_at": None, "updated_at": now}
    return connection.execute(update(workflow_execution).where(mine).values(freed)).rowcount == 1


def unowned(execution: Execution, now: str) -> bool:
    """Whether no worker can be at work on it."""
    expired = execution.lease_expires_at is None or execution.lease_expires_at < now
    return execution.status is not Status.RUNNING or execution.lease_owner is None or expired


def _change(
    connection: "Connection",
    found: Execution,
    values: Mapping[str, Any],
    now: str,
    kind: str,
    payload: Mapping[str, Any],
) -> None:
    """Compare and set: the row must be as it was read. The event of it is the next one."""
    c = workflow_execution.c
    same = (c.id == found.id) & (c.status == found.status) & (c.epoch == found.epoch) & (c.last_seq == found.last_seq)
    seq = found.last_seq + 1
    changed = connection.execute(update(workflow_execution).where(same).values(last_seq=seq, updated_at=now, **values))
    if changed.rowcount != 1:
        raise StateError(f"execution {found.id} was changed by somebody else meanwhile: look at it again")
    connection.execute(
        insert(workflow_event),
        {
            "organization_id": found.organization_id,
            "execution_id": found.id,
            "seq": seq,
            "type": kind,
            "payload": dict(payload),
            "created_at": now,
        },
    )
    announce(connection, found.id)


def _tell(connection: "Connection", found: Execution, change: str) -> None:
    """Tell observers of a change of status when it is durable."""
    subject = Subject(found.organization_id, found.id, found.workflow_type)
    afterwards(connection, partial(tell_changed, subject, str(change)))


def execution_of(row: Row[Any]) -> Execution:
    """Return the execution that a row of `COLUMNS` is."""
    return Execution(**{**row._mapping, "status": Status(row.status)})  # noqa: SLF001  # a Row's public mapping


def unfinished(connection: "Connection", organization_id: OrganizationId, now: str) -> Sequence[ExecutionId]:
    """Return the running executions of an organisation that no live worker has, oldest first."""
    c = workflow_execution.c
    dead = or_(c.lease_owner.is_(None), c.lease_expires_at.is_(None), c.lease_expires_at < now)
    going = c.completed_at.is_(None) & (c.status == Status.RUNNING)
    query = select(c.id).where(c.organization_id == organization_id, going, dead)
    return [ExecutionId(found) for found in connection.execute(query.order_by(c.created_at, c.id)).scalars()]


def remember_input(connection: "Connection", found: Execution, given: Mapping[str, Any]) -> None:
    """Replace an execution's input, where only what does not decide its result has changed."""
    connection.execute(update(workflow_execution).where(workflow_execution.c.id == found.id).values(input=dict(given)))


def admit(
    connection: "Connection", found: Execution, given: Mapping[str, Any], now: str, event: str, said: Mapping[str, Any]
) -> Execution:
    """Let workers take an execution that waited for its input to be complete: it is `given`; return it as it is then.

    To be called in a transaction that has locked it.
    """
    _change(connection, found, {"waiting_for": None, "input": dict(given)}, now, event, said)
    return get(connection, found.organization_id, found.id)


def touch(connection: "Connection", found: Execution, now: str) -> None:
    """Say that somebody has looked at an execution just now, and left it as it is."""
    connection.execute(update(workflow_execution).where(workflow_execution.c.id == found.id).values(updated_at=now))
