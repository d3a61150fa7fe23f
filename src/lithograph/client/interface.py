"""What a workspace can do wherever it is, and what it gives: the same names and types on both sides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from lithograph.domain.ids import DocumentId, EntityId, ExecutionId, RelationId
from lithograph.domain.usage import Usage
from lithograph.durable.events import Event
from lithograph.durable.status import Status
from lithograph.extraction.settings import OnMissing, Strategy
from lithograph.graph.export.formats import Format
from lithograph.graph.page import Page
from lithograph.graph.shown import EntityDetail, EntitySummary, GraphView, Neighbour, RelationDetail
from lithograph.resilience.budget import Limits
from lithograph.service.kept import KeptDocument, KeptOntology
from lithograph.workflow.batch.input import BatchState, OnFailure
from lithograph.workflow.overview import Failure
from lithograph.workflow.spending import Account


class Standing(Protocol):
    """How an execution stands; times are ISO 8601 in UTC."""

    @property
    def id(self) -> ExecutionId: ...  # noqa: D102
    @property
    def workflow_type(self) -> str: ...  # noqa: D102
    @property
    def status(self) -> Status: ...  # noqa: D102
    @property
    def error(self) -> str | None: ...  # noqa: D102
    @property
    def waiting_for(self) -> str | None: ...  # noqa: D102
    @property
    def parent_id(self) -> ExecutionId | None: ...  # noqa: D102
    @property
    def created_at(self) -> str: ...  # noqa: D102
    @property
    def started_at(self) -> str | None: ...  # noqa: D102
    @property
    def updated_at(self) -> str: ...  # noqa: D102
    @property
    def completed_at(self) -> str | None: ...  # noqa: D102


class ListedStanding(Protocol):
    """An execution in a list: what it works on is called `source`, and `percent` of it is done."""

    @property
    def execution(self) -> Standing: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def percent(self) -> float: ...  # noqa: D102


class StandingInFull(ListedStanding, Protocol):
    """How an execution stands, stage by stage."""

    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def stages(self) -> Mapping[str, Mapping[str, int]]: ...  # noqa: D102
    @property
    def usage(self) -> Usage: ...  # noqa: D102
    @property
    def missing(self) -> Sequence[Failure]: ...  # noqa: D102


class BatchStanding(Protocol):
    """How a batch and its documents stand."""

    @property
    def execution(self) -> Standing: ...  # noqa: D102
    @property
    def state(self) -> BatchState: ...  # noqa: D102
    @property
    def total(self) -> int | None: ...  # noqa: D102
    @property
    def counts(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def usage(self) -> Usage: ...  # noqa: D102


class Answered(Protocol):
    """What became of a request: it is done, or whoever runs the execution was asked."""

    @property
    def execution(self) -> Standing: ...  # noqa: D102
    @property
    def done(self) -> bool: ...  # noqa: D102


class SentSignal(Protocol):
    """What became of a signal; it is not `new` when one with the same key was sent before."""

    @property
    def execution(self) -> Standing: ...  # noqa: D102
    @property
    def new(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Options:
    """How documents are to be read, by what, and what may be spent on each of them."""

    model: str = "rules"
    base_url: str = ""
    strategy: Strategy = Strategy.STAGED
    on_missing: OnMissing = OnMissing.FAIL
    limits: Limits = Limits()  # noqa: RUF009  # a frozen value


USUAL: Final = Options()


class AnyWorkspace(Protocol):
    """One organisation's workspace, in a database or behind a server; a context manager that closes the way to it.

    What each method does, and what it raises, is said at `Workspace`. Executions that are started here are run by
    whoever works on the database: `litho serve` or `litho worker`.
    """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def add_document(self, data: bytes, source: str) -> KeptDocument: ...  # noqa: D102
    def documents(  # noqa: D102
        self, *, limit: int = 100, before: KeptDocument | None = None
    ) -> Sequence[KeptDocument]: ...
    def text(self, document_id: DocumentId) -> str:
        """Return the text of a document, which all offsets refer to."""
        ...

    def add_ontology_file(self, data: bytes, source: str) -> str:
        """Keep an ontology and return its content hash; raises `OntologyError` for one that is broken."""
        ...

    def ontologies(self) -> Sequence[KeptOntology]: ...  # noqa: D102

    def extract(
        self, document_id: DocumentId, ontology: str, options: Options = USUAL, *, key: str | None = None
    ) -> Standing:
        """Start an extraction, or go on with the one there is; what was started under a `key` is returned as it is."""
        ...

    def extract_all(
        self,
        documents: Sequence[DocumentId],
        ontology: str,
        options: Options = USUAL,
        *,
        name: str = "",
        on_failure: OnFailure = OnFailure.CONTINUE,
        at_once: int = 3,
        key: str | None = None,
    ) -> Standing:
        """Start a batch, or go on with the one there is of the same documents."""
        ...

    def execution(self, given: str) -> Standing: ...  # noqa: D102
    def executions(  # noqa: D102
        self, *, limit: int = 20, status: Status | None = None, before: str | None = None, children: bool = False
    ) -> Sequence[ListedStanding]: ...
    def overview(self, given: str) -> StandingInFull: ...  # noqa: D102
    def batch(self, given: str) -> BatchStanding: ...  # noqa: D102
    def events(self, given: str, *, after: int = 0, limit: int = 1_000) -> Sequence[Event]: ...  # noqa: D102
    def watch(self, given: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the events above `after`, then the new ones as they come, until the execution has ended.

        Each comes once, also when the server is replaced meanwhile.
        """
        ...

    def export(self, given: str, wanted: Format = Format.JSON) -> bytes: ...  # noqa: D102

    def pause(self, given: str) -> Answered: ...  # noqa: D102
    def cancel(self, given: str) -> Answered: ...  # noqa: D102
    def resume(self, given: str, *, limits: Limits | None = None) -> Standing: ...  # noqa: D102
    def retry(self, given: str) -> Standing: ...  # noqa: D102
    def signal(  # noqa: D102
        self, given: str, name: str, payload: object = None, *, key: str | None = None
    ) -> SentSignal: ...
    def account(self) -> Account: ...  # noqa: D102
    def limit(self, limits: Limits) -> None: ...  # noqa: D102

    def entities(  # noqa: D102
        self,
        execution: str | None = None,
        *,
        search: str = "",
        type: str = "",  # noqa: A002  # what it is called everywhere
        min_confidence: float = 0.0,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[EntitySummary]: ...
    def entity(self, entity_id: EntityId, execution: str | None = None) -> EntityDetail: ...  # noqa: D102
    def neighbours(  # noqa: D102
        self, entity_id: EntityId, execution: str | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Neighbour]: ...
    def relation(self, relation_id: RelationId, execution: str | None = None) -> RelationDetail: ...  # noqa: D102
    def graph(  # noqa: D102
        self,
        execution: str,
        *,
        type: str = "",  # noqa: A002  # what it is called everywhere
        min_confidence: float = 0.0,
        limit: int = 10_000,
    ) -> GraphView: ...
