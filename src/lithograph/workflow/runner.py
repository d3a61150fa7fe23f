"""The runner: files through the journal, one execution each; every one is carried to its end.

pending, running (its worker died)   run
suspended                            goes on
failed, completed_with_errors        only what is missing runs again
completed                            nothing to run
cancelled                            stays cancelled
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from lithograph.domain.document import Document
from lithograph.domain.ids import DocumentId, ExecutionId, OrganizationId
from lithograph.domain.result import ExtractionResult, combine
from lithograph.durable import executions, signals
from lithograph.durable.clock import timestamp
from lithograph.durable.executions import Execution
from lithograph.durable.run import Worker, together
from lithograph.durable.status import Status
from lithograph.errors import StateError, TransientError, UnreachableError, UsageError, innermost
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress, ignore
from lithograph.extraction.questions import Questions
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.ontology.model import Ontology
from lithograph.resilience.budget import Limits
from lithograph.storage.open import Storage
from lithograph.workflow.batch.children import InProcess
from lithograph.workflow.batch.input import BATCH
from lithograph.workflow.batch.result import result_of_batch
from lithograph.workflow.batch.run import run_batch
from lithograph.workflow.comeback import standing, until_back
from lithograph.workflow.extraction import is_started, result_of_execution, run_extraction, start_extraction
from lithograph.workflow.extraction_input import ExtractionInput
from lithograph.workflow.extractors import ExtractorNamed, ModelChoice, RemoteExtractor, remembering, rules_only
from lithograph.workflow.reading import read_files, unheard, unread_results

_GOES_ON = (Status.COMPLETED, Status.COMPLETED_WITH_ERRORS)

_DOCUMENTS_AT_ONCE = 20
"""Executions in work at once where a model is asked: enough to keep its calls busy with short documents."""

_LOOK_EVERY = 0.4
"""Seconds between two looks whether another worker still has an execution."""


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
    away: Callable[[Execution], None] = unbegun
    """Of an execution that is suspended until its provider is back."""
    prepared: Callable[[], None] = lambda: None
    """When the first questions about a document are about to be asked."""


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
    def executions(self) -> tuple[Execution, ...]:
        """The executions of all documents that could be read."""
        return tuple(part.execution for part in self.parts if isinstance(part, Part))

    @property
    def stopped(self) -> Execution | None:
        """The first execution that did not complete, after which no other was begun."""
        return next((one for one in self.executions if one.status not in _GOES_ON), None)

    @property
    def worked(self) -> bool:
        """Whether there was something left to run."""
        return any(part.worked for part in self.parts if isinstance(part, Part))

    def result(self, storage: Storage) -> ExtractionResult:
        """Return everything that the journal has, as one result. Not to be called on an event loop."""
        return combine(part if isinstance(part, ExtractionResult) else _result(storage, part) for part in self.parts)


def _result(storage: Storage, part: Part) -> ExtractionResult:
    if part.execution.workflow_type == BATCH:
        return result_of_batch(storage, part.execution)
    result = result_of_execution(storage, part.execution.organization_id, part.execution.id)
    (document,) = result.documents
    return replace(result, documents=(replace(document, source=part.source),))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with documents, and what it may cost for each of them."""

    ontology: Ontology
    choice: ModelChoice = ModelChoice()  # noqa: RUF009  # a frozen value
    settings: ExtractionSettings = field(default_factory=ExtractionSettings)
    limits: Limits = Limits()  # noqa: RUF009  # a frozen value

    def pipeline(self, named: ExtractorNamed) -> ExtractionPipeline:
        """Return the pipeline that does it in memory; raises `UsageError` when the model cannot be had."""
        return ExtractionPipeline(self.ontology, named(self.choice, self.ontology), self.settings)

    def input(self, document: Document) -> ExtractionInput:
        """Return what the execution for a document remembers."""
        return ExtractionInput(
            document.id,
            document.source,
            self.ontology.content_hash,
            self.choice.model,
            self.settings,
            self.choice.base_url,
            self.choice.fallback,
            self.limits,
        )


async def run_files(
    worker: Worker,
    paths: Sequence[Path],
    plan: Plan,
    organization_id: OrganizationId,
    *,
    named: ExtractorNamed = rules_only,
    watching: Watching = Watching(),
) -> Run:
    """Read the files, start an execution for each, and run those that have something left to run.

    One after the other, or several at once where a model is asked; after the first that does not complete no other is
    begun. What cannot be read raises `DocumentError` before any work; under `OnMissing.SKIP` it is a part of the run
    instead. Raises `UsageError` when there is no path, and what keeps a model from answering, a wrong key for example,
    before any document is given to it.
    """
    if not paths:
        raise UsageError("no document is given; name at least one file")
    skip = plan.settings.on_missing is OnMissing.SKIP
    named = remembering(named)
    extractor = named(plan.choice, plan.ontology)
    parts: dict[DocumentId, Part | ExtractionResult] = {}
    async with alive(worker):
        outcomes = await read_files(list(dict.fromkeys(paths)), organization_id, watching.read, skip=skip)
        unread = await unread_results(outcomes, organization_id)
        documents = {outcome.id: outcome for outcome in outcomes.values() if isinstance(outcome, Document)}
        await _prepare(worker.storage, documents.values(), plan, extractor)
        for path, outcome in outcomes.items():
            if not isinstance(outcome, Document):
                parts.setdefault(unread[path].missing[0].document, unread[path])
            elif outcome.id not in parts:
                start = partial(start_extraction, worker.storage, outcome, plan.ontology, extractor)
                execution = await anyio.to_thread.run_sync(start, plan.input(outcome), worker.clock)
                parts[outcome.id] = Part(execution, outcome.source, worked=False)
    waiting = [(key, part) for key, part in parts.items() if isinstance(part, Part)]
    at_once = _DOCUMENTS_AT_ONCE if isinstance(extractor, RemoteExtractor) else 1
    async with together(worker, organization_id) as sharing:
        # One after the other gets ready, so that the first can begin while the others have not.
        preparing = anyio.Semaphore(1, fast_acquire=True)

        async def run(execution: ExecutionId) -> Part:
            with ExitStack() as turn:
                await preparing.acquire()
                turn.callback(preparing.release)
                told = replace(watching, prepared=turn.close)
                return await run_one(sharing, execution, organization_id, named=named, watching=told)

        parts.update(await _run_in_turn(waiting, run, at_once))
    return Run(tuple(parts.values()))


async def _run_in_turn(
    waiting: Iterable[tuple[DocumentId, Part]], run: Callable[[ExecutionId], Awaitable[Part]], at_once: int
) -> dict[DocumentId, Part]:
    """Return what became of those that were run: all, unless one does not complete, after which no other is begun."""
    done: dict[DocumentId, Part] = {}
    queue = iter(waiting)
    going_on = True

    async def take() -> None:
        nonlocal going_on
        for key, part in queue:
            if not going_on:
                return
            ended = await run(part.execution.id)
            done[key] = replace(ended, source=part.source)
            going_on = going_on and ended.execution.status in _GOES_ON

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(take)
    except ExceptionGroup as group:
        raise innermost(group) from group
    return done


async def run_one(
    worker: Worker,
    execution_id: ExecutionId,
    organization_id: OrganizationId,
    *,
    named: ExtractorNamed = rules_only,
    watching: Watching = Watching(),
) -> Part:
    """Run what is left to run of an execution, whatever its status; nothing is when it is completed or cancelled.

    One that another worker runs is followed to its end. A pause that was asked for earlier, and that nobody was there
    to heed, counts no more.
    """
    look = partial(_look, worker.storage, organization_id, execution_id)
    found, asked = await anyio.to_thread.run_sync(standing, worker.storage, organization_id, execution_id)
    execution = await _let_go(worker, found)
    source = str(execution.input.get("source", ""))
    if execution.status in (Status.COMPLETED, Status.CANCELLED):
        return Part(execution, source, worked=False)
    if asked or execution is not found:
        stale = (signals.PAUSE, signals.CANCEL) if execution.status.retriable else (signals.PAUSE,)
        await anyio.to_thread.run_sync(partial(signals.withdraw, worker.storage, execution, stale, worker.clock))
    if execution.status.retriable:
        again = partial(executions.change, worker.storage, organization_id, execution_id, Status.PENDING, worker.clock)
        execution = await anyio.to_thread.run_sync(again)
    watching.began(execution)
    while not execution.status.terminal:
        resume = execution.status is Status.SUSPENDED
        try:
            if execution.workflow_type == BATCH:
                await run_documents(worker, execution, named, resume=resume)
            else:
                await run_extraction(
                    worker,
                    execution,
                    named=named,
                    resume=resume,
                    progress=watching.progress,
                    prepared=watching.prepared,
                )
        except StateError:
            execution = await anyio.to_thread.run_sync(look)
            if executions.unowned(execution, timestamp(worker.clock.now())):
                raise
        execution = await _let_go(worker, await anyio.to_thread.run_sync(look))
        if execution.waiting_for != signals.PROVIDER:
            break
        watching.away(execution)
        async with alive(worker):
            back = await until_back(worker, execution, named)
        execution = await anyio.to_thread.run_sync(look)
        if not back and execution.status is Status.SUSPENDED:
            break
    return Part(execution, source, worked=True)


async def run_documents(worker: Worker, batch: Execution, named: ExtractorNamed, *, resume: bool) -> Status:
    """Run a batch, and its documents in this process too; return what it was left in."""
    async with together(worker, batch.organization_id) as sharing:
        known = remembering(named)

        async def run(child: ExecutionId) -> Execution:
            return (await run_one(sharing, child, batch.organization_id, named=known)).execution

        return await run_batch(sharing, batch, InProcess(sharing, run), named=known, resume=resume)


async def _let_go(worker: Worker, execution: Execution) -> Execution:
    """Return an execution as it is when no other worker has it any more."""
    while not worker.lease.sole and not executions.unowned(execution, timestamp(worker.clock.now())):
        await worker.clock.sleep(_LOOK_EVERY)
        look = partial(_look, worker.storage, execution.organization_id, execution.id)
        execution = await anyio.to_thread.run_sync(look)
    return execution


async def _prepare(storage: Storage, documents: Iterable[Document], plan: Plan, extractor: Extractor) -> None:
    """Prepare for asking a model, and check it before the first document is given to it.

    One that was given documents before is waited for, if need be.
    """
    if not isinstance(extractor, RemoteExtractor):
        return
    for document in documents:
        known = partial(is_started, storage, document, plan.ontology, extractor, plan.input(document))
        if not await anyio.to_thread.run_sync(known):
            # What the first question needs takes its time, while the model would be waited for in vain.
            await anyio.to_thread.run_sync(Questions(plan.ontology, plan.settings).prepare)
            await check(extractor)
            return


async def check(extractor: RemoteExtractor) -> None:
    """Raise what keeps a model from answering at all; one that is only busy or away for the moment is waited for
    later.
    """
    try:
        await extractor.probe()
    except UnreachableError:
        raise
    except TransientError:
        return


def _look(storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId) -> Execution:
    with storage.read(organization_id) as connection:
        return executions.get(connection, organization_id, execution_id)


@asynccontextmanager
async def alive(worker: Worker) -> AsyncIterator[None]:
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
