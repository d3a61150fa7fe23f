"""A workspace in a database that this process opens itself."""

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from lithograph.client.interface import USUAL, Options
from lithograph.domain.ids import DEFAULT_ORGANIZATION, DocumentId, OrganizationId
from lithograph.durable.events import Event
from lithograph.durable.executions import Execution
from lithograph.extraction.settings import ExtractionSettings
from lithograph.service.once import Once
from lithograph.service.workspace import Workspace
from lithograph.storage.open import open_storage
from lithograph.workflow.batch.input import OnFailure
from lithograph.workflow.batch.kept import KeptBatch
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Plan

_LOOK_EVERY: Final = 0.2
"""Seconds between two looks for events."""


class LocalWorkspace(Workspace):
    """A `Workspace` that opens its database, and closes it at the end."""

    def __init__(self, url: str, organization_id: OrganizationId = DEFAULT_ORGANIZATION) -> None:
        super().__init__(open_storage(url), organization_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.storage.close()

    def text(self, document_id: DocumentId) -> str:
        """Return the text of a document, which all offsets refer to."""
        return self.document(document_id).text

    def add_ontology_file(self, data: bytes, source: str) -> str:
        """Keep an ontology and return its content hash."""
        return self.add_ontology(data, source).content_hash

    def extract(
        self, document_id: DocumentId, ontology: str, options: Options = USUAL, *, key: str | None = None
    ) -> Execution:
        """Start an extraction; see `AnyWorkspace.extract`."""
        plan, once = self._plan(ontology, options), Once.of(key, "extract", document_id, ontology, options)
        return self.start_extraction(self.document(document_id), plan, named=_models(options), once=once)

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
    ) -> Execution:
        """Start a batch; see `AnyWorkspace.extract_all`."""
        batch = KeptBatch(documents, self._plan(ontology, options), name, on_failure, at_once)
        once = Once.of(key, "extract_all", *documents, ontology, options, name, on_failure, at_once)
        return self.start_batch(batch, named=_models(options), once=once)

    def watch(self, given: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the events, and those that come; see `AnyWorkspace.watch`."""
        while True:
            found = self.execution(given)
            page = self.events(given, after=after)
            for event in page:
                after = event.seq
                yield event
            if not page:
                if found.status.terminal:
                    return
                time.sleep(_LOOK_EVERY)

    def _plan(self, ontology: str, options: Options) -> Plan:
        settings = ExtractionSettings(strategy=options.strategy, on_missing=options.on_missing)
        choice = ModelChoice(options.model, options.base_url)
        return Plan(self.ontology(ontology), choice, settings, options.limits)


def _models(options: Options) -> Models:
    return Models(priced=options.limits.cost_usd is not None)
