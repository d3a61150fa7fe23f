"""A limit of requests per minute that workers share through PostgreSQL: whether it is kept, used, and what it costs.

    python -m benchmarks.shared_limit [--workers 8] [--requests 600] [--seconds 185] [--db URL]

Run it from the repository's root. Workers have more to do than the limit allows, against a fake model in a process of
its own that answers after 200 ms and notes when each request came; where it may, it takes precedence over other
processes, since a provider does not suffer from what this machine has to do. The busiest minute is the most that any 60
seconds hold; what is used of the limit is the mean of all the minutes after the first. Questions are those that the
workers put to the database, as it counts them itself. What one costs is measured beside it, by how many grants count:
eight workers at their limit have about 350. Without `--db` a server of its own is started, with fsync on.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import msgspec
import psycopg
from benchmarks.workers import KEYS, queue, server
from sqlalchemy import make_url
from tests.postgres import Server

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.resilience.allowance import Demand
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.tenancy import QUEUE
from lithograph.testing.fake_model import FakeModel, serve_fake_model
from lithograph.testing.fake_model.exchange import Call, HttpRequest
from lithograph.testing.workers import WorkerProcess, workers
from lithograph.workflow.allowance import ServerAllowance, Terms
from lithograph.workflow.extractors import ModelChoice

LATENCY, CHUNKS, MINUTE, USED = 0.2, 8, 60.0, 0.95
_TICKS: Final = 100
"""Of CPU time in a second, as Linux counts it for other processes."""


class Noting(FakeModel):
    """Notes when each request came, in seconds of the machine's monotonic clock."""

    def __init__(self) -> None:
        super().__init__(latency=LATENCY)
        self.came: list[float] = []

    async def receive(self, request: HttpRequest) -> Call:
        self.came.append(time.monotonic())
        return await super().receive(request)


async def serve() -> None:
    """Serve until told to end; print the URL at the beginning, and at the end when each request came."""
    with suppress(PermissionError):
        os.nice(-10)
    with anyio.open_signal_receiver(signal.SIGTERM) as told:
        async with serve_fake_model(model := Noting()) as served:
            print(served.url, flush=True)
            async for _ in told:
                break
    print(msgspec.json.encode(model.came).decode(), flush=True)


@dataclass(slots=True)
class Provider:
    """A fake model in a process of its own; `came` is known when it has ended."""

    url: str
    came: list[float] = field(default_factory=list)


@contextmanager
def provider() -> Iterator[Provider]:
    command = [sys.executable, "-m", "benchmarks.shared_limit", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        running = Provider(process.stdout.readline().strip())
        try:
            yield running
        finally:
            process.send_signal(signal.SIGTERM)
            running.came += msgspec.json.decode(process.stdout.read(), type=list[float])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--requests", type=int, default=600, help="the limit of a minute")
    parser.add_argument("--seconds", type=float, default=185.0, help="how long to measure, 121 at least")
    parser.add_argument("--db", help="a server whose user may make databases and roles")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.serve:
        anyio.run(serve)
        return
    if given.seconds <= 2 * MINUTE:
        parser.error("a minute after the first one must fit in")
    with server(given.db) as running:
        running.execute("ALTER SYSTEM SET track_functions = 'all'", "SELECT pg_reload_conf()")
        with running.database() as url, open_storage(url) as storage:
            print_shared(running, storage, given.workers, given.requests, given.seconds)
        with running.database() as url, open_storage(url) as storage:
            print_question(running, storage)


def print_shared(running: Server, storage: Storage, count: int, limit: int, seconds: float) -> None:
    """Print what the workers made of the limit."""
    with (
        provider() as model,
        workers(count, storage.url, 45.0, f"--requests-per-minute={limit}", environment=KEYS) as crew,
    ):
        for number in range(int(limit * (1 + seconds / MINUTE)) // CHUNKS + 20 * count):
            queue(storage, number, CHUNKS, ModelChoice("openai:fake", model.url), DEFAULT_ORGANIZATION)
        before, spent = asked(running, storage), cpu(crew)
        time.sleep(seconds)
        after, spent = asked(running, storage), cpu(crew) - spent
    came = [at - model.came[0] for at in model.came if at <= model.came[0] + seconds]
    busiest = max(minutes(came, came))
    starts = [MINUTE + tenth / 10 for tenth in range(int(10 * (seconds - 2 * MINUTE)) + 1)]
    steady = minutes(came, starts)
    used = sum(steady) / len(steady) / limit
    questions, took = after[0] - before[0], after[1] - before[1]
    row("workers", f"{count}")
    row("requests that came", f"{len(came)} in {seconds:.0f} s")
    row("load of the machine, beside its cores", f"{os.getloadavg()[0]:.1f}, {os.cpu_count()}")
    row("the busiest minute", f"{busiest}", busiest <= limit, f"<= {limit}")
    row("used of the limit", f"{used:.1%}", used >= USED, f">= {USED:.0%}")
    row("  in the minute that used least", f"{min(steady) / limit:.1%}")
    row("questions a second, of all", f"{questions / seconds:.1f}")
    row("questions a second and worker", f"{questions / seconds / count:.2f}", questions / seconds / count <= 2, "<= 2")
    row("time in the database", f"{took / questions:.2f} ms a question, {took / seconds / 1000:.2%} of a core")
    row("CPU of the workers, all that they do", f"{spent / seconds / count:.1%} of a core each")


def minutes(came: Sequence[float], starts: Sequence[float]) -> list[int]:
    """Return how many came in the minute that begins at each of these times; all times grow."""
    return [bisect_left(came, start + MINUTE) - bisect_left(came, start) for start in starts]


def asked(running: Server, storage: Storage) -> tuple[int, float]:
    """Return how often the database was asked for room, and for how many milliseconds it was at that."""
    statement = "SELECT calls, total_time FROM pg_stat_user_functions WHERE funcname = 'lithograph_allowance'"
    with administrator(running, storage) as connection:
        return connection.execute(statement).fetchone() or (0, 0.0)


def administrator(running: Server, storage: Storage) -> "psycopg.Connection[tuple[int, float]]":
    return psycopg.connect(running.administrator(make_url(storage.url).database or ""))


def cpu(crew: Sequence[WorkerProcess]) -> float:
    """Return the seconds of CPU time that the workers took."""
    fields = [Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split() for worker in crew]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS


def print_question(running: Server, storage: Storage, count: int = 300) -> None:
    """Print what a question costs, depending on how many grants count."""
    for grants in (0, 1_000, 10_000):
        key = f"benchmark {grants}"
        with administrator(running, storage) as connection:
            connection.execute(
                f"INSERT INTO {QUEUE}.provider_grant (key, process, granted_at, counts_until, requests, tokens) "
                "SELECT %s, 'somebody', now(), now() + interval '1 hour', 1, 0 FROM generate_series(1, %s)",
                (key, grants),
            )
        began, spent = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        anyio.run(ask, ServerAllowance(storage, key, Terms(1_000_000, None)), count)
        wall, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
        own = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
        row(
            f"a question, {grants:,} grants counting",
            f"{1e3 * wall / count:.2f} ms, {1e3 * own / count:.2f} ms of it CPU",
        )


async def ask(allowance: ServerAllowance, count: int) -> None:
    """Ask so often for one request."""
    known = 0
    for _ in range(count):
        known = (await allowance.take(Demand(1, 0, 0, known))).number


def row(what: str, value: str, met: bool | None = None, target: str = "") -> None:
    verdict = "" if met is None else f"   {target}{'' if met else '  MISSED'}"
    print(f"{what:<40}{value:>12}{verdict}", flush=True)


if __name__ == "__main__":
    main()
