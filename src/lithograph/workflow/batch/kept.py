"""Starting a batch of documents that are kept already: in one transaction all of them are listed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select

from lithograph.domain.ids import DocumentId, ExecutionId, OrganizationId, digest
from lithograph.durable import executions
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution
from lithograph.durable.starting import start_all
from lithograph.durable.status import Status
from lithograph.errors import NotFoundError, UsageError
from lithograph.extraction.extractor import Extractor
from lithograph.storage.columns import insert_into
from lithograph.storage.open import Storage
from lithograph.storage.schema import batch_document, document
from lithograph.workflow.batch.input import DOCUMENTS, BatchInput, OnFailure, batch_input_of
from lithograph.workflow.batch.lister import Then, child_of
from lithograph.workflow.batch.start import open_batch, planned
from lithograph.workflow.materials import keep_on, keep_ontology
from lithograph.workflow.runner import Plan

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST: Final = 10_000
"""Documents of one such batch, at most: their list is one request and one transaction."""

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """What is to be done with documents that are kept, as a batch that people know as `name`."""

    documents: Sequence[DocumentId]
    plan: Plan
    name: str = ""
    on_failure: OnFailure = OnFailure.CONTINUE
    at_once: int = 3

    def input(self) -> BatchInput:
        """Return what the batch remembers before its documents are listed."""
        count = len(self.documents)
        source = self.name or f"{count:,} document{'' if count == 1 else 's'}"
        return planned(source, self.plan, self.on_failure, self.at_once)


def start_kept_batch(
    storage: Storage,
    organization_id: OrganizationId,
    batch: KeptBatch,
    extractor: Extractor,
    clock: Clock,
    then: Then,
) -> Execution:
    """Return the batch of these documents, which is ready to be run: the one there is, or a new one. `then` is called
    in the transaction that starts it.

    Raises `UsageError` for no documents or too many, `NotFoundError` for one that the organisation does not have.
    """
    wanted = tuple(dict.fromkeys(batch.documents))
    if not wanted:
        raise UsageError("a batch without documents does nothing: name at least one")
    if len(wanted) > MOST:
        raise UsageError(f"{len(wanted):,} documents are too many for one batch of this kind: name {MOST:,} at most")
    with transaction(storage, organization_id, Transaction.START) as connection:
        now = timestamp(clock.now())
        sources = _sources(connection, organization_id, wanted, now)
        keep_ontology(connection, organization_id, batch.plan.ontology, now)
        found = open_batch(connection, organization_id, batch.input(), digest("list", *wanted), extractor, clock)
        if found.waiting_for == DOCUMENTS and found.status is Status.PENDING:
            _list(connection, found, wanted, sources, batch, extractor, clock)
            given = replace(batch_input_of(found), documents=len(wanted)).remembered()
            found = executions.admit(connection, found, given, now, "batch.listed", {"total": len(wanted)})
        then(connection, found)
        return executions.get(connection, organization_id, found.id)


def _sources(
    connection: "Connection", organization_id: OrganizationId, wanted: Sequence[DocumentId], now: str
) -> dict[DocumentId, str]:
    """Return what each document is called. None is deleted before it is used."""
    c = document.c
    found: dict[DocumentId, str] = {}
    ordered = sorted(wanted)  # two at once wait in the same order
    for start in range(0, len(ordered), _PAGE):
        page = ordered[start : start + _PAGE]
        keep_on(connection, organization_id, page, now)
        mine = (c.organization_id == organization_id) & c.id.in_(page)
        found |= {DocumentId(row.id): row.source for row in connection.execute(select(c.id, c.source).where(mine))}
    for one in wanted:
        if one not in found:
            raise NotFoundError(f"document {one}")
    return found


def _list(
    connection: "Connection",
    found: Execution,
    wanted: Sequence[DocumentId],
    sources: dict[DocumentId, str],
    batch: KeptBatch,
    extractor: Extractor,
    clock: Clock,
) -> None:
    connection.execute(delete(batch_document).where(batch_document.c.batch_id == found.id))
    given = batch_input_of(found)
    children = {one: child_of(found, given.of(one, sources[one]), batch.plan.ontology, extractor) for one in wanted}
    ordered = sorted(children.values(), key=lambda child: child.key)  # two at once wait in the same order
    ids: dict[str, ExecutionId] = {}
    for start in range(0, len(ordered), _PAGE):
        ids |= start_all(connection, ordered[start : start + _PAGE], clock)
    for start in range(0, len(wanted), _PAGE):
        page = wanted[start : start + _PAGE]
        rows = [
            {
                "organization_id": found.organization_id,
                "batch_id": found.id,
                "position": position,
                "source": sources[one],
                "execution_id": ids[children[one].key],
                "error": None,
            }
            for position, one in enumerate(page, start=start)
        ]
        connection.execute(insert_into(connection, batch_document), rows)
