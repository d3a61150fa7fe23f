"""The lister of a batch: reads its files and writes what they are, some hundreds in a transaction, in order.

Whoever lists the same batch again goes on after the last document that was written.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
from sqlalchemy import delete, select

from lithograph.documents.read import read_document
from lithograph.domain.document import Document
from lithograph.domain.ids import OrganizationId
from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, NewExecution
from lithograph.durable.run import Worker
from lithograph.durable.starting import start_all
from lithograph.durable.status import Status
from lithograph.errors import DocumentError, StateError
from lithograph.extraction.extractor import Extractor
from lithograph.ontology.model import Ontology
from lithograph.storage.columns import insert_into
from lithograph.storage.schema import batch_document
from lithograph.workflow.batch.documents import count_of
from lithograph.workflow.batch.input import DOCUMENTS, batch_input_of
from lithograph.workflow.batch.listing import Found, shown
from lithograph.workflow.extraction import extraction_of
from lithograph.workflow.extraction_input import ExtractionInput
from lithograph.workflow.materials import keep_documents

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FILES, _BYTES = 250, 8_000_000
"""Files in a transaction, at most, and their bytes, about."""

_SLICE: Final = 25
"""Files that a thread reads before it takes others: most are read in less time than it takes to change threads."""

Then = Callable[["Connection", Execution], object]


class Lister:
    """Lists the documents of one batch that are not listed yet."""

    def __init__(
        self,
        worker: Worker,
        execution: Execution,
        files_of: Callable[[], Iterator[Found]],
        ontology: Ontology,
        extractor: Extractor,
        told: Callable[[int], object],
        then: Then,
    ) -> None:
        """`files_of` gives the files from the first one on; `told` is told how many documents are listed; `then` is
        called in the transaction in which the list is complete.
        """
        self._worker, self._execution, self._files_of = worker, execution, files_of
        self._ontology, self._extractor, self._given = ontology, extractor, batch_input_of(execution)
        self._told, self._then = told, then
        self._listed = 0
        self._files: Iterator[Found] = iter(())

    async def list_all(self) -> Execution:
        """List them, and let workers take the batch; return it as it is then."""
        await anyio.to_thread.run_sync(self._find_place)
        self._told(self._listed)
        while page := await anyio.to_thread.run_sync(self._next_page):
            outcomes = await self._read(page)
            if not await anyio.to_thread.run_sync(self._write, page, outcomes):
                break
            self._told(self._listed)
        return await anyio.to_thread.run_sync(self._admit)

    def _find_place(self) -> None:
        """Go to the first file that is not listed. Where the list does not fit the files any more it is begun anew."""
        storage, organization_id, batch_id = self._worker.storage, self._execution.organization_id, self._execution.id
        c = batch_document.c
        with storage.read(organization_id) as connection:
            count = count_of(connection, batch_id)
            last = select(c.source).where(c.batch_id == batch_id, c.position == count - 1)
            source = connection.execute(last).scalar()
        self._files, self._listed = self._files_of(), count
        if not count:
            return
        before = next(islice(self._files, count - 1, None), None)
        if before is None or shown(before.path) != source:
            with transaction(storage, organization_id, Transaction.START) as connection:
                if self._waits(connection):
                    connection.execute(delete(batch_document).where(c.batch_id == batch_id))
            self._files, self._listed = self._files_of(), 0

    def _next_page(self) -> list[Found]:
        page: list[Found] = []
        size = 0
        for found in islice(self._files, _FILES):
            page.append(found)
            size += max(0, found.size)
            if size > _BYTES:
                break
        return page

    async def _read(self, page: Sequence[Found]) -> Sequence[Document | DocumentError]:
        """Return what became of each file, in order."""
        outcomes: dict[int, list[Document | DocumentError]] = {}
        starts = iter(range(0, len(page), _SLICE))

        async def take() -> None:
            for start in starts:
                read = partial(_read_all, page[start : start + _SLICE], self._execution.organization_id)
                # Readers that are interrupted are left behind: their processes end by themselves.
                outcomes[start] = await anyio.to_thread.run_sync(read, abandon_on_cancel=True)

        async with anyio.create_task_group() as tasks:
            for _ in range(os.cpu_count() or 1):
                tasks.start_soon(take)
        return [outcome for _, some in sorted(outcomes.items()) for outcome in some]

    def _write(self, page: Sequence[Found], outcomes: Sequence[Document | DocumentError]) -> bool:
        """Write a page of the list; return False when somebody else has completed it."""
        with transaction(self._worker.storage, self._execution.organization_id, Transaction.START) as connection:
            if not self._waits(connection):
                return False
            documents = {one.id: one for one in outcomes if isinstance(one, Document)}
            keep_documents(connection, list(documents.values()), timestamp(self._worker.clock.now()))
            starts = {
                one.id: child_of(self._execution, self._given.of(one.id, one.source), self._ontology, self._extractor)
                for one in documents.values()
            }
            found = start_all(connection, list(starts.values()), self._worker.clock)
            rows = [
                {
                    "organization_id": self._execution.organization_id,
                    "batch_id": self._execution.id,
                    "position": position,
                    "source": shown(file.path),
                    "execution_id": found[starts[outcome.id].key] if isinstance(outcome, Document) else None,
                    "error": None if isinstance(outcome, Document) else str(outcome),
                }
                for position, (file, outcome) in enumerate(zip(page, outcomes, strict=True), start=self._listed)
            ]
            connection.execute(insert_into(connection, batch_document).on_conflict_do_nothing(), rows)
        self._listed += len(page)
        return True

    def _admit(self) -> Execution:
        storage, organization_id = self._worker.storage, self._execution.organization_id
        with transaction(storage, organization_id, Transaction.START) as connection:
            waits = self._waits(connection)
            found = executions.get(connection, organization_id, self._execution.id)
            if not waits:
                return found
            given = replace(batch_input_of(found), documents=self._listed).remembered()
            now = timestamp(self._worker.clock.now())
            found = executions.admit(connection, found, given, now, "batch.listed", {"total": self._listed})
            self._then(connection, found)
            return found

    def _waits(self, connection: "Connection") -> bool:
        """Whether the batch still waits for its list, which nobody else completes until the transaction ends."""
        found = executions.get(connection, self._execution.organization_id, self._execution.id, lock=True)
        if found.status is Status.CANCELLED:
            raise StateError(f"batch {found.id} was cancelled while its documents were being listed")
        return found.waiting_for == DOCUMENTS


def child_of(batch: Execution, given: ExtractionInput, ontology: Ontology, extractor: Extractor) -> NewExecution:
    """Return what the execution of one of a batch's documents is started with."""
    return replace(extraction_of(batch.organization_id, ontology, extractor, given), parent_id=batch.id)


def _read_all(files: Iterable[Found], organization_id: OrganizationId) -> list[Document | DocumentError]:
    outcomes: list[Document | DocumentError] = []
    for found in files:
        try:
            outcomes.append(read_document(found.path, organization_id=organization_id))
        except DocumentError as error:
            outcomes.append(error)
    return outcomes
