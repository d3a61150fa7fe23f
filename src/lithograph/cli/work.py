"""Working on executions in this process: the lock, the progress, the result, and how it may end."""

import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lithograph.cli import StoppedError
from lithograph.cli.environment import Settings
from lithograph.cli.errors import ExitCode, one_line
from lithograph.cli.garbage import collect_seldom
from lithograph.cli.options import Place
from lithograph.cli.output import Destination, tell
from lithograph.errors import IncompleteError

if TYPE_CHECKING:
    from lithograph.cli.progress import Watch
    from lithograph.domain.result import ExtractionResult
    from lithograph.durable.executions import Execution
    from lithograph.durable.run import Worker
    from lithograph.ontology.model import Ontology
    from lithograph.storage.open import Storage
    from lithograph.workflow.models import Models
    from lithograph.workflow.runner import Run, Watching

    Job = Callable[[Worker, Watching], Coroutine[None, None, Run]]


@dataclass(slots=True)
class Session:
    """One command that works: on which database, for whom, and where its result goes."""

    place: Place
    target: Destination
    lease_seconds: float
    plain: bool = False
    repeatable: bool = False
    """Whether the same command again would continue."""
    wanted: bool = True
    """Whether a result was asked for: without that, a batch gives none."""
    began: float = field(default_factory=time.monotonic)
    _current: "Execution | None" = None

    def carry_out(self, storage: "Storage", job: "Job", ontology: "Ontology | None", models: "Models") -> int:
        """Do a job with `models`, which are closed then, write its result, and return the exit code.

        Raises `StoppedError` when it was interrupted or paused, `IncompleteError` when it failed or was cancelled.
        """
        models.share(storage)
        try:
            run = self._run(storage, job, models)
            self._check(run)
            if not run.worked:
                tell("nothing was left to do: every execution had ended before")
            return self._conclude(storage, run, ontology)
        except KeyboardInterrupt as error:
            raise StoppedError(f"interrupted; what was finished is kept: {self._continuation()}") from error

    def _run(self, storage: "Storage", job: "Job", models: "Models") -> "Run":
        import anyio

        from lithograph.cli.progress import watching
        from lithograph.workflow.runner import Watching

        with working(storage, self.lease_seconds) as worker, watching(plain=self.plain) as watch:

            def begins(execution: "Execution") -> None:
                self._current = execution
                _introduce(watch, execution)

            async def work() -> "Run":
                try:
                    return await job(worker, Watching(watch.read, begins, watch.progress, _tell_away))
                finally:
                    await models.aclose()

            collect_seldom()
            return anyio.run(work)

    def _conclude(self, storage: "Storage", run: "Run", ontology: "Ontology | None") -> int:
        return self.write(run.result(storage), ontology)

    def _check(self, run: "Run") -> None:
        """Raise what there is to say of an execution that did not complete."""
        stopped = run.stopped
        if stopped is None:
            return
        from lithograph.durable.signals import BUDGET
        from lithograph.durable.status import Status

        self._current = stopped
        reason = stopped.error or "no reason is known"
        if stopped.status is Status.FAILED:
            retry = self.place.command("retry", stopped.id)
            again = f"the same command, or {retry}," if self.repeatable else retry
            raise IncompleteError(f"{reason}; what was finished is kept, and {again} runs what is missing")
        if stopped.status is Status.CANCELLED:
            raise IncompleteError(f"execution {stopped.id} is cancelled ({reason})")
        going_on = self._continuation()
        if stopped.waiting_for == BUDGET:
            more = ("--max-cost", "USD") if "US dollars, does not allow" in reason else ("--max-tokens", "N")
            if "the budget of organisation " in reason:
                whole, own = self.place.command("budget", *more), self.place.command("resume", stopped.id)
                going_on = f"{whole} gives it another one, in the place of both limits, and {own} goes on"
            else:
                own = self.place.command("resume", stopped.id, *more)
                going_on = f"{own} goes on with another budget, in the place of both limits that it had"
            going_on = f"nothing is lost; {going_on}"
        said = f"execution {stopped.id} is {stopped.status} ({reason}): {going_on}"
        raise StoppedError(one_line(said))

    def write(self, result: "ExtractionResult", ontology: "Ontology | None") -> int:
        """Write a result, say what is in it, and return the exit code."""
        from lithograph.cli.summary import summary
        from lithograph.graph.export.formats import export_files

        written = self.target.write(lambda chosen: export_files(result, chosen, ontology))
        for line in summary(result, time.monotonic() - self.began, written):
            tell(line)
        return ExitCode.COMPLETED if result.completed else ExitCode.INCOMPLETE

    def _continuation(self) -> str:
        resume = self.place.command("resume", self._current.id) if self._current else ""
        if resume and self.repeatable:
            return f"run the same command again, or {resume}, to continue"
        return f"run {resume or 'the same command again'} to continue"


def _tell_away(execution: "Execution") -> None:
    tell(f"execution {execution.id} is suspended ({execution.error}); it goes on when the provider is back")


def _introduce(watch: "Watch", execution: "Execution") -> None:
    from lithograph.domain.ids import DocumentId
    from lithograph.workflow.overview import source_of

    document = DocumentId(str(execution.input.get("document", "")))
    watch.began(document, source_of(execution), f"{execution.id}{', continued' if execution.started_at else ''}")


@contextmanager
def working(storage: "Storage", lease_seconds: float) -> "Iterator[Worker]":
    """Give what this process needs to run executions: on a file while no other may, on a server beside others.

    Raises `UsageError` when another process works on the file.
    """
    import os
    import socket

    from lithograph.durable.clock import system_random
    from lithograph.durable.database_clock import clock_of
    from lithograph.durable.executions import Lease
    from lithograph.durable.run import Worker

    clock, name = clock_of(storage), f"{socket.gethostname()}:{os.getpid()}"
    if storage.path is None:
        yield Settings.read().worker(Worker(storage, clock, system_random(), Lease(name, lease_seconds)))
        return
    from lithograph.service.alone import lock_of

    lock = lock_of(storage.path, lease_seconds)
    with lock:
        lease = Lease(name, lease_seconds, sole=True)
        yield Settings.read().worker(Worker(storage, clock, system_random(), lease, beat=lock.beat))
