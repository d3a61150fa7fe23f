"""One extraction of a generated text with a stand-in for a model, plain or durable: what it takes."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache

import anyio
from benchmarks.standin import StandIn

from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.domain.result import ExtractionResult
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Lease
from lithograph.durable.run import Worker
from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    MentionAnswer,
    MentionQuestion,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.load import ontology_from_bytes
from lithograph.ontology.model import Ontology
from lithograph.storage.open import open_storage
from lithograph.testing.corpus import generated_text
from lithograph.workflow.extraction import run_extraction, start_extraction
from lithograph.workflow.extraction_input import ExtractionInput

CHUNKS = 200
SETTINGS = ExtractionSettings()


@dataclass(frozen=True, slots=True)
class Extraction:
    """Seconds, the stand-in's own CPU time not counted; `ideal` is the time in which the calls alone can be made."""

    seconds: float
    cpu: float
    chunks: int
    ideal: float


class Slow(StandIn):
    """A stand-in that answers after `latency` seconds and counts its calls."""

    def __init__(self, latency: float) -> None:
        super().__init__()
        self.latency, self.calls = latency, 0

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        await self._wait()
        return await super().mentions(question)

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        await self._wait()
        return await super().entities(question)

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        await self._wait()
        return await super().relations(question)

    async def _wait(self) -> None:
        self.calls += 1
        await anyio.sleep(self.latency)


@cache
def ontology() -> Ontology:
    return ontology_from_bytes(demo_ontology(), source="demo.ttl")


@cache
def document(chunks: int) -> Document:
    return Document.from_text(generated_text(chunks), source="generated.txt")


def plain(latency: float) -> Extraction:
    """Run the pipeline as it is."""
    pipeline = ExtractionPipeline(ontology(), StandIn(), SETTINGS)
    anyio.run(pipeline.run, document(1))  # loads what is loaded on first use

    async def work(model: Slow) -> ExtractionResult:
        return await ExtractionPipeline(ontology(), model, SETTINGS).run(document(CHUNKS))

    return _measured(latency, work)


def durable(url: str, latency: float) -> Extraction:
    """Run it through a journal in a new database."""
    with open_storage(url) as storage:
        clock = clock_of(storage)
        worker = Worker(storage, clock, random.Random(0), Lease("benchmark", sole=True))

        async def work(model: Slow) -> None:
            given = ExtractionInput(document(CHUNKS).id, "generated.txt", ontology().content_hash, "stand-in", SETTINGS)
            execution = start_extraction(storage, document(CHUNKS), ontology(), model, given, clock)
            await run_extraction(worker, execution, named=lambda _name, _ontology: model)

        return _measured(latency, work)


def _measured(latency: float, work: Callable[[Slow], Awaitable[object]]) -> Extraction:
    model = Slow(latency)
    cpu, wall = time.process_time(), time.perf_counter()
    anyio.run(work, model)
    seconds, used = time.perf_counter() - wall, time.process_time() - cpu
    ideal = model.calls * latency / SETTINGS.concurrency
    return Extraction(seconds - model.wall * (not latency), used - model.cpu, CHUNKS, ideal)
