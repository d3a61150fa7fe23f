"""The workspace: everything that one organisation can do. The command line and the API call this and nothing below."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lithograph.documents.limits import DEFAULT_LIMITS
from lithograph.documents.limits import Limits as ReadingLimits
from lithograph.domain.document import Document
from lithograph.domain.ids import DocumentId, OrganizationId
from lithograph.domain.result import ExtractionResult
from lithograph.durable import retention, signals
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.database_clock import clock_of
from lithograph.durable.events import Event, events_after, follow
from lithograph.durable.executions import Execution
from lithograph.durable.listen import Bell
from lithograph.durable.lookup import find, listed
from lithograph.durable.queue import enqueue_unended
from lithograph.durable.retention import Pruned, Retention
from lithograph.durable.status import Status
from lithograph.errors import UsageError
from lithograph.graph.export.formats import Format, export
from lithograph.ontology.model import Ontology
from lithograph.resilience.budget import Limits
from lithograph.service.control import Answer, Control, Sent, Wake
from lithograph.service.kept import KeptDocument, KeptOntology, document_kept, documents_of, ontologies_of
from lithograph.service.once import Once
from lithograph.service.starts import Starts
from lithograph.storage.open import Storage
from lithograph.workflow import spending
from lithograph.workflow.batch.input import BATCH
from lithograph.workflow.extractors import ExtractorNamed, rules_only
from lithograph.workflow.materials import document_of, keep_document, keep_ontology, ontology_of
from lithograph.workflow.overview import Overview, overview, percent_of, source_of
from lithograph.workflow.spending import Account

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from lithograph.domain.ids import EntityId, Iri, RelationId
    from lithograph.graph.page import Page
    from lithograph.graph.shown import EntityDetail, EntitySummary, GraphView, Neighbour, RelationDetail
    from lithograph.service.graph import Graphs
    from lithograph.workflow.batch.kept import KeptBatch
    from lithograph.workflow.batch.overview import BatchOverview
    from lithograph.workflow.runner import Plan

# What an extraction takes is imported where it is used: most commands only look.

LEASE_SECONDS: Final = 45.0
"""How long the process that works on a file may be silent before it counts as dead."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An execution in a list: `source` is what its document was called, `percent` how much of it is done."""

    execution: Execution
    source: str
    percent: float


class Workspace:
    """One organisation's documents, ontologies, executions and graph in one database. Safe to share between threads.

    Executions are named by their id or by the beginning of it, six characters at least. Besides what is said of each
    method, any of them raises `UsageError` for an execution that the organisation does not have, and `StorageError`
    when the database cannot be used now. Nothing here runs an execution, and nothing but `follow` may be called on an
    event loop: use a thread.
    """

    def __init__(
        self,
        storage: Storage,
        organization_id: OrganizationId,
        *,
        clock: Clock | None = None,
        wake: Wake | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """`clock` is the database's unless another is given. `wake` is called, in the transaction that lets it, with
        every execution that can go on now and that nobody runs; unless another is given, a server's gets a job.
        """
        self.storage, self.organization_id = storage, organization_id
        self.clock = clock or clock_of(storage)
        told = self._wake if wake is None else wake
        self._control = Control(storage, organization_id, self.clock, told, lease_seconds)
        self._starts = Starts(storage, organization_id, self.clock, self._control)

    def _wake(self, connection: "Connection", execution: Execution) -> None:
        """Let whoever works know of an execution, also of one that he would leave to its batch."""
        if self.storage.dialect == "postgresql":
            enqueue_unended(connection, execution)
        if execution.parent_id is not None and not execution.status.terminal:
            signals.send_within(connection, execution, signals.RESUME, timestamp(self.clock.now()))

    def execution(self, given: str) -> Execution:
        """Return an execution."""
        with self.storage.read(self.organization_id) as connection:
            return find(connection, self.organization_id, given)

    def executions(
        self,
        *,
        limit: int = 20,
        status: Status | None = None,
        before: str | None = None,
        children: bool = False,
        parent: str | None = None,
    ) -> list[Listed]:
        """Return the newest executions, newest first, at most `limit`: of that `status`, and after the execution
        `before`, where they are given. Those that a batch has started are left out, unless `children` are wanted, or
        those of the batch `parent`.
        """
        with self.storage.read(self.organization_id) as connection:
            last = None if before is None else find(connection, self.organization_id, before)
            batch = None if parent is None else find(connection, self.organization_id, parent).id
            found = listed(
                connection,
                self.organization_id,
                limit=limit,
                status=status,
                before=last,
                children=children,
                parent=batch,
            )
            return [Listed(one, source_of(one), percent_of(connection, one)) for one in found]

    def percent(self, execution: Execution) -> float:
        """Return how much of an execution is done, from 0 to 100."""
        with self.storage.read(self.organization_id) as connection:
            return percent_of(connection, execution)

    def overview(self, given: str) -> Overview:
        """Return how an execution stands: how far it is, what it cost, what is missing, what happened last."""
        with self.storage.read(self.organization_id) as connection:
            return overview(connection, find(connection, self.organization_id, given))

    def batch(self, given: str) -> "BatchOverview":
        """Return how a batch and its documents stand; raises `UsageError` for an execution that is none."""
        from lithograph.workflow.batch.overview import batch_overview

        with self.storage.read(self.organization_id) as connection:
            found = find(connection, self.organization_id, given)
            return batch_overview(connection, found, timestamp(self.clock.now()))

    def events(self, given: str, *, after: int = 0, limit: int = 1_000) -> list[Event]:
        """Return what happened to an execution: the events with a number above `after`, in order, at most `limit`."""
        with self.storage.read(self.organization_id) as connection:
            found = find(connection, self.organization_id, given)
            return events_after(connection, self.organization_id, found.id, after, limit)

    def follow(self, execution: Execution, *, after: int = 0, bell: Bell | None = None) -> AsyncIterator[Event]:
        """Yield the events of an execution above `after`, then the new ones as they come, until it has ended.

        They are looked for now and then, or whenever the `bell` of a listener rings.
        """
        return follow(self.storage, self.organization_id, execution.id, self.clock, after=after, bell=bell)

    def result(self, given: str) -> ExtractionResult:
        """Return what there is of a result, finished or not; what is not there is listed in `missing`. That of a batch
        is of all its documents.

        Raises `UsageError` for an execution of another version of Lithograph.
        """
        found = self.execution(given)
        if found.workflow_type == BATCH:
            from lithograph.workflow.batch.result import result_of_batch

            return result_of_batch(self.storage, found)
        from lithograph.workflow.extraction import result_of_execution

        return result_of_execution(self.storage, self.organization_id, found.id)

    def export(self, given: str, wanted: Format = Format.JSON) -> bytes:
        """Return what there is of a result in a format, with the labels of its ontology; as CSV, the table of
        relations.
        """
        found = self.execution(given)
        return export(self.result(found.id), wanted, self.ontology(str(found.input["ontology"])))

    def start_extraction(
        self, document: Document, plan: "Plan", *, named: ExtractorNamed = rules_only, once: Once | None = None
    ) -> Execution:
        """Return the execution of a plan for a document, ready for whoever runs executions: the one there is, or a new
        one. Both document and ontology are kept.

        One that is suspended goes on, and of one that left something out that is run again. `named` knows the model's
        extractor, of which only the identity counts here. What was started `once` under a key is returned as it is.
        Raises `UsageError` when there is no such model, when the document is another organisation's, or when the key
        was used for something else.
        """
        self._check(document)
        return self._starts.extraction(document, plan, named, once)

    def start_batch(
        self, batch: "KeptBatch", *, named: ExtractorNamed = rules_only, once: Once | None = None
    ) -> Execution:
        """Return the batch of documents that are kept, ready for whoever runs executions: the one there is, or a new
        one. It goes on, and `once` counts, as with `start_extraction`.

        Raises `NotFoundError` for a document that the organisation does not have, `UsageError` for none or too many of
        them and as `start_extraction` does.
        """
        return self._starts.batch(batch, named, once)

    def pause(self, given: str) -> Answer:
        """Ask whoever runs an execution to stop at the next chunk; what is in work is finished.

        The answer is done when it was suspended already. Raises `StateError` when it has ended, or nobody runs it.
        """
        return self._control.pause(given)

    def cancel(self, given: str) -> Answer:
        """End an execution for good; what it finished stays readable.

        It is done at once when nobody runs it, and otherwise asked of whoever does. Raises `StateError` when it has
        ended.
        """
        return self._control.cancel(given)

    def signal(self, given: str, name: str, payload: object = None, *, key: str | None = None) -> Sent:
        """Send a signal with a payload of JSON; twice with the same `key`, it arrives once.

        A suspended execution that waits for it goes on. Raises `StateError` for an execution that has ended,
        `UsageError` for a name that is empty or reserved.
        """
        return self._control.signal(given, name, payload, key)

    def resume(self, given: str, *, limits: Limits | None = None) -> Execution:
        """Let an execution go on that was paused, ran out of its budget, or waits for something; return it as it is
        then. A pause that was asked for and not heeded yet counts no more.

        `limits` replace the budget that it had. Raises `StateError` when it failed, was cancelled, or completed with
        errors.
        """
        return self._control.resume(given, limits)

    def retry(self, given: str) -> Execution:
        """Let what is missing of an execution be run again that failed or completed with errors; return it as it is
        then. Raises `StateError` for any other.
        """
        return self._control.retry(given)

    def account(self) -> Account:
        """Return what the organisation may spend and has spent."""
        return spending.account_of(self.storage, self.organization_id)

    def limit(self, limits: Limits) -> None:
        """Set what the organisation may spend; executions are held to it from their next start or resumption."""
        spending.limit_organization(self.storage, self.organization_id, limits, self.clock)

    def keep_document(self, document: Document) -> None:
        """Keep a document, so that extractions of it can be started later; once, however often it is given.

        Raises `UsageError` when it is another organisation's.
        """
        self._check(document)
        with transaction(self.storage, self.organization_id, Transaction.START) as connection:
            keep_document(connection, document, timestamp(self.clock.now()))

    def add_document(
        self, data: bytes, source: str, media_type: str | None = None, reading: ReadingLimits = DEFAULT_LIMITS
    ) -> KeptDocument:
        """Read a document and keep it, once however often it is given; return it as it is kept.

        `source` is what people call it, and with the bytes tells what kind it is, unless `media_type` does; `reading`
        is what it may take. Raises `DocumentError` as `document_from_bytes` does.
        """
        from lithograph.documents.read import document_from_bytes

        given = document_from_bytes(
            data, source=source, organization_id=self.organization_id, media_type=media_type, limits=reading
        )
        self.keep_document(given)
        return self.kept_document(given.id)

    def add_ontology(self, data: bytes, source: str) -> Ontology:
        """Read an ontology and keep it, each version of it once; raises `OntologyError` for one that is broken."""
        from lithograph.ontology.load import ontology_from_bytes

        given = ontology_from_bytes(data, source=source)
        self.keep_ontology(given)
        return given

    def kept_document(self, document_id: DocumentId) -> KeptDocument:
        """Return a document without its text; raises `NotFoundError` when there is none of that id."""
        with self.storage.read(self.organization_id) as connection:
            return document_kept(connection, self.organization_id, document_id)

    def keep_ontology(self, ontology: Ontology) -> None:
        """Keep an ontology; each version of it, by its content, is kept once."""
        with transaction(self.storage, self.organization_id, Transaction.START) as connection:
            keep_ontology(connection, self.organization_id, ontology, timestamp(self.clock.now()))

    def document(self, document_id: DocumentId) -> Document:
        """Return a document with its text; raises `UsageError` when there is none of that id."""
        return document_of(self.storage, self.organization_id, document_id)

    def ontology(self, content_hash: str) -> Ontology:
        """Return an ontology; raises `UsageError` when there is none of that content hash."""
        return ontology_of(self.storage, self.organization_id, content_hash)

    def documents(self, *, limit: int = 100, before: KeptDocument | None = None) -> Sequence[KeptDocument]:
        """Return the documents, newest first, at most `limit`; after the one that another call ended with, if given."""
        with self.storage.read(self.organization_id) as connection:
            return documents_of(connection, self.organization_id, limit, before)

    def ontologies(self) -> Sequence[KeptOntology]:
        """Return the ontologies, newest first."""
        with self.storage.read(self.organization_id) as connection:
            return ontologies_of(connection, self.organization_id)

    def entities(
        self,
        execution: str | None = None,
        *,
        search: str = "",
        type: str = "",  # noqa: A002  # what it is called everywhere
        min_confidence: float = 0.0,
        limit: int = 50,
        cursor: str | None = None,
    ) -> "Page[EntitySummary]":
        """Return entities of an execution's graph, those with the most relations first; without an `execution` of all
        that no batch has begun, the newest first. `cursor` is the `next` of the page before.

        `search` is part of a name in any case, `type` one of the types, `min_confidence` lies in [0, 1]. Raises
        `UsageError` for what cannot be any of these, as everything about graphs does.
        """
        return self._graphs().entities(execution, search, type, min_confidence, limit, cursor)

    def entity(self, entity_id: "EntityId", execution: str | None = None) -> "EntityDetail":
        """Return an entity, of the newest graph that has it unless one is named; raises `NotFoundError` if none has."""
        return self._graphs().entity(entity_id, execution)

    def neighbours(
        self, entity_id: "EntityId", execution: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> "Page[Neighbour]":
        """Return what an entity is related to, and how; what two relations lead to comes twice. Raises `NotFoundError`
        when no graph has the entity.
        """
        return self._graphs().neighbours(entity_id, execution, limit, cursor)

    def relations(
        self,
        execution: str | None = None,
        *,
        entity: "EntityId | None" = None,
        predicate: "Iri | None" = None,
        min_confidence: float = 0.0,
        limit: int = 50,
        cursor: str | None = None,
    ) -> "Page[RelationDetail]":
        """Return relations, as `entities` does: those with `entity` at either end and those with the property
        `predicate`, where they are given.
        """
        return self._graphs().relations(execution, entity, predicate, min_confidence, limit, cursor)

    def relation(self, relation_id: "RelationId", execution: str | None = None) -> "RelationDetail":
        """Return a relation, as `entity` does an entity."""
        return self._graphs().relation(relation_id, execution)

    def graph(
        self,
        execution: str,
        *,
        type: str = "",  # noqa: A002  # what it is called everywhere
        min_confidence: float = 0.0,
        limit: int = 10_000,
    ) -> "GraphView":
        """Return the graph of an execution to be drawn: its `limit` best connected entities, 10,000 at most, the
        relations among them, and what the whole of it is made of.
        """
        return self._graphs().graph(execution, type, min_confidence, limit)

    def _graphs(self) -> "Graphs":
        from lithograph.service.graph import Graphs

        return Graphs(self.storage, self.organization_id)

    def prune(self, wanted: Retention, *, dry_run: bool = False) -> Pruned:
        """Delete what ended long ago, and what nothing refers to any more; return what that was, or would be."""
        if dry_run:
            return retention.prunable(self.storage, self.organization_id, wanted, self.clock)
        return retention.prune(self.storage, self.organization_id, wanted, self.clock)

    def _check(self, document: Document) -> None:
        if document.organization_id != self.organization_id:
            raise UsageError(f"{document.source} was read for another organisation: read it for this one")
