"""The extraction workflow: the pipeline, run through the journal, one execution for each document."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from lithograph.domain.document import Document
from lithograph.domain.ids import ExecutionId, OrganizationId, digest
from lithograph.domain.result import ExtractionResult, ResultDocument
from lithograph.durable import executions
from lithograph.durable.activities import input_hash
from lithograph.durable.cache import StoredResponses
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, NewExecution
from lithograph.durable.queue import leave
from lithograph.durable.run import Context, Outcome, Worker, claim, run_execution
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.extraction.cached import CachedExtractor
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress, ignore
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.graph.store import publish
from lithograph.ontology.model import Ontology
from lithograph.resilience.policy import Scope
from lithograph.storage.open import Storage
from lithograph.workflow.extraction_input import EXTRACTION, VERSION, ExtractionInput, input_of
from lithograph.workflow.extractors import ExtractorNamed, RemoteExtractor, rules_only
from lithograph.workflow.fragments import FragmentCodec
from lithograph.workflow.materials import keep_document, keep_ontology, materials_of
from lithograph.workflow.notices import Notices, left_open
from lithograph.workflow.replay import Replay, replay
from lithograph.workflow.spending import Standing, budgets_of, standing_of
from lithograph.workflow.tracker import Tracker

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CHUNKS_A_CALL = 4
"""Chunks in work for each call that may be made at once."""


def start_extraction(
    storage: Storage,
    document: Document,
    ontology: Ontology,
    extractor: Extractor,
    given: ExtractionInput,
    clock: Clock,
    then: "Callable[[Connection, Execution], object]" = leave,
) -> Execution:
    """Return the execution for this document, ontology, model and these settings: the one there is, or a new one.

    `then` is called in the same transaction.

    How many chunks are in work at once, what may be spent, and what becomes of a chunk that fails, make no difference
    to which it is; an execution that has not ended takes them over from the last start.
    """
    new = extraction_of(document.organization_id, ontology, extractor, given)
    with transaction(storage, document.organization_id, Transaction.START) as connection:
        now = timestamp(clock.now())
        keep_document(connection, document, now)
        keep_ontology(connection, document.organization_id, ontology, now)
        found = executions.start(connection, new, clock)
        if found.input != new.input and found.status is not Status.COMPLETED:
            executions.remember_input(connection, found, new.input)
        started = executions.get(connection, document.organization_id, found.id)
        then(connection, started)
        return started


def is_started(
    storage: Storage, document: Document, ontology: Ontology, extractor: Extractor, given: ExtractionInput
) -> bool:
    """Whether `start_extraction` would return an execution that is there."""
    with storage.read(document.organization_id) as connection:
        found = executions.started(connection, extraction_of(document.organization_id, ontology, extractor, given))
    return found is not None and found.status is not Status.CANCELLED


def extraction_of(
    organization_id: OrganizationId, ontology: Ontology, extractor: Extractor, given: ExtractionInput
) -> NewExecution:
    """Return what the execution for a document, this ontology, model and settings is started with."""
    lasting = replace(given.settings, on_missing=OnMissing.FAIL, concurrency=1)
    identity = extractor.identity
    key = digest(
        "key",
        VERSION,
        given.document,
        ontology.content_hash,
        given.model,
        identity.name,
        input_hash(identity.revision, sorted(identity.parameters.items())),
        input_hash("", lasting),
    )
    return NewExecution(organization_id, EXTRACTION, VERSION, key, given.remembered())


async def run_extraction(
    worker: Worker,
    execution: Execution,
    *,
    named: ExtractorNamed = rules_only,
    resume: bool = False,
    progress: Callable[[Progress], None] = ignore,
    prepared: Callable[[], None] = lambda: None,
) -> Status:
    """Claim an extraction, carry it to its end, and return the status that it was left in; see `run_execution`.

    `progress` is told of every stage that a chunk has finished, now or in an earlier run, and `prepared` is called when
    the first questions are about to be asked.
    """
    given = input_of(execution)
    organization_id = execution.organization_id
    load = partial(materials_of, worker.storage, organization_id, given.document, given.ontology)
    document, ontology = await anyio.to_thread.run_sync(load)
    extractor = named(given.choice, ontology)
    # Nothing that can fail or be cancelled comes between the claim and the run, which gives it back.
    owner = await claim(worker, organization_id, execution.id, resume=resume)
    work = _Extraction(worker, owner, given, document, ontology, extractor, progress, prepared)
    return await run_execution(
        worker,
        owner,
        work.workflow,
        codec=FragmentCodec(),
        context=work.context,
        progress=work.tracker.progress,
        workflow_type=EXTRACTION,
    )


class _Extraction:
    """One extraction as a workflow."""

    def __init__(
        self,
        worker: Worker,
        owner: Owner,
        given: ExtractionInput,
        document: Document,
        ontology: Ontology,
        extractor: Extractor,
        progress: Callable[[Progress], None],
        prepared: Callable[[], None],
    ) -> None:
        self._worker, self._owner, self._given = worker, owner, given
        self._document, self._ontology, self._extractor = document, ontology, extractor
        self._progress, self._prepared = progress, prepared
        self.tracker = Tracker(worker.storage, owner)

    @property
    def context(self) -> str:
        """What decides the results of activities besides their inputs."""
        settings = replace(self._given.settings, on_missing=OnMissing.FAIL, concurrency=1)
        return input_hash("", (self._ontology.content_hash, self._extractor.identity, settings))

    async def workflow(self, context: Context) -> Outcome:
        """Run the pipeline through the journal."""
        async with self._asking(context) as (extractor, settings):
            pipeline = ExtractionPipeline(self._ontology, extractor, settings)
            self._prepared()
            result = await pipeline.run(self._document, activities=context.activities, progress=self._saw)
        status = Status.COMPLETED if result.completed else Status.COMPLETED_WITH_ERRORS
        publication = partial(
            publish,
            organization_id=self._document.organization_id,
            execution_id=ExecutionId(self._owner.execution_id),
            graph=result.graph,
        )
        return Outcome(status, {**summary_of(result), **self.tracker.progress()}, publication)

    def _saw(self, step: Progress) -> None:
        self.tracker.saw(step)
        self._progress(step)

    @asynccontextmanager
    async def _asking(self, context: Context) -> AsyncIterator[tuple[Extractor, ExtractionSettings]]:
        """Give the extractor, asking on behalf of this execution, and the settings that it takes."""
        extractor, settings = self._extractor, self._given.settings
        with ExitStack() as hearing:
            if isinstance(extractor, RemoteExtractor):
                notices = Notices(context.writer, self._owner, self.tracker.progress)
                standing, away = await anyio.to_thread.run_sync(self._begin, context)
                hearing.enter_context(notices.heard_from(extractor.providers))
                notices.are_back(extractor.providers, away)
                extractor = extractor.within(self._scope(context, notices, standing))
                # The provider's limiter limits calls: while some chunks wait for it, others are being journaled.
                settings = replace(settings, concurrency=_CHUNKS_A_CALL * settings.concurrency)
            else:
                await anyio.to_thread.run_sync(self.tracker.watch, context.writer)
            if self._extractor.identity.metered:
                responses = StoredResponses(self._worker.storage, context.writer, self._owner)
                extractor = CachedExtractor(extractor, responses, self._ontology.content_hash)
            yield extractor, settings

    def _begin(self, context: Context) -> tuple[Standing, Sequence[str]]:
        """Return what was spent so far, and which providers were away when the execution was left."""
        self.tracker.watch(context.writer)
        storage = self._worker.storage
        return standing_of(storage, self._owner), () if self._owner.first else left_open(storage, self._owner)

    def _scope(self, context: Context, notices: Notices, standing: Standing) -> Scope:
        """Return on whose behalf calls are made."""
        return Scope(
            budgets_of(self._worker, self._owner, self._given.limits, standing, context.writer),
            self._worker.outage_patience,
            notices,
            context.activities.gate.aside,
            self._worker.chance,
        )


def summary_of(result: ExtractionResult) -> dict[str, Any]:
    """Return what an execution's output and its last event say of a result."""
    return {
        "chunks": result.stats.chunks,
        "mentions": result.stats.mentions,
        "entities": result.stats.entities,
        "relations": result.stats.relations,
        "missing": len(result.missing),
        "rejected": dict(result.rejected),
    }


def result_of_execution(
    storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId
) -> ExtractionResult:
    """Return what the journal has about a document, finished or not; what is not there is listed in `missing`."""
    with storage.read(organization_id) as connection:
        execution = executions.get(connection, organization_id, execution_id)
    given = input_of(execution)
    document, ontology = materials_of(storage, organization_id, given.document, given.ontology)
    journal: Replay = replay(storage, execution)
    result = journal.result(document, ontology, given.settings)
    # The same document may have been given under another name before.
    about = (replace(ResultDocument.of(document, execution.id), source=given.source),)
    return replace(result, documents=about, stats=replace(result.stats, seconds=journal.seconds))
