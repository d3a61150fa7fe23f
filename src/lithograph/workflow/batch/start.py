"""Starting a batch: its files are read and its documents listed, some hundreds in a transaction.

Until the list is complete the batch waits, and no worker takes it. The same start again goes on where it stood.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from lithograph.domain.ids import OrganizationId, digest
from lithograph.durable import executions
from lithograph.durable.activities import input_hash
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import Execution, NewExecution
from lithograph.durable.queue import leave
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.errors import UsageError
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.settings import OnMissing
from lithograph.workflow.batch.input import BATCH, DOCUMENTS, VERSION, BatchInput, OnFailure, batch_input_of
from lithograph.workflow.batch.lister import Lister, Then
from lithograph.workflow.batch.listing import Found, Listing, look_over, shown, walk
from lithograph.workflow.extractors import ExtractorNamed, RemoteExtractor, rules_only
from lithograph.workflow.materials import keep_ontology
from lithograph.workflow.runner import Plan, alive, check

if TYPE_CHECKING:
    from sqlalchemy import Connection

Told = Callable[[int, int], object]
"""Is told how many documents are listed, and how many there are."""


_OF_A_DATABASE: Final = ("", "-wal", "-shm", ".lock")
"""What the names of an SQLite database's files end with."""


def untold(listed: int, files: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What is to be done with files, as a batch: `apart_from` are files that are none of its documents."""

    paths: Sequence[Path]
    plan: Plan
    on_failure: OnFailure = OnFailure.CONTINUE
    at_once: int = 3
    apart_from: Sequence[Path] = ()

    def files(self, database: Path | None = None) -> Iterator[Found]:
        """Yield its files, which those of a database are not among; see `walk`."""
        kept = [] if database is None else [database.with_name(database.name + end) for end in _OF_A_DATABASE]
        return walk(self.paths, [*self.apart_from, *kept])

    def input(self) -> BatchInput:
        """Return what the batch remembers before its documents are listed."""
        named = shown(self.paths[0])
        source = named if len(self.paths) == 1 else f"{named} and {len(self.paths) - 1:,} more"
        return planned(source, self.plan, self.on_failure, self.at_once)


def planned(source: str, plan: Plan, on_failure: OnFailure, at_once: int) -> BatchInput:
    """Return what a batch of this plan remembers before its documents are listed."""
    choice = plan.choice
    return BatchInput(
        source,
        plan.ontology.content_hash,
        choice.model,
        plan.settings,
        choice.base_url,
        choice.fallback,
        plan.limits,
        on_failure,
        at_once,
    )


async def start_batch(
    worker: Worker,
    batch: BatchPlan,
    organization_id: OrganizationId,
    *,
    named: ExtractorNamed = rules_only,
    told: Told = untold,
    then: Then = leave,
    checked: bool = True,
) -> Execution:
    """Return the batch of these files, with this ontology, model and these settings: the one there is, or a new one.

    `then` is called in the transaction in which its list is complete, and in which workers may take it. With `checked`
    a model is asked once whether it is there, before the first document of a new batch is listed for it. Which batch it
    is depends on the names, sizes and times of the files, not on how they are run. Raises `UsageError` when there is no
    file, and `StateError` when the batch was cancelled meanwhile.
    """
    extractor = named(batch.plan.choice, batch.plan.ontology)
    async with alive(worker):
        files_of = partial(batch.files, worker.storage.path)
        listing = await anyio.to_thread.run_sync(lambda: look_over(files_of()), abandon_on_cancel=True)
        if not listing.files:
            raise UsageError(f"there is no file in {shown(batch.paths[0])}; name the documents, or a folder of them")
        open_ = partial(_open, worker, batch, organization_id, extractor, listing)
        execution = await anyio.to_thread.run_sync(open_)
        if execution.waiting_for != DOCUMENTS or execution.status is not Status.PENDING:
            return execution
        if checked and isinstance(extractor, RemoteExtractor):
            await check(extractor)
        told_of = partial(_tell, told, listing.files)
        lister = Lister(worker, execution, files_of, batch.plan.ontology, extractor, told_of, then)
        return await lister.list_all()


def _tell(told: Told, files: int, listed: int) -> None:
    told(listed, max(listed, files))


def _open(
    worker: Worker, batch: BatchPlan, organization_id: OrganizationId, extractor: Extractor, listing: Listing
) -> Execution:
    with transaction(worker.storage, organization_id, Transaction.START) as connection:
        keep_ontology(connection, organization_id, batch.plan.ontology, timestamp(worker.clock.now()))
        return open_batch(connection, organization_id, batch.input(), listing.key, extractor, worker.clock)


def open_batch(
    connection: "Connection",
    organization_id: OrganizationId,
    given: BatchInput,
    documents: str,
    extractor: Extractor,
    clock: Clock,
) -> Execution:
    """Return the batch there is, which takes over how it is to be run from now on, or a new one that waits for its
    documents; `documents` identifies them.
    """
    lasting = replace(given.settings, on_missing=OnMissing.FAIL, concurrency=1)
    identity = extractor.identity
    asked = input_hash(identity.revision, (identity.name, sorted(identity.parameters.items()), lasting))
    key = digest("key", VERSION, documents, given.ontology, given.model, asked)
    new = NewExecution(organization_id, BATCH, VERSION, key, given.remembered(), waiting_for=DOCUMENTS)
    found = executions.start(connection, new, clock)
    wanted = replace(given, documents=batch_input_of(found).documents).remembered()
    if found.input != wanted and found.status is not Status.COMPLETED:
        executions.remember_input(connection, found, wanted)
    return executions.get(connection, organization_id, found.id)
