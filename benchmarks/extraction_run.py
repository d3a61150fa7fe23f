"""The process that `benchmarks.extraction` measures: one durable extraction of a folder, as `litho extract` does it.

    python -m benchmarks.extraction_run '{"folder": "...", "database": "sqlite:///...", "base_url": "http://..."}'

Prints one JSON object, an `Outcome`. CPU and wall are from the first execution's start to the end of the last one.
"""

import resource
import sys
import time
from hashlib import sha256
from pathlib import Path

import anyio
import msgspec

from lithograph.cli.garbage import collect_seldom
from lithograph.demo import demo_ontology
from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable.clock import SystemClock, system_random
from lithograph.durable.executions import Lease
from lithograph.durable.run import Worker
from lithograph.extraction.settings import ExtractionSettings, OnMissing, Strategy
from lithograph.graph.export.result_json import canonical_bytes
from lithograph.ontology.load import ontology_from_bytes
from lithograph.resilience.provider import ProviderLimits
from lithograph.storage.open import open_storage
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Plan, Run, Watching, run_files


class Assignment(msgspec.Struct, frozen=True):
    """What to run, with how many calls at once; `reset_after` is the circuit's, in seconds."""

    folder: str
    database: str
    base_url: str
    strategy: Strategy = Strategy.STAGED
    concurrency: int = 20
    reset_after: float = 30.0
    on_missing: OnMissing = OnMissing.SKIP

    @property
    def paths(self) -> list[Path]:
        """The documents."""
        return sorted(Path(self.folder).glob("*.txt"))


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `setup` is the seconds of the process before it began; `labels` are those of all entities."""

    setup: float
    wall: float
    cpu: float
    peak: float
    chunks: int
    missing: int
    statuses: tuple[str, ...]
    labels: tuple[str, ...]
    calls: int
    tokens: int
    digest: str


BORN = time.perf_counter()


def main(argument: str) -> None:
    given = msgspec.json.decode(argument, type=Assignment)
    with open_storage(given.database) as storage:
        worker = Worker(storage, SystemClock(), system_random(), Lease("benchmark", sole=True))
        began: list[float] = []
        collect_seldom()
        run, wall, cpu = anyio.run(_run, worker, given, began)
        result = run.result(storage)
    outcome = Outcome(
        setup=began[0] - BORN if began else 0.0,
        wall=wall,
        cpu=cpu,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        chunks=result.stats.chunks,
        missing=len(result.missing),
        statuses=tuple(sorted({str(execution.status) for execution in run.executions})),
        labels=tuple(entity.label for entity in result.graph.entities),
        calls=result.stats.usage.calls,
        tokens=result.stats.usage.tokens,
        digest=sha256(canonical_bytes(result)).hexdigest(),
    )
    sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")


async def _run(worker: Worker, given: Assignment, began: list[float]) -> tuple[Run, float, float]:
    settings = ExtractionSettings(concurrency=given.concurrency, strategy=given.strategy, on_missing=given.on_missing)
    plan = Plan(
        ontology_from_bytes(demo_ontology(), source="demo.ttl"), ModelChoice("openai:fake", given.base_url), settings
    )
    models = Models(ProviderLimits(given.concurrency, reset_after=given.reset_after))
    cpu: list[float] = []

    def begins(_: object) -> None:
        if not began:
            began.append(time.perf_counter())
            cpu.append(time.process_time())

    try:
        run = await run_files(
            worker, given.paths, plan, DEFAULT_ORGANIZATION, named=models, watching=Watching(began=begins)
        )
    finally:
        await models.aclose()
    if not began:
        return run, 0.0, 0.0
    return run, time.perf_counter() - began[0], time.process_time() - cpu[0]


if __name__ == "__main__":
    main(sys.argv[1])
