"""What durability costs: the journal against raw commits, the replay of a long one, durable against plain extraction.

    python -m benchmarks.journal [--folder FOLDER] [--quick] [--peers]

Run it from the repository's root. Raw is one connection to an SQLite file (WAL, synchronous FULL) that commits one row
of as many bytes as an activity and its event take, in the same run and the same folder. Extraction runs over a
generated text with the stand-in of `benchmarks.standin`, which waits for the model's latency; its own CPU time is
subtracted. Ideal is `calls * latency / concurrency`. The best of several repetitions counts, since other work on the
machine only ever makes it slower. How many times raw the concurrent journal is depends on the disk: the journal costs
CPU, a raw commit waits for the disk, whose `fdatasync` is measured beside them. `--peers` adds DBOS, where this Python
has it, or the one that the environment variable BENCHMARK_PEERS_PYTHON names.
"""

import argparse
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from benchmarks.durability import Extraction, durable, plain

from lithograph.domain.ids import DEFAULT_ORGANIZATION, ExecutionId
from lithograph.durable import executions
from lithograph.durable.clock import SystemClock
from lithograph.durable.executions import Lease, NewExecution
from lithograph.durable.run import Context, Outcome, Worker, run_execution
from lithograph.durable.status import Status
from lithograph.storage.open import Storage, open_storage

RESULT = '{"found": "' + "x" * 2_000 + '"}'
"""About what a chunk's mentions take."""
ONE, MANY, PLAIN, CPU, REPLAY = 0.6, 10.0, 1.05, 5.0, 1.0
"""Targets: times raw one at a time and concurrent, durable over plain, CPU ms a chunk, seconds for 10,000."""
CONCURRENT = 100
REPEATS = 3


class TextCodec:
    """Results that are JSON already."""

    def encode(self, result: str) -> str:
        return result

    def decode(self, result: str) -> str:
        return result

    def usage(self, result: str) -> str | None:  # noqa: ARG002  # every result costs the same
        return '{"calls": 1, "input_tokens": 1200, "output_tokens": 300, "cost_usd": 0.001}'

    def events(self, name: str, result: str) -> Iterator[tuple[str, Mapping[str, object]]]:  # noqa: ARG002
        yield from ()


async def answer(number: int) -> str:  # noqa: ARG001  # all answers are alike
    """Return what an activity gives."""
    return RESULT


@dataclass(slots=True)
class Measured:
    """Seconds and bytes of one run of some activities."""

    seconds: float = 0.0
    written: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="journal", description="What durability costs.")
    parser.add_argument("--folder", type=Path, help="where the databases lie meanwhile")
    parser.add_argument("--quick", action="store_true", help="no 100,000 activities")
    parser.add_argument("--peers", action="store_true", help="measure DBOS too, where it is installed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(f"{'what':44} {'value':>12}   target")
        rate = print_rates(Path(folder))
        if options.peers:
            print_dbos(Path(folder), rate)
        print_replay(Path(folder), (10_000,) if options.quick else (10_000, 100_000))
        print_extraction(Path(folder))


def print_rates(folder: Path) -> float:
    """Print how many activities are journaled in a second, and what each writes; return the rate of raw commits."""
    count = 1_000
    rows = [
        (raw(folder, count), journaled(folder, count, 1), journaled(folder, 10 * count, CONCURRENT))
        for _ in range(REPEATS)
    ]
    base, one, many = (min(column, key=lambda m: m.seconds) for column in zip(*rows, strict=True))
    rate: float = count / base.seconds
    row("fdatasync of 4 KB", f"{1e6 * sync(folder):.0f} us")
    row("raw INSERT + COMMIT", f"{rate:.0f} /s")
    row("activities one at a time", f"{count / one.seconds:.0f} /s")
    ratio = count / one.seconds / rate
    row("  times raw", f"{ratio:.2f} x", f">= {ONE}", ratio >= ONE)
    row(f"activities, {CONCURRENT} at once", f"{10 * count / many.seconds:.0f} /s")
    ratio = 10 * count / many.seconds / rate
    row("  times raw", f"{ratio:.1f} x", f">= {MANY:g}", ratio >= MANY)
    row("bytes written, raw", f"{base.written / count:.0f}")
    row("bytes written, one at a time", f"{one.written / count:.0f}")
    row(f"bytes written, {CONCURRENT} at once", f"{many.written / (10 * count):.0f}")
    return rate


def sync(folder: Path, count: int = 200) -> float:
    """Return the seconds in which the disk says that 4 KB more are safe, as a median."""
    seconds = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def print_dbos(folder: Path, rate: float) -> None:
    """Print the same rates of DBOS."""
    python = os.environ.get("BENCHMARK_PEERS_PYTHON", sys.executable)
    script = Path(__file__).with_name("dbos_rates.py")
    done = subprocess.run(
        [python, script, folder, "1000", str(CONCURRENT)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        row("DBOS", "not installed" if "No module named 'dbos'" in done.stderr else "failed")
        return
    for what, value in zip(("one at a time", f"{CONCURRENT} at once"), map(float, done.stdout.split()), strict=True):
        row(f"DBOS, steps {what}", f"{value:.0f} /s")
        row("  times raw", f"{value / rate:.2f} x")


def print_replay(folder: Path, sizes: Sequence[int]) -> None:
    """Print how long it takes until an execution that was interrupted has all its results again."""
    for size in sizes:
        with open_storage(f"sqlite:///{folder}/replay-{size}.db") as storage:
            execution = started(storage)
            run(storage, execution, size, 1_000)
            seconds = min(run(storage, execution, size, CONCURRENT).seconds for _ in range(REPEATS))
        target = REPLAY * size / 10_000
        row(f"load and replay {size:,} activities", f"{seconds:.2f} s", f"<= {target:g}", seconds <= target)


def print_extraction(folder: Path) -> None:
    """Print what journaling adds to an extraction."""
    for latency in (0.0, 0.2):
        repeats = range(REPEATS)
        one = min((plain(latency) for _ in repeats), key=lambda m: m.seconds)
        other = min((durable(folder / f"{latency}-{n}.db", latency) for n in repeats), key=lambda m: m.seconds)
        where = f"{one.chunks} chunks, model {1000 * latency:.0f} ms"
        ratio = other.seconds / one.seconds
        row(f"{where}: plain, durable", f"{one.seconds:.2f}, {other.seconds:.2f} s")
        row("  durable / plain", f"{ratio:.3f} x", *((f"<= {PLAIN}", ratio <= PLAIN) if latency else ()))
        if latency:
            row("  durable / ideal", f"{other.seconds / other.ideal:.3f} x")
        cpu = cpu_per_chunk(other)
        row("  CPU per chunk, plain", f"{cpu_per_chunk(one):.2f} ms")
        row("  CPU per chunk, durable", f"{cpu:.2f} ms", *(() if latency else (f"<= {CPU:g}", cpu <= CPU)))


def cpu_per_chunk(measured: Extraction) -> float:
    return 1000 * measured.cpu / measured.chunks


def raw(folder: Path, count: int) -> Measured:
    """Commit rows one by one."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("DROP TABLE IF EXISTS raw")
    connection.execute("CREATE TABLE raw (name TEXT PRIMARY KEY, body TEXT)")
    body = RESULT + "y" * 600  # the activity's other columns, and its event
    with observed() as measured:
        for number in range(count):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO raw VALUES (?, ?)", (f"work/{number}", body))
            connection.execute("COMMIT")
    connection.close()
    return measured


def journaled(folder: Path, count: int, concurrent: int) -> Measured:
    """Run new activities in a new database."""
    path = folder / f"journal-{random.getrandbits(64):x}.db"
    with open_storage(f"sqlite:///{path}") as storage:
        return run(storage, started(storage), count, concurrent)


def started(storage: Storage) -> ExecutionId:
    with storage.write(DEFAULT_ORGANIZATION) as connection:
        new = NewExecution(DEFAULT_ORGANIZATION, "benchmark", 1, "key", {})
        return executions.start(connection, new, SystemClock()).id


class observed:  # noqa: N801  # reads as the context manager that it is
    """Measures what happens inside."""

    def __enter__(self) -> Measured:
        self._measured = Measured()
        self._written, self._began = written(), time.perf_counter()
        return self._measured

    def __exit__(self, *_: object) -> None:
        self._measured.seconds = time.perf_counter() - self._began
        self._measured.written = written() - self._written


def written() -> int:
    """Return the bytes that this process has handed to the system; 0 where that is not counted."""
    try:
        line = next(line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("wchar"))
    except OSError:
        return 0
    return int(line.split()[1])


def run(storage: Storage, execution: ExecutionId, count: int, concurrent: int) -> Measured:
    """Run `count` activities, those that are journaled already from the journal, and leave the execution suspended."""
    worker = Worker(storage, SystemClock(), random.Random(0), Lease("benchmark", sole=True))

    async def workflow(context: Context) -> Outcome:
        await each(context, range(count), concurrent)
        return Outcome(Status.SUSPENDED, {"reason": "measured"})

    async def work() -> None:
        owner = executions.claim(storage, DEFAULT_ORGANIZATION, execution, worker.lease, worker.clock, resume=True)
        await run_execution(worker, owner, workflow, codec=TextCodec(), context="benchmark")

    with observed() as measured:
        anyio.run(work)
    return measured


async def each(context: Context, numbers: Sequence[int], concurrent: int) -> None:
    waiting = iter(numbers)
    function: Callable[[int], Awaitable[str]] = answer

    async def take() -> None:
        for number in waiting:
            await context.activities.run(f"work/{number}", function, number)

    async with anyio.create_task_group() as tasks:
        for _ in range(concurrent):
            tasks.start_soon(take)


def row(what: str, value: str, target: str = "", met: bool = True) -> None:
    verdict = f"   {target}: {'met' if met else 'MISSED'}" if target else ""
    print(f"{what:44} {value:>12}{verdict}", flush=True)


if __name__ == "__main__":
    main()
