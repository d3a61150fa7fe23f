"""A batch whose process is killed half-way ends as it would have, and nothing that was finished is paid for again."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select
from tests.batch_process import REFUSED, Assignment
from tests.batches import BROKEN, ENDED, check_counts, gold_folder, overview_of
from tests.journals import ORGANIZATION, events

from lithograph.durable.events import events_after
from lithograph.durable.executions import Execution
from lithograph.durable.lookup import listed
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityStatus
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity
from lithograph.testing.gold import read_index
from lithograph.testing.metered import BEGIN, Entry, read_ledger
from lithograph.workflow.batch.input import OnFailure

DOCUMENTS = 12
ROOT = Path(__file__).resolve().parents[3]
DEADLINE = 60.0


@dataclass(frozen=True)
class Run:
    """A batch whose processes are killed, and started again."""

    storage: Storage
    assignment: Assignment

    def start(self) -> "subprocess.Popen[bytes]":
        argument = msgspec.json.encode(self.assignment).decode()
        command = [sys.executable, "-m", "tests.batch_process", argument]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)

    def kill_when(self, ended: int) -> int:
        """Kill a process when so many documents have ended, and return its id."""
        with self.start() as process:
            end = time.monotonic() + DEADLINE
            while self.ended() < ended:
                assert process.poll() is None, "it ended too early for this test"
                assert time.monotonic() < end, "it does not get on"
                time.sleep(0.01)
            process.kill()
        return process.pid

    def finish(self) -> None:
        with self.start() as process:
            assert process.wait(DEADLINE) == 0

    def batches(self) -> list[Execution]:
        with self.storage.read(ORGANIZATION) as connection:
            return listed(connection, ORGANIZATION, limit=10, children=False)

    def ended(self) -> int:
        """How many documents have ended, as the last events say it."""
        with self.storage.read(ORGANIZATION) as connection:
            counts = [
                event.payload["counts"]
                for batch in listed(connection, ORGANIZATION, limit=1, children=False)
                for event in events_after(connection, ORGANIZATION, batch.id, max(0, batch.last_seq - 5))
                if "counts" in event.payload
            ]
        return sum(counts[-1][state] for state in ENDED) if counts else 0

    def ledger(self) -> list[Entry]:
        return read_ledger(Path(self.assignment.ledger))

    def answered(self) -> set[str]:
        """The questions whose answers are in the journals of documents."""
        c = workflow_activity.c
        with self.storage.read(ORGANIZATION) as connection:
            done = select(c.activity_name).where(c.status == ActivityStatus.COMPLETED)
            return {str(name) for name in connection.execute(done).scalars()}


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gold") / "docs"
    gold_folder(shared_data, folder, DOCUMENTS)
    return folder


@pytest.fixture
def new_run(storage: Storage, database_url: str, shared_data: Path, folder: Path, tmp_path: Path) -> Callable[..., Run]:
    """Make a run of gold documents, broken files among them, one of which the extractor cannot answer at first."""
    ontology = read_index(shared_data / "gold" / "ontologies" / "index.json")["redocred"]

    def make(on_failure: OnFailure, ill: str, refusals: int) -> Run:
        ledger = str(tmp_path / "ledger")
        assignment = Assignment(
            database_url, str(folder), str(ontology), ledger, on_failure, str(folder / ill), refusals
        )
        return Run(storage, assignment)

    return make


def check_costs(run: Run, killed: int, answered: set[str]) -> None:
    """Check that nothing was bought again that was answered before the kill, but what was in flight then."""
    bought = [entry for entry in run.ledger() if entry.what == BEGIN]
    first = {entry.key for entry in bought if entry.pid == killed}
    again = Counter(entry.key for entry in bought if entry.pid != killed)
    assert set(again).isdisjoint(answered)
    assert set(again.values()) <= {1}
    in_flight = first - answered
    assert set(again) & first == in_flight - {entry.key for entry in run.ledger() if entry.what == REFUSED}
    assert len(in_flight) <= run.assignment.at_once * run.assignment.concurrency
    assert set(again) | answered >= run.answered() - {name for name in run.answered() if _of_batch(name)}


def _of_batch(name: str) -> bool:
    return name.partition("/")[0] in ("extract", "retry", "resolve")


elsewhere_heavy = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.heavy)], indirect=True
)
"""One policy is tried on both databases in every run of the tests."""


@elsewhere_heavy
def test_a_killed_batch_goes_on_with_what_is_unfinished(new_run: Callable[..., Run]) -> None:
    run = new_run(OnFailure.CONTINUE, ill="02.txt", refusals=2)
    check_continued(run, failed=[*BROKEN, "02.txt"])
    assert sum(entry.what == REFUSED for entry in run.ledger()) == 1


def test_a_killed_batch_runs_again_what_failed_before_and_after(new_run: Callable[..., Run]) -> None:
    run = new_run(OnFailure.RETRY_FAILED, ill="02.txt", refusals=2)
    check_continued(run, failed=[*BROKEN])
    assert sum(entry.what == REFUSED for entry in run.ledger()) == 2


def check_continued(run: Run, failed: Sequence[str]) -> None:
    """Kill a batch half-way, let another process finish it, and check what came of it."""
    killed = run.kill_when(ended=8)
    answered = run.answered()
    run.finish()
    (batch,) = run.batches()
    assert (batch.status, batch.recovery_count) == (Status.COMPLETED_WITH_ERRORS, 1)
    found = overview_of(run.storage, batch)
    total = DOCUMENTS + len(BROKEN)
    assert found.total == total
    assert (found.counts["completed"], found.counts["failed"]) == (total - len(failed), len(failed))
    assert {Path(one.source).name for one in found.unwell} == set(failed)
    check_counts(events(run.storage, batch.id))
    check_costs(run, killed, answered)


@elsewhere_heavy
def test_a_killed_batch_that_stops_at_the_first_failure_stops_there(new_run: Callable[..., Run]) -> None:
    run = new_run(OnFailure.ABORT, ill="02.txt", refusals=0)
    killed = run.kill_when(ended=3)
    answered = run.answered()
    run.finish()

    (batch,) = run.batches()
    assert batch.status is Status.FAILED
    assert "06-empty.txt" in (batch.error or "")
    found = overview_of(run.storage, batch)
    assert 1 <= found.counts["failed"] <= run.assignment.at_once
    assert found.counts["running"] == 0
    begun = found.counts["completed"] + found.counts["failed"]
    assert begun <= 6 + run.assignment.at_once, "a document was begun after the failure"
    check_counts(events(run.storage, batch.id))
    check_costs(run, killed, answered)
