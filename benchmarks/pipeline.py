"""What the pipeline itself costs, without a model: time and memory for each chunk, and how they grow.

    python -m benchmarks.pipeline [--novels FOLDER] [--schema FILE] [--quick]

Run it from the repository's root. The stand-in of `benchmarks.standin` answers at once with about 15 mentions and 5
relations a chunk. Its own time is measured inside the same run and subtracted: a replay of recorded answers would have
warmed every cache in the run that recorded them, and would hold the answers in the memory that is measured here.
What is left of its cost is two clock readings an answer, which count against the pipeline.

Each workload runs in a process of its own. What is loaded or computed once, on first use, is the "set-up" and counts
for no chunk. A process's peak is `ru_maxrss`, which counts everything: the interpreter, the
libraries and the ontology, shown as "import" and "ready". This process imports nothing heavy, because a child's
`ru_maxrss` begins with its parent's. "kept" holds the results of all documents to the end, "dropped" one at a time.
Growth is the slope of log CPU time over log characters, for documents one after another and for one long document.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import median
from typing import TypedDict

from benchmarks.metrics import slope

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
CPU_PER_CHUNK, EXPONENT, PEAK, IMPORT = 5.0, 1.1, 150.0, 0.3
"""Targets: milliseconds, no unit, megabytes, seconds."""
REPEATS = 9


class Told(TypedDict):
    """What a workload's process prints; see `benchmarks.workload.Measured`."""

    setup: float
    cpu: float
    wall: float
    standin_cpu: float
    characters: int
    chunks: int
    mentions: int
    relations: int
    entities: int
    peak: float


@dataclass(frozen=True, slots=True)
class Bench:
    """The texts, and the ontologies by name."""

    novels: tuple[str, ...]
    ontologies: dict[str, str]

    def run(self, ontology: str, texts: Sequence[str], **asked: int | bool) -> Told:
        """Return what a workload takes in a fresh process."""
        return _told({"ontology": self.ontologies[ontology], "texts": list(texts), **asked})


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="pipeline", description="What the pipeline costs without a model.")
    parser.add_argument("--novels", type=Path, default=DATA / "novels")
    parser.add_argument("--schema", type=Path, default=DATA / "ontologies" / "schemaorg-current-https.ttl")
    parser.add_argument("--quick", action="store_true", help="no growth to 16 novels")
    options = parser.parse_args(arguments)
    novels = tuple(str(path) for path in sorted(options.novels.glob("[0-9]*.txt")))
    bench = Bench(novels, {"demo": "demo", "schema.org": str(options.schema)})
    print_import()
    for ontology in bench.ontologies:
        print_chunks(bench, ontology)
        print_memory(bench, ontology)
        print_growth(bench, ontology, (1, 4) if options.quick else (1, 4, 16))


def print_import() -> None:
    """Print what `import lithograph` takes beyond an empty interpreter."""
    empty, package, everything = (
        median(_seconds(code) for _ in range(REPEATS))
        for code in ("pass", "import lithograph", "import lithograph.extraction.pipeline")
    )
    print(f"import lithograph: {package - empty:.3f} s{_verdict(package - empty, IMPORT)}")
    print(f"import lithograph.extraction.pipeline: {everything - empty:.3f} s, python -c pass: {empty:.3f} s")


def print_chunks(bench: Bench, ontology: str) -> None:
    """Print what one chunk takes, novel by novel."""
    print(f"\n{ontology}, one novel in a fresh process")
    print(f"{'novel':30} {'chunks':>6} {'CPU ms':>7} {'wall ms':>7}   a chunk: mentions relations stand-in ms")
    for path in bench.novels:
        told = bench.run(ontology, [path])
        chunks = told["chunks"]
        cpu, wall, own = (1000 * told[key] / chunks for key in ("cpu", "wall", "standin_cpu"))
        print(
            f"{Path(path).stem[:30]:30} {chunks:6} {cpu:7.2f} {wall:7.2f} {'':11}{told['mentions'] / chunks:8.1f} "
            f"{told['relations'] / chunks:9.1f} {own:11.2f}{_verdict(cpu, CPU_PER_CHUNK)}"
        )


def print_memory(bench: Bench, ontology: str) -> None:
    """Print the peak after each step."""
    steps: dict[str, Callable[[], Told]] = {
        "import": lambda: _told({}),
        "ready": lambda: bench.run(ontology, []),
        "all novels, dropped": lambda: bench.run(ontology, bench.novels, keep=False),
        "all novels, kept": lambda: bench.run(ontology, bench.novels),
    }
    for name, step in steps.items():
        told = step()
        setup = f"   set-up {told['setup']:.2f} s CPU" if name == "ready" else ""
        print(f"peak MB, {name:21} {told['peak']:7.1f}{setup}{_verdict(told['peak'], PEAK)}")


def print_growth(bench: Bench, ontology: str, sizes: Sequence[int]) -> None:
    """Print how CPU time grows with characters."""
    for joined in (False, True):
        points = []
        for size in sizes:
            copies = max(1, size // len(bench.novels))
            told = bench.run(ontology, bench.novels[-size:], copies=copies, joined=joined, keep=False)
            points.append((told["characters"], told["cpu"]))
            per_chunk = 1000 * told["cpu"] / told["chunks"]
            print(
                f"{'one document' if joined else 'documents':12} {size:3} novels {told['characters']:9} characters "
                f"{told['cpu']:7.2f} s CPU, {per_chunk:5.2f} ms a chunk, peak {told['peak']:6.1f} MB, "
                f"{told['entities']} entities"
            )
        exponent = slope([log(x) for x, _ in points], [log(y) for _, y in points])
        print(f"{'':12} exponent {exponent:.3f}{_verdict(exponent, EXPONENT)}")


def _told(asked: dict[str, object]) -> Told:
    command = [sys.executable, "-m", "benchmarks.workload", json.dumps(asked)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    told: Told = json.loads(done.stdout)
    return told


def _seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def _verdict(value: float, target: float) -> str:
    return f"   (target {target:g}: {'met' if value <= target else 'MISSED'})"


if __name__ == "__main__":
    main()
