"""How many requests the API answers, how quickly, and what that costs an extraction which runs meanwhile.

    python -m benchmarks.api [--seconds 10] [--connections 16] [--rate 100] [--pairs 3] [--db URL]

Run it from the repository's root. `litho serve` has a process of its own, in which it also runs extractions with two
calls at a time to a fake model that answers after 200 ms in another one; so has the client, which keeps its
connections open. On a machine of two cores they have to share these. First comes FastAPI with one route that answers
a constant, which is what the framework allows on this machine at this moment; then, as fast as they are answered, how
an execution stands and a search among 20,000 entities, while the extraction runs.

The cost is taken in pairs, a stretch in which nothing is asked and one with so many requests a second of both kinds,
and is the median of what is lost of the chunks that are finished in a second. Without `--db` a PostgreSQL server of
its own is started, with fsync on.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Final
from urllib.parse import urlsplit

import anyio
import httpx2
from benchmarks.workers import KEYS, finished, server
from tests.graphs import KNOWS, PERSON, graph_of, published
from tests.serving import key_for

from lithograph.demo import demo_ontology
from lithograph.domain.ids import DEFAULT_ORGANIZATION, ExecutionId
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model.process import fake_model_process
from lithograph.testing.serving import ServeProcess, free_port

LATENCY, CALLS, CHUNKS = 0.2, 2, 8
ENTITIES: Final = 20_000
SLOWED: Final = 0.10
"""What an extraction may lose."""


@dataclass(frozen=True)
class Figures:
    """What a load came to; `p50` and `p99` are milliseconds."""

    rate: float
    p50: float
    p99: float
    errors: int


@dataclass(frozen=True)
class Scene:
    """A server with something to look at, and an extraction that does not end."""

    address: str
    key: str
    storage: Storage
    paths: dict[str, list[str]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to measure each")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second while the cost is taken")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--db", help="a server whose user may make databases and roles")
    parser.add_argument("--bare", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.bare:
        serve_bare(given.bare)
        return
    print(f"{'':<34}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'errors':>8}")
    with bare() as address:
        show("FastAPI, one route", loaded(address, "", ["/"], given.connections, given.seconds))
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/graph.db", given)
    with server(given.db) as running, running.database() as url:
        measure("PostgreSQL", url, given)


def measure(name: str, url: str, given: argparse.Namespace) -> None:
    with scene(url, given) as found:
        for what, paths in found.paths.items():
            show(f"{name}, {what}", loaded(found.address, found.key, paths, given.connections, given.seconds))
        both = [path for paths in found.paths.values() for path in paths]
        losses, together = [], []
        for _ in range(given.pairs):
            alone = chunks_per_second(found.storage, given.seconds)
            before, began = finished(found.storage), time.monotonic()
            together.append(loaded(found.address, found.key, both, given.connections, given.seconds, given.rate))
            with_load = (finished(found.storage) - before) / (time.monotonic() - began)
            losses.append(1 - with_load / alone)
            said = f"{alone:.1f} chunks/s alone, {with_load:.1f} with it"
        show(f"{name}, both at {given.rate:g} a second", max(together, key=lambda one: one.p99))
        verdict = "" if median(losses) < SLOWED else f"  (< {SLOWED:.0%} MISSED)"
        print(f"  the extraction is slowed by {median(losses):.1%} ({said}){verdict}", flush=True)


@contextmanager
def scene(url: str, given: argparse.Namespace) -> Iterator[Scene]:
    with fake_model_process(latency=LATENCY) as model, open_storage(url) as storage:
        known = graph(storage)
        key = "" if url.startswith("sqlite") else key_for(url, DEFAULT_ORGANIZATION)
        options = (f"--concurrency={CALLS}", "--executions=2", "--rate=1000000", f"--base-url={model.url}")
        with ServeProcess(url, options=options, environment=KEYS) as process:
            execution = start(process.address, key, model.url, given)
            searches = [f"/v1/graph/entities?execution={known}&search={name}" for name in ("sailor%2017", "AILOR%203")]
            paths = {"an execution": [f"/v1/executions/{execution}"], "a search": searches}
            while finished(storage) < 2 * CHUNKS:
                time.sleep(0.1)
            yield Scene(process.address, key, storage, paths)


def graph(storage: Storage) -> ExecutionId:
    """Publish the graph that is searched."""
    names = [f"Sailor {number}" for number in range(ENTITIES)]
    related = [(one, KNOWS, names[(7 * at + 1) % ENTITIES]) for at, one in enumerate(names) if at % 2]
    made = graph_of(dict.fromkeys(names, PERSON), related, organization_id=DEFAULT_ORGANIZATION)
    return published(storage, DEFAULT_ORGANIZATION, made)


def start(address: str, key: str, model: str, given: argparse.Namespace) -> str:
    """Start more extractions than can be done while this measures, and return one of them."""
    stretches = 2 + 2 * given.pairs
    needed = int(CALLS / LATENCY * given.seconds * (stretches + 4)) // CHUNKS + 5
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx2.Client(base_url=address, headers=headers, timeout=60) as client:
        ontology = client.post("/v1/ontologies", files={"file": ("ontology.ttl", demo_ontology())}).json()
        started = ""
        for number in range(needed):
            text = f"# Annals {number}\n\n{generated_text(CHUNKS, seed=number)}"
            document = client.post("/v1/documents", files={"file": (f"{number}.txt", text.encode())}).json()
            asked = {
                "document": document["id"],
                "ontology": ontology["content_hash"],
                "model": "openai:fake",
                "base_url": model,
                "strategy": "joint",
            }
            answer = client.post("/v1/extractions", json=asked)
            assert answer.status_code == 202, answer.text
            started = started or answer.json()["id"]
    return str(started)


def chunks_per_second(storage: Storage, seconds: float) -> float:
    before, began = finished(storage), time.monotonic()
    time.sleep(seconds)
    return (finished(storage) - before) / (time.monotonic() - began)


def loaded(
    address: str, key: str, paths: Sequence[str], connections: int, seconds: float, rate: float = 0.0
) -> Figures:
    """Return what a load from another process came to."""
    where = urlsplit(address)
    command = [sys.executable, "-m", "benchmarks.api_load", str(where.hostname), str(where.port), key]
    command += [str(connections), str(seconds), str(rate), *paths]
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Figures(said["answers"] / seconds, said["p50"], said["p99"], said["errors"])


def show(what: str, found: Figures) -> None:
    wrong = "" if not found.errors else "  (0 MISSED)"
    print(f"{what:<34}{found.rate:>12.0f}{found.p50:>10.1f}{found.p99:>10.1f}{found.errors:>8}{wrong}", flush=True)


@contextmanager
def bare() -> Iterator[str]:
    """Serve one route from a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.api", f"--bare={port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def serve_bare(port: int) -> None:
    from fastapi import FastAPI

    from lithograph.api.serving import bound

    app = FastAPI()

    @app.get("/")
    def answer() -> dict[str, str]:
        return {"status": "ok"}

    import uvicorn

    config = uvicorn.Config(app, access_log=False, log_config=None, http="h11", ws="none")
    listening = bound("127.0.0.1", port)
    print("serving", flush=True)
    anyio.run(partial(uvicorn.Server(config).serve, [listening]))


if __name__ == "__main__":
    main()
