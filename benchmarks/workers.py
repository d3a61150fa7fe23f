"""How work scales over workers on one PostgreSQL, and whether one organisation's queue keeps another one waiting.

    python -m benchmarks.workers [--workers 1,2,4,8] [--seconds 15] [--queued 5000] [--db URL]

Run it from the repository's root. A fake model in a process of its own answers after 200 ms; every worker may have two
calls in flight, so that a machine of two cores has room for eight of them. A rate is of chunks finished between two
moments at which every worker was at work. Linear is the rate of one worker, times their number. Without `--db` a server
of its own is started, with fsync on.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from tests import postgres
from tests.postgres import Server

from lithograph.demo import demo_ontology
from lithograph.domain.document import Document
from lithograph.domain.ids import DEFAULT_ORGANIZATION, ExecutionId, OrganizationId
from lithograph.durable import executions
from lithograph.durable.clock import seconds_of
from lithograph.durable.database_clock import clock_of
from lithograph.durable.queue import enqueue_unended
from lithograph.durable.writes import ActivityStatus
from lithograph.extraction.settings import ExtractionSettings, Strategy
from lithograph.ontology.load import ontology_from_bytes
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import workflow_activity, workflow_execution
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model.process import fake_model_process
from lithograph.testing.workers import WorkerProcess, workers
from lithograph.workflow.extraction import start_extraction
from lithograph.workflow.extractors import ModelChoice, rules_only
from lithograph.workflow.models import Models
from lithograph.workflow.runner import Plan

ONTOLOGY = ontology_from_bytes(demo_ontology(), source="ontology.ttl")
LATENCY, CALLS = 0.2, 2
CHUNKS = 8
"""Chunks of a document."""
SCALE, TURN = 0.9, 2.0
KEYS = {"OPENAI_API_KEY": "benchmark"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", default="1,2,4,8", help="numbers of workers to measure")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to measure each")
    parser.add_argument("--queued", type=int, default=5_000, help="documents of the organisation that comes first")
    parser.add_argument("--db", help="a server whose user may make databases and roles")
    given = parser.parse_args(arguments)
    with server(given.db) as running:
        print_scale(running, [int(count) for count in given.workers.split(",")], given.seconds)
        print_turns(running, given.queued)


@contextmanager
def server(url: str | None) -> Iterator[Server]:
    if url is not None:
        with postgres.prepared(Server(url)) as ready:
            yield ready
        return
    folder = Path(tempfile.mkdtemp(prefix="lithograph-postgres-"))
    with postgres.started(folder, fsync=True) as own, postgres.prepared(Server(own)) as ready:
        yield ready


def print_scale(running: Server, counts: Sequence[int], seconds: float) -> None:
    """Print the rate of every number of workers, and what it is of linear."""
    one = 0.0
    print(f"{'workers':<12}{'chunks/s':>10}{'of linear':>12}{'the model allows':>20}")
    for count in counts:
        rate = measured(running, count, seconds)
        one = one or rate / count
        share = rate / (one * count)
        verdict = "" if share >= SCALE else f"  (>= {SCALE} MISSED)"
        print(f"{count:<12}{rate:>10.1f}{share:>12.2f}{count * CALLS / LATENCY:>20.1f}{verdict}", flush=True)


def measured(running: Server, count: int, seconds: float) -> float:
    """Return the chunks that so many workers finish in a second."""
    needed = int(count * CALLS / LATENCY * (seconds + 10)) // CHUNKS + 20 * count
    with (
        fake_model_process(latency=LATENCY) as model,
        running.database() as url,
        open_storage(url) as storage,
        workers(count, url, 45.0, f"--concurrency={CALLS}", "--executions=6", environment=KEYS),
    ):
        choice = ModelChoice("openai:fake", model.url)
        for number in range(needed):
            queue(storage, number, CHUNKS, choice, DEFAULT_ORGANIZATION)
            if number == 2 * count * 6:  # everybody has something to do; the others come while they do it
                time.sleep(0.1)
        time.sleep(2)
        began, before = time.monotonic(), finished(storage)
        time.sleep(seconds)
        return (finished(storage) - before) / (time.monotonic() - began)


def queue(
    storage: Storage, number: int, chunks: int, choice: ModelChoice, organization_id: OrganizationId
) -> ExecutionId:
    text = f"# Annals {number}\n\n{generated_text(chunks, seed=number)}"
    document = Document.from_text(text, source=f"annals-{number}.txt", organization_id=organization_id)
    plan = Plan(ONTOLOGY, choice, ExtractionSettings(strategy=Strategy.JOINT))
    extractor = rules_only(choice, ONTOLOGY) if choice == ModelChoice() else Models(environment=KEYS)(choice, ONTOLOGY)
    given, clock = plan.input(document), clock_of(storage)
    return start_extraction(storage, document, ONTOLOGY, extractor, given, clock, enqueue_unended).id


def finished(storage: Storage) -> int:
    c = workflow_activity.c
    with storage.read(DEFAULT_ORGANIZATION) as connection:
        done = select(func.count()).select_from(workflow_activity).where(c.status == ActivityStatus.COMPLETED)
        return connection.execute(done).scalar_one()


def print_turns(running: Server, queued: int) -> None:
    """Print how long the second organisation's document waits behind the first one's."""
    first, second = OrganizationId("first"), OrganizationId("second")
    with running.database() as url, open_storage(url) as storage:
        began = time.monotonic()
        for number in range(queued):
            queue(storage, number, 1, ModelChoice(), first)
        took = time.monotonic() - began
        with WorkerProcess(url):
            while left(storage, first) == queued:
                time.sleep(0.05)
            one = queue(storage, 0, 1, ModelChoice(), second)
            with storage.read(second) as connection:
                asked = seconds_of(executions.get(connection, second, one).created_at)
            begun = None
            while begun is None:
                time.sleep(0.05)
                with storage.read(second) as connection:
                    begun = executions.get(connection, second, one).started_at
            waiting = left(storage, first)
    waited = seconds_of(begun) - asked
    print(f"\n{queued} documents of one organisation queued in {took:.1f} s; {waiting} of them had not begun when the")
    verdict = "" if waited <= TURN else "  MISSED"
    print(f"one of another organisation began, {waited:.2f} s after it was queued (<= {TURN:.0f} s){verdict}")


def left(storage: Storage, organization_id: OrganizationId) -> int:
    with storage.read(organization_id) as connection:
        pending = select(func.count()).select_from(workflow_execution).where(workflow_execution.c.status == "pending")
        return connection.execute(pending).scalar_one()


if __name__ == "__main__":
    main()
