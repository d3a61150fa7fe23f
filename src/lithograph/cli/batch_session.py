"""Running a batch in this process: its progress as its events tell it, what it says at its end, and its result."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lithograph.cli.batch_standing import batch_as_object, batch_as_text, counted_states, failed_lines
from lithograph.cli.errors import ExitCode, one_line
from lithograph.cli.garbage import collect_seldom
from lithograph.cli.options import place_of
from lithograph.cli.output import destination, tell, write_stdout
from lithograph.cli.summary import counted
from lithograph.cli.work import Session, working
from lithograph.errors import innermost

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lithograph.cli.batch_progress import BatchWatch
    from lithograph.cli.work import Job
    from lithograph.durable.executions import Execution
    from lithograph.durable.run import Worker
    from lithograph.ontology.model import Ontology
    from lithograph.resilience.budget import Limits
    from lithograph.storage.open import Storage
    from lithograph.workflow.batch.overview import BatchOverview
    from lithograph.workflow.models import Models
    from lithograph.workflow.runner import Run, Watching

    Prepare = Callable[[Worker, BatchWatch], Awaitable[Execution]]

_LOOK_EVERY = 0.2
"""Seconds between two looks at a batch's events."""


@dataclass(slots=True)
class BatchSession(Session):
    """One command that works on a batch: it writes the batch's id, or when a result is `wanted`, that."""

    def run_batch(self, storage: "Storage", prepare: "Prepare", ontology: "Ontology", models: "Models") -> int:
        """Run the batch that `prepare` gives, and return the exit code. Raises as `carry_out` does."""
        import anyio
        import anyio.to_thread

        from lithograph.cli.batch_progress import watching_batch
        from lithograph.workflow.runner import Run, run_one

        async def job(worker: "Worker", watching: "Watching") -> Run:
            with watching_batch(plain=self.plain) as watch:
                batch = await prepare(worker, watch)
                watching.began(batch)
                documents = counted(int(batch.input["documents"] or 0), "document")
                watch.began(f"batch {batch.id}{', continued' if batch.started_at else ''}: {documents}")
                follower = _Follower(storage, batch, watch, batch.last_seq)
                try:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(follower.follow)
                        part = await run_one(worker, batch.id, self.place.organization_id, named=models)
                        tasks.cancel_scope.cancel()
                except ExceptionGroup as group:
                    raise innermost(group) from group
                await anyio.to_thread.run_sync(follower.read)
            return Run((part,))

        return self.carry_out(storage, job, ontology, models)

    def _run(self, storage: "Storage", job: "Job", models: "Models") -> "Run":
        import anyio

        from lithograph.workflow.runner import Watching

        with working(storage, self.lease_seconds) as worker:

            def begins(execution: "Execution") -> None:
                self._current = execution

            async def work() -> "Run":
                try:
                    return await job(worker, Watching(began=begins))
                finally:
                    await models.aclose()

            collect_seldom()
            return anyio.run(work)

    def _conclude(self, storage: "Storage", run: "Run", ontology: "Ontology | None") -> int:
        (batch,) = run.executions
        found = self.place.workspace(storage).batch(batch.id)
        for line in _summary(found, time.monotonic() - self.began):
            tell(one_line(line))
        if self.wanted:
            return self.write(run.result(storage), ontology)
        tell(f"{self.place.command('result', batch.id)} gives the result of all documents")
        write_stdout(f"{batch.id}\n".encode())
        return ExitCode.INCOMPLETE if found.unwell else ExitCode.COMPLETED


@dataclass(slots=True)
class _Follower:
    """Tells the events of a batch to whoever watches it; `after` is the number of the last one told."""

    storage: "Storage"
    batch: "Execution"
    watch: "BatchWatch"
    after: int = field(default=0)

    async def follow(self) -> None:
        """Tell what there is and what comes, until this is cancelled."""
        import anyio
        import anyio.to_thread

        while True:
            await anyio.sleep(_LOOK_EVERY)
            await anyio.to_thread.run_sync(self.read)

    def read(self) -> None:
        """Tell what there is."""
        from lithograph.durable.events import events_after

        while True:
            with self.storage.read(self.batch.organization_id) as connection:
                page = events_after(connection, self.batch.organization_id, self.batch.id, self.after)
            if not page:
                return
            for event in page:
                self.after = event.seq
                self.watch.heard(event)


def session_of(
    db: str,
    organization: str,
    out: Path | None,
    formats: Sequence[str] | None,
    inputs: Sequence[Path],
    lease_seconds: float,
    *,
    plain: bool,
    repeatable: bool = False,
) -> BatchSession:
    """Return the session of a command with these options, which overwrites no input; raises `UsageError` when they
    cannot be used.
    """
    return BatchSession(
        place_of(db, organization),
        destination(out, formats or (), inputs),
        lease_seconds,
        plain,
        repeatable,
        wanted=out is not None or bool(formats),
    )


def carry_on(
    session: Session, storage: "Storage", batch: "Execution", limits: "Limits", ontology: "Ontology", models: "Models"
) -> int:
    """Go on with a batch, with this budget for each document, and return the exit code."""
    import anyio.to_thread

    from lithograph.workflow.inputs import allow

    async def prepare(worker: "Worker", watch: "BatchWatch") -> "Execution":  # noqa: ARG001  # nothing takes its time
        return await anyio.to_thread.run_sync(partial(allow, storage, batch, limits))

    going_on = BatchSession(session.place, session.target, session.lease_seconds, session.plain, wanted=session.wanted)
    return going_on.run_batch(storage, prepare, ontology, models)


def show_batch(found: "BatchOverview", *, as_json: bool) -> None:
    """Print how a batch stands."""
    if as_json:
        said = json.dumps(batch_as_object(found), ensure_ascii=False, indent=2)
    else:
        said = "\n".join(batch_as_text(found))
    write_stdout(f"{said}\n".encode("utf-8", "backslashreplace"))


def _summary(found: "BatchOverview", seconds: float) -> list[str]:
    lines = [f"{counted(found.listed, 'document')}: {counted_states(found.counts)} in {seconds:.1f} s"]
    clusters = (found.execution.output or {}).get("clusters")
    if clusters is not None:
        lines.append(f"resolved: {counted(int(clusters), 'entity')} named by several documents")
    if found.usage.calls:
        lines.append(f"used: {found.usage.calls:,} calls, {found.usage.cost_usd:.4f} USD")
    return [*lines, *(f"failed: {line}" for line in failed_lines(found))]
