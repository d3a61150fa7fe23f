"""Executions, workers and clocks for tests of what is durable, and short ways to look into the database."""

import json
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import anyio
import anyio.lowlevel
from sqlalchemy import Table, func, select

from lithograph.domain.ids import DEFAULT_ORGANIZATION, ExecutionId, OrganizationId
from lithograph.durable import executions
from lithograph.durable.activities import Gate
from lithograph.durable.clock import Clock, SystemClock
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.events import Event, events_after
from lithograph.durable.executions import Execution, Lease, NewExecution
from lithograph.durable.run import Context, Outcome, Worker, Workflow, run_execution
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.resilience.retry import RetryPolicy
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity

ORGANIZATION = DEFAULT_ORGANIZATION
AtCrashPoints = Callable[[Callable[[str], None]], None]
"""Has something done whenever this process passes a crash point."""
DEADLINE = 10.0
"""Seconds after which something that was waited for will not come any more."""


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until it is set; whoever sleeps on it sets it, and is remembered."""

    time: float = 1_800_000_000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await anyio.lowlevel.checkpoint()


class PlainCodec:
    """Results that are JSON already; a list of texts is worth an event for each."""

    def encode(self, result: Any) -> str:
        return json.dumps(result)

    def decode(self, result: str) -> Any:
        return json.loads(result)

    def usage(self, result: Any) -> str | None:
        return None

    def events(self, name: str, result: Any) -> Iterable[tuple[str, Mapping[str, object]]]:
        return [("text.found", {"text": text}) for text in result] if isinstance(result, list) else []


def new(key: str = "one", organization_id: OrganizationId = ORGANIZATION) -> NewExecution:
    return NewExecution(organization_id, "test", 1, key, {"key": key})


def started(storage: Storage, clock: Clock, given: NewExecution | None = None) -> Execution:
    """Start an execution in a transaction of its own."""
    wanted = given or new()
    with transaction(storage, wanted.organization_id, Transaction.START) as connection:
        return executions.start(connection, wanted, clock)


def claimed(storage: Storage, clock: Clock, given: NewExecution | None = None, *, worker: str = "w1") -> Owner:
    """Start an execution and claim it."""
    found = started(storage, clock, given)
    return executions.claim(storage, found.organization_id, found.id, Lease(worker), clock)


def finished(storage: Storage, owner: Owner, status: Status, now: str) -> bool:
    """End an execution in a transaction of its own; return whether it was the owner's."""
    with transaction(storage, ORGANIZATION, Transaction.FINISH) as connection:
        return executions.finish(connection, owner, status, now, values={}, payload={})


def seen(storage: Storage, execution_id: str) -> Execution:
    """Return an execution as the database has it."""
    with storage.read(ORGANIZATION) as connection:
        return executions.get(connection, ORGANIZATION, ExecutionId(execution_id))


def events(storage: Storage, execution_id: str) -> list[Event]:
    """Return everything that happened to an execution."""
    with storage.read(ORGANIZATION) as connection:
        return events_after(connection, ORGANIZATION, ExecutionId(execution_id), 0)


def kinds(storage: Storage, execution_id: str) -> list[str]:
    """Return what happened to an execution, without the details."""
    return [event.type for event in events(storage, execution_id)]


def activities(storage: Storage, execution_id: str) -> dict[str, str]:
    """Return the status of every activity in the journal."""
    c = workflow_activity.c
    with storage.read(ORGANIZATION) as connection:
        rows = connection.execute(select(c.activity_name, c.status).where(c.execution_id == execution_id))
        return {row.activity_name: row.status for row in rows}


def count(storage: Storage, table: Table) -> int:
    """Return how many rows a table has."""
    with storage.read(ORGANIZATION) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def worker(storage: Storage, *, lease: Lease | None = None, clock: Clock | None = None) -> Worker:
    """Return a worker that does not wait between retries."""
    return Worker(storage, clock or SystemClock(), random.Random(0), lease or Lease("w1"), RetryPolicy(first=0.0))


async def run(at: Worker, execution_id: str, workflow: Workflow, *, resume: bool = False) -> Status:
    """Claim an execution and run it."""
    owner = executions.claim(at.storage, ORGANIZATION, ExecutionId(execution_id), at.lease, at.clock, resume=resume)
    return await run_execution(at, owner, workflow, codec=PlainCodec(), context="")


class Steps:
    """A workflow of steps one after the other; a step may do something special. Remembers what ran."""

    def __init__(self, *names: str, **special: Callable[[], Awaitable[None]]) -> None:
        self.names, self.special = names, special
        self.ran: list[str] = []
        self._gate: Gate | None = None

    @property
    def shut(self) -> bool:
        return self._gate is not None and self._gate.shut.is_set()

    async def __call__(self, context: Context) -> Outcome:
        self._gate = context.activities.gate
        done = [await context.activities.run(f"step/{name}", self.step, name) for name in self.names]
        return Outcome(Status.COMPLETED, {"done": done})

    async def step(self, name: str) -> str:
        self.ran.append(name)
        if name in self.special:
            await self.special[name]()
        return name.upper()


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition has come true; fail at the deadline."""
    end = monotonic() + DEADLINE
    while not condition():
        assert monotonic() < end, "what was waited for did not come"
        await anyio.sleep(0.005)


def other(at: Worker, name: str) -> Worker:
    """Return another worker, in a process that knows that no other is alive."""
    return replace(at, lease=Lease(name, sole=True))


def gapless(found: Iterable[Event]) -> Iterator[bool]:
    """Say of each event whether its number is the next one."""
    return (event.seq == place for place, event in enumerate(found, start=1))
