"""Kinds: what a worker can run, by type and version of the workflow."""

from collections.abc import Sequence

from lithograph.durable.executions import Execution
from lithograph.durable.run import Worker
from lithograph.durable.status import Status
from lithograph.storage.open import Storage
from lithograph.workflow.comeback import Comeback
from lithograph.workflow.dispatch import Kind
from lithograph.workflow.extraction import EXTRACTION, VERSION, run_extraction
from lithograph.workflow.extractors import ExtractorNamed


def kinds_of(storage: Storage, named: ExtractorNamed, at_once: int) -> Sequence[Kind]:
    """Return what this version can run with these models, `at_once` extractions at the same time."""

    async def extract(worker: Worker, execution: Execution, resume: bool) -> Status:
        return await run_extraction(worker, execution, named=named, resume=resume)

    return (Kind(EXTRACTION, VERSION, extract, at_once, Comeback(storage, named)),)
