"""Progress as people see it: live bars on a terminal, a few plain lines anywhere else."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display
from rich.progress import Task as Row
from rich.table import Column
from rich.text import Text

from lithograph.cli.errors import one_line
from lithograph.domain.document import Document
from lithograph.domain.fragment import Stage
from lithograph.domain.ids import DocumentId
from lithograph.extraction.progress import Progress

_STAGES = (Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS)
_STEPS = 10
"""Plain lines for one document and stage, at most."""
_PAUSE = 1.0
"""Seconds between two of them, at least; the one that says that all is done does not wait."""


class Watch(Protocol):
    """Is told how far a run has come."""

    def read(self, document: Document) -> None:
        """A document was read."""
        ...

    def began(self, document: DocumentId, name: str, said: str) -> None:
        """The work on a document begins; it is called `name`, and there is something to be said of it."""
        ...

    def progress(self, progress: Progress) -> None:
        """A chunk has finished a stage."""
        ...


@contextlib.contextmanager
def watching(*, plain: bool, stream: TextIO | None = None) -> Iterator[Watch]:
    """Yield what shows progress on `stream` (standard error): bars if it is a terminal and not `plain`, else lines."""
    stream = stream or sys.stderr
    if plain or not stream.isatty():
        yield Lines(stream)
        return
    console = Console(file=stream)
    if console.is_dumb_terminal:
        yield Lines(stream)
        return
    with Bars(console) as bars:
        yield bars


@dataclass(slots=True)
class _Told:
    """What was last said about one document and stage."""

    began: float
    at: float
    step: int = 0


class Lines:
    """One line when a document is read, one when it has finished a stage, and some in between while that takes long."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._names: dict[DocumentId, str] = {}
        self._told: dict[tuple[DocumentId, Stage], _Told] = {}

    def read(self, document: Document) -> None:
        """Say that a document was read."""
        self._names[document.id] = one_line(document.source)
        self._say(document.id, f"read, {len(document.text):,} characters")

    def began(self, document: DocumentId, name: str, said: str) -> None:
        """Say what there is to say."""
        self._names[document] = one_line(name)
        self._say(document, said)

    def progress(self, progress: Progress) -> None:
        """Say how far a stage is, unless the last line about it is too close."""
        now = self._clock()
        told = self._told.setdefault((progress.document, progress.stage), _Told(now, now))
        step = progress.done * _STEPS // progress.total
        finished = progress.done == progress.total
        if not finished and (step == told.step or now - told.at < _PAUSE):
            return
        told.at, told.step = now, step
        said = f"{progress.stage} {progress.done} of {progress.total} chunks"
        if not finished and (seconds := now - told.began) > 0:
            # The first chunk's own time is not known: the clock began when it was done.
            rate = (progress.done - 1) / seconds
            left = f", {(progress.total - progress.done) / rate:.0f} s left" if rate else ""
            said += f", {rate:.1f} a second{left}"
        self._say(progress.document, said)

    def _say(self, document: DocumentId, said: str) -> None:
        # Work does not stop because nobody reads how far it is.
        with contextlib.suppress(OSError):
            self._stream.write(f"{self._names.get(document, document)}: {said}\n")
            self._stream.flush()


class Bars:
    """A bar for every stage of the documents in work; a line stays of each that is finished."""

    def __init__(self, console: Console) -> None:
        self._display = Display(
            TextColumn("{task.fields[name]}", markup=False, table_column=Column(max_width=40, no_wrap=True)),
            TextColumn("{task.description}", style="cyan", markup=False),
            BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=40)),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._names: dict[DocumentId, str] = {}
        self._rows: dict[DocumentId, dict[Stage, TaskID]] = {}

    def __enter__(self) -> "Bars":
        self._display.start()
        return self

    def __exit__(self, *_: object) -> None:
        for document in list(self._rows):
            self._settle(document)
        self._display.stop()

    def read(self, document: Document) -> None:
        """Remember what a document is called."""
        self._names[document.id] = one_line(document.source)

    def began(self, document: DocumentId, name: str, said: str) -> None:
        """Put a line above the bars."""
        self._names[document] = one_line(name)
        self._print(f"{self._name(document)}: {said}")

    def progress(self, progress: Progress) -> None:
        """Move the bar of a document's stage."""
        rows = self._rows.get(progress.document) or self._begun(progress)
        self._display.update(rows[progress.stage], completed=progress.done)
        if progress.done == progress.total and progress.stage is list(rows)[-1]:
            self._settle(progress.document)

    def _begun(self, progress: Progress) -> dict[Stage, TaskID]:
        """Return the bars of a document that has none yet."""
        stages = (Stage.JOINT,) if progress.stage is Stage.JOINT else _STAGES
        names = [self._name(progress.document)] + [""] * (len(stages) - 1)
        self._rows[progress.document] = rows = {
            stage: self._display.add_task(str(stage), total=progress.total, name=name)
            for stage, name in zip(stages, names, strict=True)
        }
        return rows

    def _name(self, document: DocumentId) -> str:
        return self._names.get(document, document)

    def _print(self, line: str) -> None:
        self._display.console.print(Text(line), soft_wrap=True)

    def _settle(self, document: DocumentId) -> None:
        """Put a line in the place of a document's bars."""
        rows = self._rows.pop(document)
        last = next(task for task in self._display.tasks if task.id == list(rows.values())[-1])
        for row in rows.values():
            self._display.remove_task(row)
        done, total = int(last.completed), int(last.total or 0)
        said = f"{total} chunks" if done == total else f"{done} of {total} chunks"
        self._print(f"{self._name(document)}: {said}")


class _Rate(ProgressColumn):
    """Chunks a second."""

    def render(self, task: Row) -> Text:
        """Return the rate, or nothing while it is not known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="progress.data.speed")
