"""Kinds: what a worker can run, by type and version of the workflow."""

from collections.abc import Sequence
from typing import Final

from lithograph.durable.executions import Execution
from lithograph.durable.listen import Listener
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.workflow import extraction_input
from lithograph.workflow.attend import Kind
from lithograph.workflow.batch import input as batch_input
from lithograph.workflow.batch.queue import Queued
from lithograph.workflow.batch.run import run_batch
from lithograph.workflow.comeback import Comeback
from lithograph.workflow.extraction import run_extraction
from lithograph.workflow.extractors import ExtractorNamed, remembering
from lithograph.workflow.runner import run_documents

_BATCHES: Final = 100
"""Batches that a worker looks after at the same time. Their documents have places of their own, so that they never wait
for each other.
"""


def kinds_of(worker: Worker, named: ExtractorNamed, at_once: int, listener: Listener) -> Sequence[Kind]:
    """Return what this version can run with these models, `at_once` extractions at the same time."""
    known = remembering(named)

    async def extract(worker: Worker, execution: Execution, resume: bool) -> Status:
        return await run_extraction(worker, execution, named=known, resume=resume)

    async def look_after(worker: Worker, batch: Execution, resume: bool) -> Status:
        if worker.storage.dialect == "sqlite":  # there is nobody else who could run its documents
            return await run_documents(worker, batch, known, resume=resume)
        return await run_batch(worker, batch, Queued(worker, listener), named=known, resume=resume)

    return (
        Kind(extraction_input.EXTRACTION, extraction_input.VERSION, extract, at_once, Comeback(worker.storage, known)),
        Kind(batch_input.BATCH, batch_input.VERSION, look_after, _BATCHES, _ready),
    )


async def _ready(batch: Execution) -> bool:  # noqa: ARG001  # it asks no provider itself
    return True
