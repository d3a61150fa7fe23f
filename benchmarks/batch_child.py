"""One process of `benchmarks.batch`: it queues a folder as a batch, runs some of it, or looks at it, and prints what it
took as JSON.
"""

import json
import random
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import anyio

from lithograph.domain.ids import DEFAULT_ORGANIZATION, ExecutionId
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Execution, Lease
from lithograph.durable.run import Worker, journaling
from lithograph.ontology.load import load_ontology
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage, open_storage
from lithograph.workflow.batch.children import InProcess
from lithograph.workflow.batch.listing import look_over
from lithograph.workflow.batch.run import run_batch
from lithograph.workflow.batch.start import BatchPlan, start_batch
from lithograph.workflow.extractors import remembering, rules_only
from lithograph.workflow.runner import Plan, run_one


def main(what: str, url: str, folder: str, *more: str) -> dict[str, object]:
    with open_storage(url) as storage:
        worker = Worker(storage, clock_of(storage), random.Random(0), Lease("benchmark", sole=True))
        if what == "look":
            return {"seconds": min(_look(storage, *more) for _ in range(5))}
        plan = BatchPlan([Path(folder) / "docs"], Plan(load_ontology(Path(folder) / "ontology.ttl")))
        began = time.perf_counter()
        look_over(plan.files())
        over = time.perf_counter() - began
        began = time.perf_counter()
        batch = anyio.run(start_batch, worker, plan, DEFAULT_ORGANIZATION)
        if what == "run":
            began = time.perf_counter()
            anyio.run(_run, worker, batch, int(more[0]))
        return {
            "batch": batch.id,
            "look_over": over,
            "seconds": time.perf_counter() - began,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


async def _run(worker: Worker, batch: Execution, documents: int) -> None:
    """Run a batch until so many of its documents have ended."""
    ended = 0
    named = remembering(rules_only)

    async def run(child: ExecutionId) -> Execution:
        nonlocal ended
        part = await run_one(sharing, child, DEFAULT_ORGANIZATION, named=named)
        ended += 1
        if ended == documents:
            scope.cancel()
        return part.execution

    with journaling(worker) as writer, anyio.CancelScope() as scope:
        sharing = replace(worker, writer=writer)
        await run_batch(sharing, batch, InProcess(sharing, run), named=named)


def _look(storage: Storage, what: str, batch: str) -> float:
    workspace = Workspace(storage, DEFAULT_ORGANIZATION)
    began = time.perf_counter()
    if what == "list":
        workspace.executions(children=False)
    else:
        workspace.batch(batch)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
