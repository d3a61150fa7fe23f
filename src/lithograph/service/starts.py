"""Starts: what begins to be worked on, once however often it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lithograph.domain.document import Document
from lithograph.domain.ids import OrganizationId
from lithograph.durable import executions
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.executions import Execution
from lithograph.service.control import Control
from lithograph.service.once import Once, remember_start, started_under
from lithograph.storage.open import Storage
from lithograph.workflow.extractors import ExtractorNamed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from lithograph.workflow.batch.kept import KeptBatch
    from lithograph.workflow.runner import Plan


@dataclass(frozen=True, slots=True)
class Starts:
    """Starts the executions of one organisation; see `Workspace`, which says what each does."""

    storage: Storage
    organization_id: OrganizationId
    clock: Clock
    control: Control

    def extraction(self, document: Document, plan: "Plan", named: ExtractorNamed, once: Once | None) -> Execution:
        """Start an extraction; see `Workspace.start_extraction`."""
        from lithograph.workflow.extraction import start_extraction

        if once is not None and (known := self._under(once)) is not None:
            return known
        extractor, then = named(plan.choice, plan.ontology), self._set_going(once)
        given = plan.input(document)
        return self._now(start_extraction(self.storage, document, plan.ontology, extractor, given, self.clock, then))

    def batch(self, batch: "KeptBatch", named: ExtractorNamed, once: Once | None) -> Execution:
        """Start a batch; see `Workspace.start_batch`."""
        from lithograph.workflow.batch.kept import start_kept_batch

        if once is not None and (known := self._under(once)) is not None:
            return known
        extractor, then = named(batch.plan.choice, batch.plan.ontology), self._set_going(once)
        return self._now(start_kept_batch(self.storage, self.organization_id, batch, extractor, self.clock, then))

    def _now(self, started: Execution) -> Execution:
        """Return an execution as it is after it was set going."""
        with self.storage.read(self.organization_id) as connection:
            return executions.get(connection, self.organization_id, started.id)

    def _under(self, once: Once) -> Execution | None:
        with self.storage.read(self.organization_id) as connection:
            found = started_under(connection, self.organization_id, once)
            return None if found is None else executions.get(connection, self.organization_id, found)

    def _set_going(self, once: Once | None) -> "Callable[[Connection, Execution], None]":
        """Return what is to be done in the transaction that starts something."""

        def then(connection: "Connection", found: Execution) -> None:
            self.control.go_on(connection, found)
            if once is not None:
                remember_start(connection, self.organization_id, once, found.id, timestamp(self.clock.now()))

        return then
