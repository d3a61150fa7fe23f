"""Signals: what people ask of an execution, from any process. Written to the database, read by whoever runs it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from lithograph.domain.ids import ExecutionId, OrganizationId, digest
from lithograph.durable.announce import Topic, announce
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, get
from lithograph.durable.writes import Owner
from lithograph.errors import StateError, UsageError
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_signal

if TYPE_CHECKING:
    from sqlalchemy import Connection

CANCEL, PAUSE, RESUME = "cancel", "pause", "resume"

BUDGET, PROVIDER = "budget", "provider"
"""What an execution waits for that is suspended for want of it. Nobody can send these."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal as it was sent; `payload` is whatever JSON came with it."""

    id: int
    name: str
    payload: Any


def send(
    storage: Storage,
    organization_id: OrganizationId,
    execution_id: ExecutionId,
    name: str,
    clock: Clock,
    *,
    payload: object = None,
    client_key: str | None = None,
) -> bool:
    """Write a signal to an execution; return False when one with the same `client_key` was sent before.

    Without a key every call is a signal of its own. Raises `UsageError` for an unknown execution and for a reserved
    name, `StateError` for an execution that has ended.
    """
    with transaction(storage, organization_id, Transaction.CONTROL) as connection:
        found = get(connection, organization_id, execution_id, lock=True)
        return send_within(connection, found, name, timestamp(clock.now()), payload=payload, client_key=client_key)


def send_within(
    connection: "Connection",
    found: Execution,
    name: str,
    now: str,
    *,
    payload: object = None,
    client_key: str | None = None,
) -> bool:
    """Do what `send` does, in a transaction that has locked `found`."""
    if name in (BUDGET, PROVIDER):
        raise UsageError(f"{name} is no signal that can be sent: `litho resume` lets an execution go on")
    if found.status.terminal:
        raise StateError(f"execution {found.id} is {found.status}: it takes no signals any more")
    c = workflow_signal.c
    mine = c.execution_id == found.id
    if client_key is None:
        count = len(connection.execute(select(c.id).where(mine)).all())
        client_key = digest("signal", found.id, name, now, count)
    if connection.execute(select(c.id).where(mine, c.client_key == client_key)).first():
        return False
    connection.execute(
        insert(workflow_signal),
        {
            "organization_id": found.organization_id,
            "execution_id": found.id,
            "signal_name": name,
            "client_key": client_key,
            "payload": payload,
            "created_at": now,
            "acknowledged": False,
        },
    )
    announce(connection, found.id, Topic.SIGNALS)
    return True


def waiting(connection: "Connection", owner: Owner) -> Sequence[Signal]:
    """Return the signals that nobody has acted on, oldest first."""
    c = workflow_signal.c
    mine = (c.execution_id == owner.execution_id) & c.acknowledged.is_(False)
    rows = connection.execute(select(c.id, c.signal_name, c.payload).where(mine).order_by(c.id))
    return [Signal(row.id, row.signal_name, row.payload) for row in rows]


def called(
    connection: "Connection", organization_id: OrganizationId, execution_ids: Collection[ExecutionId]
) -> Sequence[ExecutionId]:
    """Return those of some executions that have signals which nobody has acted on."""
    c = workflow_signal.c
    theirs = (c.organization_id == organization_id) & c.execution_id.in_(execution_ids)
    rows = connection.execute(select(c.execution_id).where(theirs, c.acknowledged.is_(False)).distinct())
    return [ExecutionId(row.execution_id) for row in rows]


def first(connection: "Connection", owner: Owner, name: str) -> Signal | None:
    """Return the first signal called `name` that was ever sent to an execution, acted on or not."""
    c = workflow_signal.c
    named = (c.execution_id == owner.execution_id) & (c.signal_name == name)
    row = connection.execute(select(c.id, c.signal_name, c.payload).where(named).order_by(c.id)).first()
    return Signal(row.id, row.signal_name, row.payload) if row else None


def acknowledge(connection: "Connection", signal: Signal, now: str) -> None:
    """Say that a signal was acted on."""
    c = workflow_signal.c
    connection.execute(update(workflow_signal).where(c.id == signal.id).values(acknowledged=True, delivered_at=now))


def withdraw(storage: Storage, execution: Execution, names: Sequence[str], clock: Clock) -> None:
    """Say of every signal of these names that nobody has acted on that nobody will."""
    with transaction(storage, execution.organization_id, Transaction.CONTROL) as connection:
        withdraw_within(connection, execution, names, timestamp(clock.now()))


def withdraw_within(connection: "Connection", execution: Execution, names: Sequence[str], now: str) -> None:
    """Do what `withdraw` does, in a transaction of the caller's."""
    c = workflow_signal.c
    open_ones = (c.execution_id == execution.id) & c.signal_name.in_(names) & c.acknowledged.is_(False)
    connection.execute(update(workflow_signal).where(open_ones).values(acknowledged=True, delivered_at=now))
