"""What an extraction through a model takes, and what it survives: 200 chunks, 200 ms an answer, 20 calls at once.

    python -m benchmarks.extraction [--quick] [--peers] [--folder FOLDER]

Run it from the repository's root. A fake model in a process of its own answers every prompt as the offline rules would.
Every measured run is a process of its own; wall and CPU are from the start of the first execution to the end of the
last one, reading and journaling included. Ideal is `calls * latency / concurrency`. A fact is lost when the person of
whom just one paragraph tells is not in the graph. `--quick` leaves out the outages; `--peers` runs the tools that are
installed beside it, over the same texts and against the same server.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from benchmarks.extraction_run import Assignment, Outcome
from benchmarks.facts import write_corpus
from sqlalchemy import func, select

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable.writes import ActivityStatus
from lithograph.extraction.settings import Strategy
from lithograph.storage.open import open_storage
from lithograph.storage.schema import workflow_activity
from lithograph.testing.fake_model import FakeModelProcess, Stats, fake_model_process

LATENCY, CONCURRENCY = 0.2, 20
OUTAGE = 20.0
WALL, PEAK, WASTED, BACK = 1.05, 150.0, 40, 2.0
CPU = {Strategy.STAGED: 12.0, Strategy.JOINT: 5.0}
_PROBES = 1
"""Calls that ask whether the model is there, before the first document."""
CALLS = {Strategy.STAGED: 3.0, Strategy.JOINT: 1.0}


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: what the process says, and what the server saw of it."""

    outcome: Outcome
    stats: Stats
    lost: int

    @property
    def ideal(self) -> float:
        return self.outcome.calls * LATENCY / CONCURRENCY


class Bench:
    """The corpus, the server, and a new database for every run."""

    def __init__(self, folder: Path, model: FakeModelProcess) -> None:
        self.texts = folder / "texts"
        self.texts.mkdir()
        self._folder, self.model = folder, model
        self._facts = write_corpus(self.texts)
        self._runs = 0

    def assignment(self, strategy: Strategy) -> Assignment:
        """Return a run in a new database."""
        self._runs += 1
        database = f"sqlite:///{self._folder}/run-{self._runs}.db"
        return Assignment(str(self.texts), database, self.model.url, strategy, CONCURRENCY)

    def run(self, given: Assignment) -> Ran:
        """Carry a run to its end."""
        self.model.reset()
        with started(given) as process:
            said, complaint = process.communicate()
        if process.returncode:
            sys.exit(f"the run ended with {process.returncode}: {complaint}")
        outcome = msgspec.json.decode(said, type=Outcome)
        return Ran(outcome, self.model.stats(), self.lost(outcome))

    def lost(self, outcome: Outcome) -> int:
        """Return how many facts are not in the graph."""
        there = set(outcome.labels)
        return sum(name not in there for facts in self._facts.values() for name in facts)


@contextmanager
def started(given: Assignment) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-m", "benchmarks.extraction_run", msgspec.json.encode(given).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="extraction", description="An extraction through a model.")
    parser.add_argument("--folder", type=Path, help="where texts and databases lie meanwhile")
    parser.add_argument("--quick", action="store_true", help="no outages")
    parser.add_argument("--peers", action="store_true", help="run other tools too, where they are installed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, fake_model_process(latency=LATENCY) as model:
        bench = Bench(Path(folder), model)
        print(f"{'what':52} {'staged':>22} {'joint':>22}", flush=True)
        bench.run(bench.assignment(Strategy.STAGED))  # what is computed once, in the server too
        bench.run(bench.assignment(Strategy.JOINT))
        undisturbed = print_undisturbed(bench)
        print_killed(bench, undisturbed)
        print_faulty(bench, undisturbed)
        for reset_after in () if options.quick else (2.0, 30.0):
            print_outage(bench, undisturbed, reset_after)
        if options.peers:
            from benchmarks.peers import print_peers

            print_peers(bench.texts, model)


def print_undisturbed(bench: Bench) -> dict[Strategy, Ran]:
    """Print what runs take when nothing goes wrong."""
    runs = {
        strategy: min((bench.run(bench.assignment(strategy)) for _ in range(3)), key=lambda ran: ran.outcome.wall)
        for strategy in Strategy
    }
    chunks = {strategy: ran.outcome.chunks for strategy, ran in runs.items()}
    row("calls per chunk", {s: ran.outcome.calls / chunks[s] for s, ran in runs.items()}, CALLS)
    row("tokens per chunk", {s: ran.outcome.tokens / chunks[s] for s, ran in runs.items()})
    row("wall, s", {s: ran.outcome.wall for s, ran in runs.items()})
    row("  / ideal", {s: ran.outcome.wall / ran.ideal for s, ran in runs.items()}, dict.fromkeys(Strategy, WALL))
    row("CPU per chunk, journal included, ms", {s: 1000 * r.outcome.cpu / chunks[s] for s, r in runs.items()}, CPU)
    row("peak, MB", {s: ran.outcome.peak for s, ran in runs.items()}, dict.fromkeys(Strategy, PEAK))
    row("start of the process, s", {s: ran.outcome.setup for s, ran in runs.items()})
    row("facts lost", {s: ran.lost for s, ran in runs.items()}, dict.fromkeys(Strategy, 0.0))
    return runs


def print_killed(bench: Bench, undisturbed: Mapping[Strategy, Ran]) -> None:
    """Print what is bought twice when the process is killed at half of the run."""
    again, flying, same = {}, {}, {}
    for strategy, before in undisturbed.items():
        given = bench.assignment(strategy)
        bench.model.reset()
        with started(given) as process:
            while bench.model.stats().answered < before.stats.answered / 2:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
        time.sleep(2 * LATENCY)  # what was in flight is answered, to nobody
        bought = bench.model.stats()
        flying[strategy] = bought.requests - _PROBES - journaled(given)
        after = bench.run(given)
        again[strategy] = bought.requests + after.stats.requests - before.stats.requests
        same[strategy] = after.outcome.digest == before.outcome.digest
    row("kill -9 at half: calls bought again", again, {s: float(count) for s, count in flying.items()})
    row("  in flight: at the provider, or not yet durable", flying, dict.fromkeys(Strategy, float(CONCURRENCY)))
    row("  the graph is the same", same)


def journaled(given: Assignment) -> int:
    """Return how many calls have their result in the journal."""
    with open_storage(given.database) as storage, storage.read(DEFAULT_ORGANIZATION) as connection:
        c = workflow_activity.c
        query = select(func.count()).where(c.status == ActivityStatus.COMPLETED)
        return connection.execute(query).scalar_one()


def print_faulty(bench: Bench, undisturbed: Mapping[Strategy, Ran]) -> None:
    """Print what 10 % errors and 2 % truncated answers do."""
    runs = {}
    for strategy in Strategy:
        bench.model.fail("429:0.05,500:0.05,truncated:0.02,seed=3")
        runs[strategy] = bench.run(bench.assignment(strategy))
    bench.model.fail("")
    row("10 % 429/500, 2 % truncated: chunks missing", {s: r.outcome.missing for s, r in runs.items()}, _NONE)
    row("  facts lost", {s: ran.lost for s, ran in runs.items()}, _NONE)
    row("  the graph is the same", {s: r.outcome.digest == undisturbed[s].outcome.digest for s, r in runs.items()})
    row("  wall / undisturbed", {s: r.outcome.wall / undisturbed[s].outcome.wall for s, r in runs.items()})


def print_outage(bench: Bench, undisturbed: Mapping[Strategy, Ran], reset_after: float) -> None:
    """Print what an outage in the middle of the run does."""
    wasted, lost, back, same = {}, {}, {}, {}
    for strategy, before in undisturbed.items():
        begins = before.outcome.wall / 2
        bench.model.fail(f"outage={begins:.2f}-{begins + OUTAGE:.2f}")
        ran = bench.run(msgspec.structs.replace(bench.assignment(strategy), reset_after=reset_after))
        wasted[strategy] = ran.stats.by_status.get("503", 0)
        lost[strategy] = ran.outcome.missing + ran.lost
        back[strategy] = recovered(ran.stats, begins + OUTAGE)
        same[strategy] = ran.outcome.digest == before.outcome.digest
    bench.model.fail("")
    print(f"outage of {OUTAGE:g} s, circuit open for {reset_after:g} s", flush=True)
    row("  requests into it", wasted, dict.fromkeys(Strategy, float(WASTED)))
    row("  chunks or facts lost", lost, _NONE)
    row("  full speed again after its end, s", back, dict.fromkeys(Strategy, reset_after + BACK))
    row("  the graph is the same", same)


def recovered(stats: Stats, end: float) -> float:
    """Return the seconds from the end of the outage to the first one at 90 % of what 20 calls at once make of it.

    At the last second of a run that ends before, that is where it ended.
    """
    full = 0.9 * CONCURRENCY / LATENCY
    for second, count in enumerate(stats.per_second):
        if second >= end - 1 and count >= full:
            return max(0.0, second - end)
    return float(len(stats.per_second)) - end


_NONE = dict.fromkeys(Strategy, 0.0)


def row(what: str, values: Mapping[Strategy, float], targets: Mapping[Strategy, float] | None = None) -> None:
    cells = []
    for strategy in Strategy:
        value = values[strategy]
        shown = str(value) if isinstance(value, bool | int) else f"{value:.3g}" if value < 100 else f"{value:.0f}"
        if targets is not None:
            shown += f" (<= {targets[strategy]:g}{'' if value <= targets[strategy] else ' MISSED'})"
        cells.append(f"{shown:>22}")
    print(f"{what:52} {' '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
