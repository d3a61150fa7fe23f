"""The runner: files through the journal, one execution each, one after the other; every one is carried to its end.

pending, running (its worker died)   run
suspended                            goes on
failed, completed_with_errors        only what is missing runs again
completed                            nothing to run
cancelled                            stays cancelled
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from lithograph.domain.document import Document
from lithograph.domain.ids import DocumentId, ExecutionId, OrganizationId
from lithograph.domain.result import ExtractionResult, combine
from lithograph.durable import executions, signals
from lithograph.durable.executions import Execution
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.errors import UsageError, innermost
from lithograph.extraction.progress import Progress, ignore
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.ontology.model import Ontology
from lithograph.storage.open import Storage
from lithograph.workflow.extraction import (
    ExtractionInput,
    result_of_execution,
    run_extraction,
    start_extraction,
)
from lithograph.workflow.extractors import ExtractorNamed, extractor_named
from lithograph.workflow.reading import read_files, unheard, unread_results

_GOES_ON = (Status.COMPLETED, Status.COMPLETED_WITH_ERRORS)


def unbegun(execution: Execution) -> None:
    """Watch no beginning."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is told what: of every document as it is read, of an execution when its turn comes and there is something to
    run, and of every stage that a chunk has finished.
    """

    read: Callable[[Document], None] = unheard
    began: Callable[[Execution], None] = unbegun
    progress: Callable[[Progress], None] = ignore


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one document: `execution` as it is now, and what the document is called this time."""

    execution: Execution
    source: str
    worked: bool
    """Whether there was something left to run."""


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a run, in the order given; a file that could not be read is a result that says so."""

    parts: tuple[Part | ExtractionResult, ...]

    @property
    def stopped(self) -> Execution | None:
        """The execution that did not complete, after which no other was run."""
        for part in self.parts:
            if isinstance(part, Part) and part.execution.status not in _GOES_ON:
                return part.execution
        return None

    @property
    def worked(self) -> bool:
        """Whether there was something left to run."""
        return any(part.worked for part in self.parts if isinstance(part, Part))

    def result(self, storage: Storage) -> ExtractionResult:
        """Return everything that the journal has, as one result. Not to be called on an event loop."""
        return combine(part if isinstance(part, ExtractionResult) else _result(storage, part) for part in self.parts)


def _result(storage: Storage, part: Part) -> ExtractionResult:
    result = result_of_execution(storage, part.execution.organization_id, part.execution.id)
    (document,) = result.documents
    return replace(result, documents=(replace(document, source=part.source),))


async def run_files(
    worker: Worker,
    paths: Sequence[Path],
    ontology: Ontology,
    model: str,
    settings: ExtractionSettings,
    organization_id: OrganizationId,
    *,
    named: ExtractorNamed = extractor_named,
    watching: Watching = Watching(),
) -> Run:
    """Read the files, start an execution for each, and run those that have something left to run.

    The first that does not complete ends the run. What cannot be read raises `DocumentError` before any work; under
    `OnMissing.SKIP` it is a part of the run instead. Raises `UsageError` when there is no path.
    """
    if not paths:
        raise UsageError("no document is given; name at least one file")
    skip = settings.on_missing is OnMissing.SKIP
    extractor = named(model, ontology)
    parts: dict[DocumentId, Part | ExtractionResult] = {}
    async with _alive(worker):
        outcomes = await read_files(list(dict.fromkeys(paths)), organization_id, watching.read, skip=skip)
        unread = await unread_results(outcomes, organization_id)
        for path, outcome in outcomes.items():
            if not isinstance(outcome, Document):
                parts.setdefault(unread[path].missing[0].document, unread[path])
            elif outcome.id not in parts:
                given = ExtractionInput(outcome.id, outcome.source, ontology.content_hash, model, settings)
                start = partial(start_extraction, worker.storage, outcome, ontology, extractor, given, worker.clock)
                parts[outcome.id] = Part(await anyio.to_thread.run_sync(start), outcome.source, worked=False)
    for key, part in parts.items():
        if isinstance(part, Part):
            done = await run_one(worker, part.execution.id, organization_id, named=named, watching=watching)
            parts[key] = replace(done, source=part.source)
            if done.execution.status not in _GOES_ON:
                break
    return Run(tuple(parts.values()))


async def run_one(
    worker: Worker,
    execution_id: ExecutionId,
    organization_id: OrganizationId,
    *,
    named: ExtractorNamed = extractor_named,
    watching: Watching = Watching(),
) -> Part:
    """Run what is left to run of an execution, whatever its status; nothing is when it is completed or cancelled.

    A pause that was asked for earlier, and that nobody was there to heed, counts no more.
    """
    look = partial(_look, worker.storage, organization_id, execution_id)
    execution = await anyio.to_thread.run_sync(look)
    source = str(execution.input.get("source", ""))
    if execution.status in (Status.COMPLETED, Status.CANCELLED):
        return Part(execution, source, worked=False)
    stale = (signals.PAUSE, signals.CANCEL) if execution.status.retriable else (signals.PAUSE,)
    await anyio.to_thread.run_sync(partial(signals.withdraw, worker.storage, execution, stale, worker.clock))
    if execution.status.retriable:
        again = partial(executions.change, worker.storage, organization_id, execution_id, Status.PENDING, worker.clock)
        execution = await anyio.to_thread.run_sync(again)
    watching.began(execution)
    resume = execution.status is Status.SUSPENDED
    await run_extraction(worker, execution, named=named, resume=resume, progress=watching.progress)
    return Part(await anyio.to_thread.run_sync(look), source, worked=True)


def _look(storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId) -> Execution:
    with storage.read() as connection:
        return executions.get(connection, organization_id, execution_id)


@asynccontextmanager
async def _alive(worker: Worker) -> AsyncIterator[None]:
    """Keep the right to work while nothing is being run yet."""

    async def beat() -> None:
        while True:
            await worker.clock.sleep(worker.lease.seconds / 3)
            await anyio.to_thread.run_sync(worker.beat)

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beat)
            yield
            tasks.cancel_scope.cancel()
    except ExceptionGroup as group:
        raise innermost(group) from group
