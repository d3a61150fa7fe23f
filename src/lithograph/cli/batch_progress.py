"""Progress of a batch as people see it, told by its events: a bar on a terminal, a line a document anywhere else."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from lithograph.cli.errors import one_line
from lithograph.durable.events import Event

_PAUSE = 1.0
"""Seconds between two lines about the list of documents, at least."""
_ENDED = ("completed", "completed_with_errors", "failed", "cancelled")
_DOCUMENT = "batch.document_"


class BatchWatch(Protocol):
    """Is told how far a batch has come."""

    def listed(self, listed: int, files: int) -> None:
        """So many documents of so many files are listed."""
        ...

    def began(self, said: str) -> None:
        """The work on a batch begins; there is something to be said of it."""
        ...

    def heard(self, event: Event) -> None:
        """Something happened to the batch."""
        ...


@contextlib.contextmanager
def watching_batch(*, plain: bool, stream: TextIO | None = None) -> Iterator[BatchWatch]:
    """Yield what shows progress on `stream` (standard error): a bar if it is a terminal and not `plain`, else lines."""
    stream = stream or sys.stderr
    if plain or not stream.isatty():
        yield BatchLines(stream)
        return
    console = Console(file=stream)
    if console.is_dumb_terminal:
        yield BatchLines(stream)
        return
    with BatchBar(console) as bar:
        yield bar


class BatchLines:
    """A line for every document that ends and for every stage that begins, and some while documents are listed."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._told = clock()

    def listed(self, listed: int, files: int) -> None:
        """Say how many are listed, unless the last line about it is too close."""
        now = self._clock()
        if now - self._told >= _PAUSE:
            self._told = now
            self._say(f"{listed:,} of {files:,} documents listed")

    def began(self, said: str) -> None:
        """Say what there is to say."""
        self._say(said)

    def heard(self, event: Event) -> None:
        """Say what an event is worth to people."""
        said = sentence_of(event)
        if said:
            self._say(said)

    def _say(self, line: str) -> None:
        # Work does not stop because nobody reads how far it is.
        with contextlib.suppress(OSError):
            self._stream.write(f"{one_line(line)}\n")
            self._stream.flush()


class BatchBar:
    """A bar for all documents of the batch, and a line above it for each that does not end well."""

    def __init__(self, console: Console) -> None:
        self._display = Progress(
            TextColumn("{task.description}", style="cyan", markup=False),
            BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=40)),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}", style="red", markup=False),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar = self._display.add_task("list", total=None, failed="")

    def __enter__(self) -> "BatchBar":
        self._display.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._display.stop()

    def listed(self, listed: int, files: int) -> None:
        """Move the bar."""
        self._display.update(self._bar, description="list", total=files, completed=listed)

    def began(self, said: str) -> None:
        """Put a line above the bar."""
        self._print(said)

    def heard(self, event: Event) -> None:
        """Move the bar, and put a line above it for what did not go well."""
        counts = event.payload.get("counts")
        if counts:
            ended, total = _ended(counts), sum(counts.values())
            failed = f"{counts['failed']:,} failed" if counts["failed"] else ""
            stage = str(event.payload.get("stage", ""))
            self._display.update(self._bar, description=stage, total=total, completed=ended, failed=failed)
        if event.type.startswith(_DOCUMENT) and event.payload.get("status") != "completed":
            self._print(sentence_of(event))

    def _print(self, line: str) -> None:
        self._display.console.print(Text(one_line(line)), soft_wrap=True)


def sentence_of(event: Event) -> str:
    """Return what an event of a batch says to people; nothing for one that says nothing to them."""
    said = event.payload
    match event.type:
        case "batch.listed":
            return f"{said['total']:,} documents listed"
        case "batch.retrying":
            return f"retrying {said['documents']:,} documents, round {said['round']}"
        case "batch.resolving":
            return "resolving what several documents name"
    if not event.type.startswith(_DOCUMENT):
        return ""
    error = f": {said['error']}" if "error" in said else ""
    place = f" ({_ended(said['counts']):,} of {said['total']:,})" if "counts" in said else ""
    return f"{said['document']}: {str(said['status']).replace('_', ' ')}{place}{error}"


def _ended(counts: Mapping[str, Any]) -> int:
    return sum(int(counts.get(state, 0)) for state in _ENDED)
