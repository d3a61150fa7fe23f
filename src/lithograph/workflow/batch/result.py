"""The result of a batch: those of its documents as one, in which what is one thing across documents is one entity."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from lithograph.domain.fragment import Missing, Reason, Stage
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import ChunkId, DocumentId, ExecutionId, digest
from lithograph.domain.result import ExtractionResult, combine
from lithograph.durable import executions
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityStatus
from lithograph.errors import UsageError
from lithograph.resolution.across import Cluster
from lithograph.resolution.merging import merged
from lithograph.storage.columns import json_text
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_activity
from lithograph.workflow.batch.documents import documents_of
from lithograph.workflow.batch.input import RESOLVE
from lithograph.workflow.batch.journal import Listed, Resolved
from lithograph.workflow.extraction import result_of_execution

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FINISHED = (Status.COMPLETED, Status.COMPLETED_WITH_ERRORS)


def result_of_batch(storage: Storage, batch: Execution) -> ExtractionResult:
    """Return what the documents of a batch that have ended well say, as one result; the others are in `missing`.

    Until the batch has resolved them, nothing is one thing across documents. Not to be called on an event loop.
    """
    nothing = ExtractionResult(batch.organization_id, (), KnowledgeGraph())
    whole = combine([nothing, *_results(storage, batch)])
    resolution = merged(whole.graph, clusters_of_batch(storage, batch))
    rejected = Counter(dict(whole.rejected))
    if resolution.collapsed:
        rejected[Reason.SELF_RELATION] += resolution.collapsed
    graph = resolution.graph
    counts = replace(whole.stats, entities=len(graph.entities), relations=len(graph.relations))
    return replace(whole, graph=graph, rejected=tuple(sorted(rejected.items())), stats=counts)


def clusters_of_batch(storage: Storage, batch: Execution) -> tuple[Cluster, ...]:
    """Return what the batch has found to be one thing across its documents; nothing when it has not come to that."""
    c = workflow_activity.c
    done = (c.execution_id == batch.id) & (c.activity_name == RESOLVE) & (c.status == ActivityStatus.COMPLETED)
    with storage.read(batch.organization_id) as connection:
        found = connection.execute(select(json_text(c.result)).where(done)).scalar()
    return () if found is None else msgspec.json.decode(found, type=Resolved).found()


def _results(storage: Storage, batch: Execution) -> Iterator[ExtractionResult]:
    for document in documents_of(storage, batch.organization_id, batch.id):
        missing = _missing(storage, batch, document)
        if missing is not None:
            yield ExtractionResult(batch.organization_id, (), KnowledgeGraph(), missing=(missing,))
        elif document.execution is not None:
            yield _named(result_of_execution(storage, batch.organization_id, document.execution), document)


def _named(result: ExtractionResult, document: Listed) -> ExtractionResult:
    """Return a result whose document is called what the batch calls it."""
    (about,) = result.documents
    return replace(result, documents=(replace(about, source=document.source),))


def _missing(storage: Storage, batch: Execution, document: Listed) -> Missing | None:
    """Return what there is to say of a document that has no whole result to give; None of one that has."""
    if document.execution is None:
        unread = DocumentId(digest("document", batch.organization_id, "path", document.source))
        return Missing(unread, ChunkId(""), 0, 0, Stage.READ, document.error or "", attempts=1)
    with storage.read(batch.organization_id) as connection:
        try:
            child = executions.get(connection, batch.organization_id, document.execution)
        except UsageError:
            gone = DocumentId(digest("document", batch.organization_id, "execution", document.execution))
            error = f"{document.source}: its execution {document.execution} is not kept any more"
            return Missing(gone, ChunkId(""), 0, 0, Stage.CHUNK, error, attempts=0)
        if child.status in _FINISHED:
            return None
        stage, attempts = _failure(connection, child.id)
    error = child.error or "it has not been processed yet"
    named = error if document.source in error else f"{document.source}: {error}"
    about = DocumentId(str(child.input.get("document", "")))
    return Missing(about, ChunkId(""), 0, 0, stage, named, attempts)


def _failure(connection: "Connection", execution_id: ExecutionId) -> tuple[Stage, int]:
    """Return the stage in which an execution failed for good, and how often it was tried; the first one otherwise."""
    c = workflow_activity.c
    failed = (c.execution_id == execution_id) & (c.status == ActivityStatus.FAILED)
    found = connection.execute(select(c.activity_name, c.attempt).where(failed).order_by(c.activity_name)).first()
    return (Stage(found.activity_name.partition("/")[0]), found.attempt) if found else (Stage.CHUNK, 0)
