"""The extraction workflow: the pipeline, run through the journal, one execution for each document."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec

from lithograph.domain.document import Document
from lithograph.domain.ids import DocumentId, ExecutionId, OrganizationId, digest
from lithograph.domain.result import ExtractionResult, ResultDocument
from lithograph.durable import executions
from lithograph.durable.activities import input_hash
from lithograph.durable.cache import StoredResponses
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, NewExecution
from lithograph.durable.run import Context, Outcome, Worker, run_execution
from lithograph.durable.status import Status
from lithograph.errors import UsageError
from lithograph.extraction.cached import CachedExtractor
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress, ignore
from lithograph.extraction.settings import ExtractionSettings, OnMissing
from lithograph.graph.store import publish
from lithograph.ontology.model import Ontology
from lithograph.storage.open import Storage
from lithograph.workflow.extractors import ExtractorNamed, extractor_named
from lithograph.workflow.fragments import FragmentCodec
from lithograph.workflow.materials import document_of, keep_document, keep_ontology, ontology_of
from lithograph.workflow.replay import Replay, replay
from lithograph.workflow.tracker import Tracker

EXTRACTION = "extraction"
VERSION = 1
"""Raised when the same journal would be read differently."""


@dataclass(frozen=True, slots=True)
class ExtractionInput:
    """What an extraction works on, as its execution remembers it."""

    document: DocumentId
    source: str
    ontology: str
    model: str
    settings: ExtractionSettings


def start_extraction(
    storage: Storage, document: Document, ontology: Ontology, extractor: Extractor, given: ExtractionInput, clock: Clock
) -> Execution:
    """Return the execution for this document, ontology, model and these settings: the one there is, or a new one.

    How many chunks are in work at once, and what becomes of one that fails, make no difference to which it is; an
    execution that has not ended takes them over from the last start.
    """
    lasting = replace(given.settings, on_missing=OnMissing.FAIL, concurrency=1)
    identity = extractor.identity
    key = digest(
        "key",
        VERSION,
        document.sha256,
        ontology.content_hash,
        given.model,
        identity.name,
        input_hash(identity.revision, sorted(identity.parameters.items())),
        input_hash("", lasting),
    )
    new = NewExecution(document.organization_id, EXTRACTION, VERSION, key, msgspec.to_builtins(given))
    with transaction(storage, Transaction.START) as connection:
        now = timestamp(clock.now())
        keep_document(connection, document, now)
        keep_ontology(connection, document.organization_id, ontology, now)
        found = executions.start(connection, new, clock)
        if found.input != new.input and found.status is not Status.COMPLETED:
            executions.remember_input(connection, found, new.input)
        return executions.get(connection, document.organization_id, found.id)


def input_of(execution: Execution) -> ExtractionInput:
    """Return what an extraction works on; raises `UsageError` for an execution of another type or version."""
    if execution.workflow_type != EXTRACTION:
        raise UsageError(f"execution {execution.id} is a {execution.workflow_type}, not an extraction")
    if execution.workflow_version != VERSION:
        raise UsageError(
            f"execution {execution.id} was started by another version of Lithograph (workflow version "
            f"{execution.workflow_version}, this one has {VERSION}): finish it with that version, or start it anew"
        )
    return msgspec.convert(dict(execution.input), ExtractionInput)


async def run_extraction(
    worker: Worker,
    execution: Execution,
    *,
    named: ExtractorNamed = extractor_named,
    resume: bool = False,
    progress: Callable[[Progress], None] = ignore,
) -> Status:
    """Claim an extraction, carry it to its end, and return the status that it was left in; see `run_execution`.

    `progress` is told of every stage that a chunk has finished, now or in an earlier run.
    """
    given = input_of(execution)
    organization_id = execution.organization_id
    document = await anyio.to_thread.run_sync(document_of, worker.storage, organization_id, given.document)
    ontology = await anyio.to_thread.run_sync(ontology_of, worker.storage, organization_id, given.ontology)
    extractor = named(given.model, ontology)
    claim = partial(
        executions.claim, worker.storage, organization_id, execution.id, worker.lease, worker.clock, resume=resume
    )
    owner = await anyio.to_thread.run_sync(claim)
    tracker = Tracker(worker.storage, owner)

    def saw(step: Progress) -> None:
        tracker.saw(step)
        progress(step)

    async def workflow(context: Context) -> Outcome:
        cached = extractor
        if extractor.identity.metered:
            responses = StoredResponses(worker.storage, context.writer, owner)
            cached = CachedExtractor(extractor, responses, ontology.content_hash)
        pipeline = ExtractionPipeline(ontology, cached, given.settings)
        tracker.watch(context.writer)
        result = await pipeline.run(document, activities=context.activities, progress=saw)
        status = Status.COMPLETED if result.completed else Status.COMPLETED_WITH_ERRORS
        publication = partial(publish, organization_id=organization_id, execution_id=execution.id, graph=result.graph)
        return Outcome(status, {**summary_of(result), **tracker.progress()}, publication)

    identity = extractor.identity
    decisive = (ontology.content_hash, identity, replace(given.settings, on_missing=OnMissing.FAIL, concurrency=1))
    return await run_execution(
        worker,
        owner,
        workflow,
        codec=FragmentCodec(),
        context=input_hash("", decisive),
        progress=tracker.progress,
    )


def summary_of(result: ExtractionResult) -> dict[str, Any]:
    """Return what an execution's output and its last event say of a result."""
    return {
        "chunks": result.stats.chunks,
        "mentions": result.stats.mentions,
        "entities": result.stats.entities,
        "relations": result.stats.relations,
        "missing": len(result.missing),
    }


def result_of_execution(
    storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId
) -> ExtractionResult:
    """Return what the journal has about a document, finished or not; what is not there is listed in `missing`."""
    with storage.read() as connection:
        execution = executions.get(connection, organization_id, execution_id)
    given = input_of(execution)
    document = document_of(storage, organization_id, given.document)
    ontology = ontology_of(storage, organization_id, given.ontology)
    journal: Replay = replay(storage, execution)
    result = journal.result(document, ontology, given.settings)
    # The same document may have been given under another name before.
    about = (replace(ResultDocument.of(document, execution.id), source=given.source),)
    return replace(result, documents=about, stats=replace(result.stats, seconds=journal.seconds))
