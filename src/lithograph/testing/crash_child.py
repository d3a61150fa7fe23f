"""The process that a crash test kills: starts or continues one extraction, buys its answers, and dies where it is told.

    python -m lithograph.testing.crash_child '{"database": "sqlite:///a.db", "document": "a.txt", ...}'

The argument is an `Assignment`. It prints nothing; an error is one sentence on the error output and an `Exit`.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path

import anyio
import msgspec

from lithograph.domain.document import Document
from lithograph.durable import executions, lookup
from lithograph.durable.clock import SystemClock
from lithograph.durable.crashpoints import set_hook
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Execution, Lease
from lithograph.durable.queue import sweep
from lithograph.durable.retention import DAY, Retention, prune
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.errors import AnswerError, FencedError, IncompleteError, LithographError, StateError, StorageError
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.load import load_ontology
from lithograph.ontology.model import Ontology
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.metered import PASS, Ledger, Metered
from lithograph.workflow.extraction import run_extraction, start_extraction
from lithograph.workflow.extraction_input import ExtractionInput
from lithograph.workflow.extractors import ModelChoice, rules_only

_POLL = 0.02
"""Seconds between two looks at whether somebody else's lease has run out."""


class Exit(IntEnum):
    """How the process ends when it is not killed."""

    DONE = 0
    FENCED = 3
    STORAGE = 4
    FAILED = 5


class Control(StrEnum):
    """What is done to the execution from outside on the way."""

    NOTHING = ""
    CANCEL = "cancel"
    """It is cancelled before anybody has claimed it, and started anew."""
    RETRY = "retry"
    """An answer cannot be had in its first run, so that it fails; then it is retried."""
    SWEEP = "sweep"
    """Before it is started, a sweep gives what its dead worker has left a job; on a server."""
    PRUNE = "prune"
    """Before it is started, what another text has left is pruned."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Everything about one process. `lease` and `latency` are seconds; `sole` is `Lease.sole`.

    It kills itself when `point` is passed for the `passing`-th time, and whenever it is about to buy `deadly`.
    """

    database: str
    document: str
    ontology: str
    ledger: str
    latency: float = 0.003
    concurrency: int = 4
    lease: float = 45.0
    sole: bool = True
    control: Control = Control.NOTHING
    point: str = ""
    passing: int = 1
    deadly: str = ""


def main(argument: str) -> Exit:
    """Do what the assignment says and return how it went."""
    assignment = msgspec.json.decode(argument, type=Assignment)
    ledger = Ledger(Path(assignment.ledger))
    set_hook(_Hook(assignment, ledger))
    try:
        with open_storage(assignment.database) as storage:
            _Child(assignment, storage, ledger).work()
    except LithographError as error:
        sys.stderr.write(f"{error}\n")
        return {FencedError: Exit.FENCED, StorageError: Exit.STORAGE}.get(type(error), Exit.FAILED)
    return Exit.DONE


class _Tomorrow(SystemClock):
    """The machine's clock, some days ahead."""

    def now(self) -> float:
        return super().now() + 3 * DAY


class _Hook:
    """Writes down which crash points are passed, and dies at one."""

    def __init__(self, assignment: Assignment, ledger: Ledger) -> None:
        self._assignment, self._ledger = assignment, ledger
        self._passed: Counter[str] = Counter()

    def __call__(self, point: str) -> None:
        self._ledger.write(PASS, point)
        self._passed[point] += 1
        if point == self._assignment.point and self._passed[point] == self._assignment.passing:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Child:
    def __init__(self, assignment: Assignment, storage: Storage, ledger: Ledger) -> None:
        self._assignment, self._storage, self._ledger = assignment, storage, ledger
        self._clock = clock_of(storage)
        path = Path(assignment.document)
        self._document = Document.from_text(path.read_text(encoding="utf-8"), source=path.name)
        self._ontology = load_ontology(Path(assignment.ontology))
        self._sick = False

    def work(self) -> None:
        """Go on until the extraction has been carried to its end, by this process or by another."""
        if self._assignment.control is Control.PRUNE:
            self._prune()
        if self._assignment.control is Control.SWEEP:
            while not sweep(self._storage, self._clock):
                time.sleep(_POLL)
        while wanted := self._wanted(execution := self._start()):
            if wanted is not Status.RUNNING:
                executions.change(self._storage, execution.organization_id, execution.id, wanted, self._clock)
                continue
            try:
                anyio.run(self._run, execution)
            except StateError:
                time.sleep(_POLL)  # somebody else has it: until the lease runs out, or the work is done
        if execution.status is Status.FAILED:
            raise IncompleteError(f"execution {execution.id} has failed: {execution.error}")

    def _wanted(self, execution: Execution) -> Status | None:
        """Return what is to become of the execution next; None when it has ended."""
        control = self._assignment.control
        if control is Control.CANCEL and not self._cancelled(execution):
            return Status.CANCELLED
        if control is Control.RETRY and execution.status.retriable:
            return Status.PENDING
        return None if execution.status.terminal else Status.RUNNING

    def _start(self, document: Document | None = None) -> Execution:
        wanted = document or self._document
        settings = ExtractionSettings(concurrency=self._assignment.concurrency)
        given = ExtractionInput(wanted.id, wanted.source, self._ontology.content_hash, "rules", settings)
        extractor = self._named(ModelChoice(), self._ontology)
        return start_extraction(self._storage, wanted, self._ontology, extractor, given, self._clock)

    def _prune(self) -> None:
        """Start something else, cancel it, and prune it as if that were long ago; in vain once the work has begun."""
        organization_id = self._document.organization_id
        other = self._start(Document.from_text(f"{self._document.text}.", source="another.txt"))
        if other.status is not Status.CANCELLED:
            executions.change(self._storage, organization_id, other.id, Status.CANCELLED, self._clock)
        prune(self._storage, organization_id, Retention(DAY), _Tomorrow())

    def _cancelled(self, execution: Execution) -> bool:
        """Whether an execution before this one was cancelled."""
        with self._storage.read(execution.organization_id) as connection:
            return bool(lookup.listed(connection, execution.organization_id, limit=1, status=Status.CANCELLED))

    async def _run(self, execution: Execution) -> None:
        lease = Lease(f"crash-{os.getpid()}", self._assignment.lease, sole=self._assignment.sole)
        # Chance decides about waits only; a seed makes two runs of one test more alike.
        worker = Worker(self._storage, self._clock, random.Random(0), lease)  # noqa: S311
        self._sick = self._assignment.control is Control.RETRY and execution.epoch == 0
        await run_extraction(worker, execution, named=self._named)

    def _named(self, choice: ModelChoice, ontology: Ontology) -> Extractor:
        return Metered(rules_only(choice, ontology), self._ledger, self._assignment.latency, self._before)

    def _before(self, key: str) -> None:
        if key == self._assignment.deadly:
            _die()
        if self._sick and key.startswith("relations/"):
            raise AnswerError("the answer cannot be had this time")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
