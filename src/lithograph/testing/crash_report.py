"""What is in the database after a crash test, and how it differs from what an undisturbed run leaves there."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable.executions import Execution
from lithograph.durable.lookup import listed
from lithograph.durable.writes import ActivityStatus
from lithograph.graph.export.result_json import canonical_bytes
from lithograph.storage.columns import json_text
from lithograph.storage.open import Storage
from lithograph.storage.schema import (
    entity,
    evidence,
    mention,
    relation,
    workflow_activity,
    workflow_event,
)
from lithograph.testing.metered import BEGIN, END, PASS, Entry
from lithograph.workflow.extraction import result_of_execution

if TYPE_CHECKING:
    from sqlalchemy import Connection

_MOST = 100
"""Executions in a crash test's database, at most."""


@dataclass(frozen=True, slots=True)
class Activity:
    """A row of the journal; `result` is a hash."""

    status: ActivityStatus
    input_hash: str
    result: str
    epoch: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a database holds about all its executions, the newest first. `completions` counts events by activity."""

    executions: Sequence[Execution]
    activities: Mapping[tuple[str, str], Activity]
    completions: Mapping[tuple[str, str], int]
    gapless: bool
    graph: str
    """A hash of the published graphs, row for row."""


@dataclass(frozen=True, slots=True)
class CrashReport:
    """What came of an extraction whose processes died; `deaths` counts them.

    `in_flight` has, for every death, the questions that were begun and whose activity was not durable yet.
    """

    contents: Contents
    canonical: bytes
    ledger: Sequence[Entry]
    in_flight: Sequence[frozenset[str]]
    deaths: int

    @property
    def execution(self) -> Execution:
        """The execution that was carried to its end."""
        return self.contents.executions[0]

    @property
    def begun(self) -> int:
        """How many questions were bought, those bought twice included."""
        return sum(entry.what == BEGIN for entry in self.ledger)

    @property
    def ended(self) -> int:
        """How many of them were answered."""
        return sum(entry.what == END for entry in self.ledger)

    @property
    def paid_twice(self) -> Mapping[str, int]:
        """The questions that were bought more than once, and how many times more."""
        bought = Counter(entry.key for entry in self.ledger if entry.what == BEGIN)
        return {key: times - 1 for key, times in bought.items() if times > 1}

    @property
    def paid_needlessly(self) -> Mapping[str, int]:
        """Those of `paid_twice` that were not in flight at as many deaths: there should be none."""
        excused = Counter(key for keys in self.in_flight for key in keys)
        return {key: times for key, times in self.paid_twice.items() if times > excused[key]}

    @property
    def passed(self) -> Mapping[str, int]:
        """How often each crash point was passed."""
        return Counter(entry.key for entry in self.ledger if entry.what == PASS)

    @property
    def recoveries(self) -> int:
        """How often a worker's death was made good."""
        return self.execution.recovery_count

    def seconds(self, since: str = "") -> float:
        """Return the time from the first passing of a crash point, or from the first line of the ledger, to its end."""
        first = next(entry.at for entry in self.ledger if since in ("", entry.key))
        return self.ledger[-1].at - first

    def differences(self, undisturbed: "CrashReport") -> list[str]:
        """Return what is not as an undisturbed run leaves it, a sentence for each thing; nothing when all is well."""
        return list(self._differences(undisturbed))

    def _differences(self, undisturbed: "CrashReport") -> Iterator[str]:
        mine, theirs = self.contents, undisturbed.contents
        if self.execution.status is not undisturbed.execution.status:
            yield f"the execution is {self.execution.status}, not {undisturbed.execution.status}"
        if self.canonical != undisturbed.canonical:
            yield "the result is another one"
        if mine.graph != theirs.graph:
            yield "the published graph is another one"
        if not mine.gapless:
            yield "the numbers of events have gaps"
        yield from (f"{name} is lost" for _, name in theirs.activities.keys() - mine.activities.keys())
        yield from (f"{name} should not be there" for _, name in mine.activities.keys() - theirs.activities.keys())
        for key in theirs.activities.keys() & mine.activities.keys():
            if mine.activities[key] != theirs.activities[key]:
                yield f"{key[1]} is {mine.activities[key]}, not {theirs.activities[key]}"
            if mine.completions.get(key) != theirs.completions.get(key):
                yield f"{key[1]} was completed {mine.completions.get(key, 0)} times"
        if self.paid_needlessly:
            yield f"these were bought again and had not been in flight: {dict(self.paid_needlessly)}"


def report(storage: Storage, ledger: Sequence[Entry], in_flight: Sequence[frozenset[str]], deaths: int) -> CrashReport:
    """Return the report on a database whose processes have ended."""
    contents = contents_of(storage)
    result = result_of_execution(storage, DEFAULT_ORGANIZATION, contents.executions[0].id)
    return CrashReport(contents, canonical_bytes(result), ledger, in_flight, deaths)


def contents_of(storage: Storage) -> Contents:
    """Return what a database holds."""
    with storage.read(DEFAULT_ORGANIZATION) as connection:
        executions = listed(connection, DEFAULT_ORGANIZATION, limit=_MOST)
        c = workflow_activity.c
        result = func.coalesce(json_text(c.result), "null")
        rows = connection.execute(select(c.execution_id, c.activity_name, c.status, c.input_hash, result, c.epoch))
        activities = {
            (execution, name): Activity(ActivityStatus(status), key, _hash(text), epoch)
            for execution, name, status, key, text, epoch in rows
        }
        e = workflow_event.c
        completed = connection.execute(select(e.execution_id, e.payload).where(e.type == "activity.completed"))
        completions = Counter((execution, payload["activity"]) for execution, payload in completed)
        gapless = all(_gapless(connection, execution) for execution in executions)
        return Contents(executions, activities, completions, gapless, _graph(connection))


def _hash(result: str) -> str:
    """Return a hash of a JSON value in which sets, which have no order, are arrays."""
    return sha256(repr(_ordered(msgspec.json.decode(result))).encode()).hexdigest()


def _ordered(value: object) -> object:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return sorted((_ordered(part) for part in value), key=repr) if isinstance(value, list) else value


def _gapless(connection: "Connection", execution: Execution) -> bool:
    c = workflow_event.c
    numbers = connection.execute(select(c.seq).where(c.execution_id == execution.id).order_by(c.seq)).scalars()
    return list(numbers) == list(range(1, execution.last_seq + 1))


def _graph(connection: "Connection") -> str:
    state = sha256()
    for table in (entity, mention, relation, evidence):
        for row in connection.execute(select(table).order_by(*table.primary_key)):
            state.update(repr(tuple(row)).encode())
    return state.hexdigest()
