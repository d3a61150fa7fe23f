"""Crash tests: an extraction whose process is killed, or frozen, and started again until it has ended.

    run = CrashRun(folder, document, ontology)
    report = run.killed_at("journal.inside", passing=3)
    assert report.differences(undisturbed) == []

Each run has a folder of its own for its ledger and its database, or the URL of an empty database on a server. The
processes are real, and so are their deaths.
"""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import select

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable.writes import ActivityStatus
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import workflow_execution
from lithograph.testing.crash_child import Assignment, Control, Exit
from lithograph.testing.crash_nursery import Forked, Nursery
from lithograph.testing.crash_report import Contents, CrashReport, contents_of, report
from lithograph.testing.metered import BEGIN, Entry, read_ledger

Process: TypeAlias = Popen[str] | Forked

_DEADLINE = 120.0
"""Seconds after which a process that has not ended, or has not come to where it should, is a failure."""

_POLL = 0.001

_LEASE = 0.6
"""Seconds of a lease on a server: after a death nobody goes on before it has run out."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: `status` is negative for a signal; `said` is its error output."""

    status: int
    said: str

    @property
    def killed(self) -> bool:
        """Whether it was killed."""
        return self.status == -signal.SIGKILL


class CrashError(AssertionError):
    """A process of a crash test did not do what it was started for."""


def random_instants(within: float, count: int, seed: int) -> list[float]:
    """Return that many moments, in seconds, drawn evenly from 0 to `within`."""
    chance = random.Random(seed)  # noqa: S311  # a test that can be repeated
    return [chance.uniform(0.0, within) for _ in range(count)]


class CrashRun:
    """One extraction in `folder`, which must be empty; `settings` are those of `Assignment`.

    The database is a file there unless `settings` name an empty one on a server. On a server several processes may be
    at work, so that leases count. Processes begin sooner in a `nursery`; those that are frozen must not be from one.
    """

    def __init__(
        self, folder: Path, document: Path, ontology: Path, *, nursery: Nursery | None = None, **settings: Any
    ) -> None:
        self._nursery = nursery
        self.ledger = folder / "ledger"
        self._file: Path | None = folder / "graph.db"
        assignment = Assignment(f"sqlite:///{self._file}", str(document), str(ontology), str(self.ledger))
        if "database" in settings:
            self._file = None
            assignment = replace(assignment, sole=False, lease=_LEASE)
        self._assignment = replace(assignment, **settings)
        open_storage(self._assignment.database).close()
        self.in_flight: list[frozenset[str]] = []
        self.deaths = 0

    def undisturbed(self) -> CrashReport:
        """Run it to its end."""
        return self._to_the_end()

    def killed_at(self, point: str, *, passing: int = 1) -> CrashReport:
        """Kill the first process at the `passing`-th passing of a crash point."""
        ending = self.end(self.start(point=point, passing=passing))
        if not ending.killed:
            raise CrashError(f"{point} was not passed {passing} times: {ending}")
        return self._to_the_end()

    def killed_after(self, instants: Sequence[float], *, since: str = "") -> CrashReport:
        """Kill one process after the other, each so many seconds after it begins to work, or after it has passed the
        crash point `since`, unless it ends before.
        """
        for instant in instants:
            process = self.start()
            self.wait(process, instant, since)
            process.kill()
            if not self.end(process).killed:
                break
        return self._to_the_end()

    def killed_sweeping(self, point: str) -> CrashReport:
        """Kill the first process when it has begun, and the second at a crash point of the sweep that finds what the
        first has left; on a server.
        """
        for changes in ({"point": "claim.after"}, {"point": point, "control": Control.SWEEP}):
            ending = self.end(self.start(**changes))
            if not ending.killed:
                raise CrashError(f"{changes['point']} was not passed: {ending}")
        return self._to_the_end()

    def killed_by(self, question: str) -> tuple[CrashReport, Ending]:
        """Let every process die when it is about to buy one question, until one ends in another way."""
        while (ending := self.end(self.start(deadly=question))).killed:
            pass
        return self.report(), ending

    def start(self, **changes: Any) -> Process:
        """Start a process; `changes` are those to the assignment."""
        argument = msgspec.json.encode(replace(self._assignment, **changes)).decode()
        if self._nursery is not None:
            return self._nursery.start(argument)
        command = [sys.executable, "-m", "lithograph.testing.crash_child", argument]
        return Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)  # noqa: S603

    def end(self, process: Process) -> Ending:
        """Return how a process ended, having taken note of what was in flight when it was killed."""
        try:
            _, said = process.communicate(timeout=_DEADLINE)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise CrashError("a process of the extraction hangs") from error
        ending = Ending(process.returncode or 0, said.strip())
        if ending.killed:
            self.deaths += 1
            self.in_flight.append(self.unfinished(process.pid))
        return ending

    def report(self) -> CrashReport:
        """Return the report on what is there now; no process may be at work."""
        with open_storage(self._assignment.database) as storage:
            return report(storage, read_ledger(self.ledger), tuple(self.in_flight), self.deaths)

    def look(self) -> Contents:
        """Return what is durable now."""
        with self.opened() as storage:
            return contents_of(storage)

    def _to_the_end(self) -> CrashReport:
        ending = self.end(self.start())
        if ending.status != Exit.DONE:
            raise CrashError(f"the extraction did not come to its end: {ending}")
        return self.report()

    @contextmanager
    def opened(self) -> Iterator[Storage]:
        """Give the database as it is now. Of a file it is a copy, so that what a dead process left stays untouched."""
        if self._file is None:
            with open_storage(self._assignment.database) as storage:
                yield storage
            return
        with tempfile.TemporaryDirectory() as folder:
            for path in (self._file, self._file.with_name(f"{self._file.name}-wal")):
                if path.exists():
                    shutil.copy(path, folder)
            with open_storage(f"sqlite:///{folder}/{self._file.name}") as storage:
                yield storage

    def free(self) -> bool:
        """Whether no process holds a lock that keeps another from writing."""
        if self._file is None:
            return _rows_are_free(self._assignment.database)
        with closing(sqlite3.connect(self._file, timeout=0, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True

    def unfinished(self, pid: int, durable: Contents | None = None) -> frozenset[str]:
        """Return the questions that a process began whose activities are not completed."""
        rows = (durable or self.look()).activities
        completed = {name for (_, name), row in rows.items() if row.status is ActivityStatus.COMPLETED}
        begun = {entry.key for entry in read_ledger(self.ledger) if entry.pid == pid and entry.what == BEGIN}
        return frozenset(begun - completed)

    def entry(self, pid: int, key: str = "") -> Entry | None:
        """Return the first line that a process wrote about `key`, or about anything."""
        found = (entry for entry in read_ledger(self.ledger) if entry.pid == pid and key in ("", entry.key))
        return next(found, None)

    def wait(self, process: Process, seconds: float, since: str = "") -> None:
        """Return that long after a process passed a crash point, or wrote its first line; or when it has ended."""
        self.until(lambda: self.entry(process.pid, since) is not None, process)
        began = self.entry(process.pid, since)
        if began is not None:
            self.until(lambda: time.monotonic() >= began.at + seconds, process)

    def until(self, condition: Callable[[], bool], process: Process) -> None:
        """Return when the condition holds, or a process has ended."""
        deadline = time.monotonic() + _DEADLINE
        while not condition() and process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
                raise CrashError("a process of the extraction did not come to where it should be stopped")
            time.sleep(_POLL)


def _rows_are_free(url: str) -> bool:
    every = select(workflow_execution.c.id)
    with open_storage(url) as storage, storage.write(DEFAULT_ORGANIZATION) as connection:
        free = connection.execute(every.with_for_update(key_share=True, skip_locked=True)).all()
        return len(free) == len(connection.execute(every).all())
