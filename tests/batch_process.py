"""The process that tests of batches kill: starts or continues a batch and carries it to its end.

    python -m tests.batch_process '{"database": "sqlite:///a.db", "folder": "docs", ...}'

The rules read the documents; every question is written down in a ledger, and takes some time, as if it were bought.
"""

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import anyio
import msgspec
from tests.journals import ORGANIZATION

from lithograph.documents.read import read_document
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Lease
from lithograph.durable.run import Worker
from lithograph.errors import AnswerError
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import Extractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.load import load_ontology
from lithograph.ontology.model import Ontology
from lithograph.storage.open import open_storage
from lithograph.testing.metered import Ledger, Metered, read_ledger
from lithograph.workflow.batch.input import OnFailure
from lithograph.workflow.batch.start import BatchPlan, start_batch
from lithograph.workflow.extractors import ModelChoice, rules_only
from lithograph.workflow.runner import Plan, run_one

REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to do. The first `refusals` questions about the document `ill` have no answer, whatever process asks."""

    database: str
    folder: str
    ontology: str
    ledger: str
    on_failure: OnFailure
    ill: str
    refusals: int
    latency: float = 0.03
    lease: float = 1.0
    at_once: int = 2
    concurrency: int = 2


def main(argument: str) -> None:
    """Do what the assignment says."""
    assignment = msgspec.json.decode(argument, type=Assignment)
    ledger = Ledger(Path(assignment.ledger))
    chunks = {chunk.id for chunk in chunk_document(read_document(Path(assignment.ill)))}

    def before(key: str) -> None:
        chunk = key.split("/")[1]
        refused = sum(entry.what == REFUSED for entry in read_ledger(Path(assignment.ledger)))
        if chunk in chunks and refused < assignment.refusals:
            ledger.write(REFUSED, key)
            raise AnswerError("the answer cannot be had this time")

    def named(choice: ModelChoice, ontology: Ontology) -> Extractor:
        return Metered(rules_only(choice, ontology), ledger, assignment.latency, before)

    settings = ExtractionSettings(concurrency=assignment.concurrency)
    plan = Plan(load_ontology(Path(assignment.ontology)), settings=settings)
    whole = BatchPlan([Path(assignment.folder)], plan, assignment.on_failure, assignment.at_once)

    async def work() -> None:
        batch = await start_batch(worker, whole, ORGANIZATION, named=named)
        await run_one(worker, batch.id, ORGANIZATION, named=named)

    with open_storage(assignment.database) as storage:
        lease = Lease("batch", assignment.lease, sole=storage.dialect == "sqlite")
        worker = Worker(storage, clock_of(storage), random.Random(0), lease)
        anyio.run(work)


if __name__ == "__main__":
    main(sys.argv[1])
