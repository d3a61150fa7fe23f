"""What other tools take and lose over the texts of `benchmarks.extraction`, against the same server.

    BENCHMARK_PEERS_PYTHON=/elsewhere/bin/python python -m benchmarks.extraction --peers

A tool is run where it is installed: in this interpreter, else in the one that the variable names. Each run is a process
of its own, with none of the shell's keys, proxies or telemetry. See `peer_run` for how a tool is used.

The fake model knows no other tool's prompt, and answers with the least that its schema allows: no entities at all. So
calls, seconds and megabytes are without those that a graph takes, and what is lost cannot be looked for in the graph.
Instead a chunk counts as lost when no good answer to its prompt came back (half an answer is none), and when its
document is one that the tool itself says has failed; the larger number is printed. All are lost when the tool raises.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from benchmarks import peer_run
from benchmarks.extraction import CONCURRENCY, LATENCY
from benchmarks.facts import DOCUMENTS, PARAGRAPHS
from benchmarks.peer_run import Assignment, Outcome

from lithograph.testing.fake_model import FakeModelProcess, Stats
from lithograph.testing.fake_model.faults import OTHER

PYTHON = "BENCHMARK_PEERS_PYTHON"
FAULTS = "429:0.05,500:0.05,truncated:0.02,seed=3"
CHUNKS = DOCUMENTS * PARAGRAPHS
TIMES = 3
PATIENCE = 600.0
"""Seconds after which a run is ended and counts as one that raised."""
_SCRIPT = ("-P", str(Path(peer_run.__file__).resolve()))
_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath)}
_LOG = "run.log"


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: what it took, None when the tool raised, and what the server saw of it. `said` is its last line."""

    outcome: Outcome | None
    stats: Stats
    said: str

    @property
    def wall(self) -> float:
        return self.outcome.wall if self.outcome else inf


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool that is installed, and where its runs lie."""

    name: str
    python: str
    texts: Path
    folder: Path
    model: FakeModelProcess

    def state(self) -> Path:
        """Return a new folder for a run."""
        return Path(mkdtemp(dir=self.folder))

    def run(self, state: Path) -> Ran:
        """Carry a run to its end, from whatever an earlier one left in `state`."""
        self.model.reset()
        with self.started(state) as process, suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        outcome, said = state / peer_run.OUTCOME, (state / _LOG).read_text(encoding="utf-8", errors="replace")
        took = Outcome(**json.loads(outcome.read_text(encoding="utf-8"))) if outcome.exists() else None
        return Ran(took, self.model.stats(), said.strip().rpartition("\n")[2])

    @contextmanager
    def started(self, state: Path) -> "Iterator[subprocess.Popen[bytes]]":
        """Start a run, and kill it with the context. What it says goes to a file, so that it need not be read."""
        given = Assignment(self.name, str(self.texts), self.model.url, CONCURRENCY, str(state))
        command = [self.python, *_SCRIPT, json.dumps(asdict(given))]
        with (
            (state / _LOG).open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=state, env=_ENVIRONMENT) as process,
        ):
            try:
                yield process
            finally:
                process.kill()


def interpreters() -> dict[str, tuple[str, str]]:
    """Return where the tools are that are installed: the interpreter, and the version there."""
    found: dict[str, tuple[str, str]] = {}
    for python in dict.fromkeys((sys.executable, str(Path.cwd() / os.environ.get(PYTHON, sys.executable)))):
        try:
            said = subprocess.check_output([python, *_SCRIPT], env=_ENVIRONMENT)
        except (OSError, subprocess.CalledProcessError) as error:
            sys.exit(f"{python} cannot be asked which tools it has ({error}); name another in {PYTHON}")
        versions: dict[str, str] = json.loads(said)
        found = {name: (python, version) for name, version in versions.items()} | found
    return found


def print_peers(texts: Path, model: FakeModelProcess) -> None:
    """Print one line for each tool, over the texts that `write_corpus` wrote."""
    found = interpreters()
    print(f"\n{'tool':42} {'calls':>6} {'wall/ideal':>10} {'CPU ms/chunk':>12} {'peak MB':>8} ", end="")
    print(f"{'kill -9 at half: again':>22} {'10 % 429/500, 2 % truncated: lost':>34}", flush=True)
    with TemporaryDirectory(dir=texts.parent) as folder:
        for name in peer_run.TOOLS:
            if name in found:
                python, version = found[name]
                peer = Peer(name, python, texts, Path(folder), model)
                print(f"{f'{name} {version}':42} {measured(peer)}", flush=True)
            else:
                print(f"{name:42} not installed", flush=True)


def measured(peer: Peer) -> str:
    """Return the cells of a tool's line; its undisturbed run is the fastest of some."""
    best = min((peer.run(peer.state()) for _ in range(TIMES)), key=lambda ran: ran.wall)
    if best.outcome is None:
        return f"failed: {best.said}"
    took, calls = best.outcome, best.stats.requests
    again, bought = repaid(peer, best)
    peer.model.fail(FAULTS)
    disturbed = peer.run(peer.state())
    peer.model.fail("")
    return (
        f"{calls:>6} {took.wall / (calls * LATENCY / CONCURRENCY):>9.2f}x {1000 * took.cpu / CHUNKS:>12.1f} "
        f"{took.peak:>8.0f} {f'{again} ({again / bought:.0%})':>22} {said_lost(best.stats, disturbed):>34}"
    )


def repaid(peer: Peer, before: Ran) -> tuple[int, int]:
    """Return how many calls are bought again when the process is killed at half of the run, and how many were then."""
    state = peer.state()
    peer.model.reset()
    with peer.started(state) as process:
        while process.poll() is None and peer.model.stats().answered < before.stats.answered / 2:
            time.sleep(0.02)
    time.sleep(2 * LATENCY)  # what was in flight is answered, to nobody
    bought = peer.model.stats().requests
    after = peer.run(state)
    return max(0, bought + after.stats.requests - before.stats.requests), bought


def said_lost(before: Stats, ran: Ran) -> str:
    """Return how many chunks are lost, and whether that is because the tool raised."""
    if ran.outcome is None:
        return f"{CHUNKS}, raises"
    answered = {prompt.key for prompt in ran.stats.prompts if prompt.ok}
    unanswered = sum(prompt.task == OTHER and prompt.key not in answered for prompt in before.prompts)
    return str(max(unanswered, CHUNKS - ran.outcome.kept))
