"""What durability costs: the journal against raw commits, the replay of a long one, durable against plain extraction.

    python -m benchmarks.journal [--folder FOLDER] [--quick] [--peers] [--postgres | --db URL]

Run it from the repository's root. Raw is one connection to an SQLite file (WAL, synchronous FULL), or to a PostgreSQL,
that commits one row of as many bytes as an activity and its event take, in the same run and the same place. Extraction
runs over a generated text with the stand-in of `benchmarks.standin`, which waits for the model's latency; its own CPU
time is subtracted. Ideal is `calls * latency / concurrency`. The best of several repetitions counts, since other work
on the machine only ever makes it slower. How many times raw the concurrent journal is depends on the disk: the journal
costs CPU, a raw commit waits for the disk, whose `fdatasync` is measured beside them; `--disk 200` is one that takes
0.2 ms longer. What SQLite alone makes of the same rows, in groups as the journal forms them, is the most it can be.
`--peers` adds DBOS, where this Python has it, or the one that the environment variable BENCHMARK_PEERS_PYTHON names.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import anyio
from benchmarks.durability import Extraction, durable, plain
from benchmarks.journal_places import File, Measured, OnServer, Place, observed
from benchmarks.slow_disk import slow_down
from benchmarks.workers import server

from lithograph.cli.garbage import collect_seldom
from lithograph.domain.ids import DEFAULT_ORGANIZATION, ExecutionId
from lithograph.durable import executions
from lithograph.durable.clock import SystemClock, timestamp
from lithograph.durable.commit import committing
from lithograph.durable.executions import Lease, NewExecution
from lithograph.durable.run import Context, Outcome, Worker, run_execution
from lithograph.durable.status import Status
from lithograph.durable.writes import ActivityRow, ActivityStatus, EventRow, Write
from lithograph.storage.open import Storage, open_storage

RESULT = '{"found": "' + "x" * 2_000 + '"}'
"""About what a chunk's mentions take."""
BODY = RESULT + "y" * 600
"""What an activity writes: its other columns, and its event."""
PLAIN, CPU, REPLAY = 1.05, 5.0, 1.0
"""Targets: durable over plain, CPU ms a chunk, seconds for 10,000."""
LONG = 0.1
"""Seconds of a model's latency from which on it is what an extraction takes."""
CONCURRENT = 100
GROUP = 50
"""How many the journal takes at once when so many are under way: the others are answered meanwhile."""
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


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="journal", description="What durability costs.")
    parser.add_argument("--folder", type=Path, help="where the databases lie meanwhile")
    parser.add_argument("--quick", action="store_true", help="no 100,000 activities")
    parser.add_argument("--peers", action="store_true", help="measure DBOS too, where it is installed")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own, which syncs to the disk")
    parser.add_argument("--db", metavar="URL", help="on this PostgreSQL; its user must be allowed to make databases")
    parser.add_argument(
        "--disk", type=int, default=0, metavar="US", help="let every commit wait so much longer for the disk"
    )
    options = parser.parse_args(arguments)
    collect_seldom()  # as the processes of `litho` do
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, ExitStack() as stack:
        if not (options.postgres or options.db):
            slow_down(options.disk, Path(folder))
        print(f"{'what':44} {'value':>12}   target")
        place: Place = File(Path(folder))
        if options.postgres or options.db:
            place = OnServer(stack.enter_context(server(options.db)), options.disk)
        rate = print_rates(place)
        if options.peers:
            print_dbos(Path(folder), rate)
        print_replay(place, (10_000,) if options.quick else (10_000, 100_000))
        print_extraction(place)


def print_rates(place: Place) -> float:
    """Print how many activities are journaled in a second, and what each writes; return the rate of raw commits."""
    count = 1_000
    for what, value in place.asides(BODY, count):
        row(what, value)
    rows = [
        (place.raw(BODY, count), journaled(place, count, 1), journaled(place, 10 * count, CONCURRENT))
        for _ in range(REPEATS)
    ]
    base, one, many = (min(column, key=lambda m: m.seconds) for column in zip(*rows, strict=True))
    rate: float = count / base.seconds
    row("raw INSERT + COMMIT", f"{rate:.0f} /s")
    row("activities one at a time", f"{count / one.seconds:.0f} /s")
    ratio = count / one.seconds / rate
    row("  times raw", f"{ratio:.2f} x", f">= {place.one:g}", ratio >= place.one)
    row(f"activities, {CONCURRENT} at once", f"{10 * count / many.seconds:.0f} /s")
    ratio = 10 * count / many.seconds / rate
    row("  times raw", f"{ratio:.1f} x", f">= {place.many:g}", ratio >= place.many)
    if isinstance(place, File):
        alone = min(in_groups(place, 10 * count).seconds for _ in range(REPEATS))
        row(f"{GROUP} in a transaction, made before, no loop", f"{10 * count / alone:.0f} /s")
        row("  times raw", f"{10 * count / alone / rate:.1f} x")
    if base.written:  # a server writes for itself
        row("bytes written, raw", f"{base.written / count:.0f}")
        row("bytes written, one at a time", f"{one.written / count:.0f}")
        row(f"bytes written, {CONCURRENT} at once", f"{many.written / (10 * count):.0f}")
    return rate


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


def print_replay(place: Place, sizes: Sequence[int]) -> None:
    """Print how long it takes until an execution that was interrupted has all its results again."""
    for size in sizes:
        with place.database() as url, open_storage(url) as storage:
            execution = started(storage)
            run(storage, execution, size, 1_000)
            seconds = min(run(storage, execution, size, CONCURRENT).seconds for _ in range(REPEATS))
        target = REPLAY * size / 10_000
        row(f"load and replay {size:,} activities", f"{seconds:.2f} s", f"<= {target:g}", seconds <= target)


def print_extraction(place: Place) -> None:
    """Print what journaling adds to an extraction."""
    for latency in (0.0, 0.001, 0.2):
        repeats = range(REPEATS)
        one = min((plain(latency) for _ in repeats), key=lambda m: m.seconds)
        other = min((extracted(place, latency) for _ in repeats), key=lambda m: m.seconds)
        where = f"{one.chunks} chunks, model {1000 * latency:.0f} ms"
        ratio = other.seconds / one.seconds
        row(f"{where}: plain, durable", f"{one.seconds:.2f}, {other.seconds:.2f} s")
        row("  durable / plain", f"{ratio:.3f} x", *((f"<= {PLAIN}", ratio <= PLAIN) if latency > LONG else ()))
        if latency > LONG:
            row("  durable / ideal", f"{other.seconds / other.ideal:.3f} x")
        cpu = cpu_per_chunk(other)
        row("  CPU per chunk, plain", f"{cpu_per_chunk(one):.2f} ms")
        row("  CPU per chunk, durable", f"{cpu:.2f} ms", *(() if latency else (f"<= {CPU:g}", cpu <= CPU)))


def extracted(place: Place, latency: float) -> Extraction:
    with place.database() as url:
        return durable(url, latency)


def cpu_per_chunk(measured: Extraction) -> float:
    return 1000 * measured.cpu / measured.chunks


def journaled(place: Place, count: int, concurrent: int) -> Measured:
    """Run new activities in a new database."""
    with place.database() as url, open_storage(url) as storage:
        return run(storage, started(storage), count, concurrent)


def in_groups(place: Place, count: int) -> Measured:
    """Commit activities that were made before, one transaction after the other: what a file takes, and no loop."""
    with place.database() as url, open_storage(url) as storage:
        clock, lease = SystemClock(), Lease("benchmark", sole=True)
        owner = executions.claim(storage, DEFAULT_ORGANIZATION, started(storage), lease, clock)
        now = timestamp(clock.now())
        usage = TextCodec().usage("")
        rows = [
            ActivityRow(f"work/{n}", ActivityStatus.COMPLETED, "0" * 64, 1, now, RESULT, None, usage, now, 0.1)
            for n in range(count)
        ]
        event = EventRow("activity.completed", '{"activity":"work/1234","attempt":1,"duration_ms":0.1}')
        writes = [Write(owner, activities=(row,), events=(event,)) for row in rows]
        with committing(storage, clock) as commit, observed() as measured:
            for first in range(0, count, GROUP):
                commit(writes[first : first + GROUP])
    return measured


def started(storage: Storage) -> ExecutionId:
    with storage.write(DEFAULT_ORGANIZATION) as connection:
        new = NewExecution(DEFAULT_ORGANIZATION, "benchmark", 1, "key", {})
        return executions.start(connection, new, SystemClock()).id


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
