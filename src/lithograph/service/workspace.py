"""The workspace: everything that one organisation can do. The command line and the API call this and nothing below."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lithograph.domain.document import Document
from lithograph.domain.ids import DocumentId, OrganizationId
from lithograph.domain.result import ExtractionResult
from lithograph.durable import executions, retention
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.database_clock import clock_of
from lithograph.durable.events import Event, events_after, follow
from lithograph.durable.executions import Execution
from lithograph.durable.listen import Bell
from lithograph.durable.lookup import find
from lithograph.durable.queue import enqueue_unended, leave
from lithograph.durable.retention import Pruned, Retention
from lithograph.durable.status import Status
from lithograph.errors import UsageError
from lithograph.ontology.model import Ontology
from lithograph.resilience.budget import Limits
from lithograph.service.control import Answer, Control, Sent, Wake
from lithograph.service.kept import KeptDocument, KeptOntology, documents_of, ontologies_of
from lithograph.storage.open import Storage
from lithograph.workflow import spending
from lithograph.workflow.batch_input import BATCH
from lithograph.workflow.extractors import ExtractorNamed, rules_only
from lithograph.workflow.materials import document_of, keep_document, keep_ontology, ontology_of
from lithograph.workflow.overview import Overview, overview, percent_of, source_of
from lithograph.workflow.spending import Account

if TYPE_CHECKING:
    from lithograph.workflow.batch_overview import BatchOverview
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
        usual = leave if storage.dialect == "sqlite" else enqueue_unended
        self._control = Control(storage, organization_id, self.clock, usual if wake is None else wake, lease_seconds)

    def execution(self, given: str) -> Execution:
        """Return an execution."""
        with self.storage.read(self.organization_id) as connection:
            return find(connection, self.organization_id, given)

    def executions(
        self, *, limit: int = 20, status: Status | None = None, before: str | None = None, children: bool = False
    ) -> list[Listed]:
        """Return the newest executions, newest first, at most `limit`: of that `status`, and after the execution
        `before`, where they are given. Those that a batch has started are left out, unless `children` are wanted.
        """
        with self.storage.read(self.organization_id) as connection:
            last = None if before is None else find(connection, self.organization_id, before)
            found = executions.listed(
                connection, self.organization_id, limit=limit, status=status, before=last, children=children
            )
            return [Listed(one, source_of(one), percent_of(connection, one)) for one in found]

    def overview(self, given: str) -> Overview:
        """Return how an execution stands: how far it is, what it cost, what is missing, what happened last."""
        with self.storage.read(self.organization_id) as connection:
            return overview(connection, find(connection, self.organization_id, given))

    def batch(self, given: str) -> "BatchOverview":
        """Return how a batch and its documents stand; raises `UsageError` for an execution that is none."""
        from lithograph.workflow.batch_overview import batch_overview

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
            from lithograph.workflow.batch_result import result_of_batch

            return result_of_batch(self.storage, found)
        from lithograph.workflow.extraction import result_of_execution

        return result_of_execution(self.storage, self.organization_id, found.id)

    def start_extraction(self, document: Document, plan: "Plan", *, named: ExtractorNamed = rules_only) -> Execution:
        """Return the execution of a plan for a document, ready for whoever runs executions: the one there is, or a new
        one. Both document and ontology are kept.

        One that is suspended goes on, and of one that left something out that is run again. `named` knows the model's
        extractor, of which only the identity counts here. Raises `UsageError` when there is no such model, or when the
        document is another organisation's.
        """
        from lithograph.workflow.extraction import start_extraction

        self._check(document)
        extractor = named(plan.choice, plan.ontology)
        given = plan.input(document)
        start = start_extraction(
            self.storage, document, plan.ontology, extractor, given, self.clock, then=self._control.go_on
        )
        return self.execution(start.id)

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

    def prune(self, wanted: Retention, *, dry_run: bool = False) -> Pruned:
        """Delete what ended long ago, and what nothing refers to any more; return what that was, or would be."""
        if dry_run:
            return retention.prunable(self.storage, self.organization_id, wanted, self.clock)
        return retention.prune(self.storage, self.organization_id, wanted, self.clock)

    def _check(self, document: Document) -> None:
        if document.organization_id != self.organization_id:
            raise UsageError(f"{document.source} was read for another organisation: read it for this one")
