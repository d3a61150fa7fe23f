import io

import pytest
from rich.console import Console

from lithograph.cli.progress import Bars, Lines, watching
from lithograph.domain.document import Document
from lithograph.domain.fragment import Fragment, Stage
from lithograph.extraction.progress import Progress

LONG = Document.from_text("A very long story.", source="long.txt")
SHORT = Document.from_text("A\x1b[31m story.", source="short\n\x1b.txt")


def step(document: Document, stage: Stage, done: int, total: int) -> Progress:
    return Progress(document.id, stage, done, total, Fragment())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def lines_of(total: int, seconds: float) -> list[str]:
    """What is said about one stage of `total` chunks that takes `seconds`."""
    stream, now = io.StringIO(), 0.0
    lines = Lines(stream, lambda: now)
    lines.read(LONG)
    for done in range(1, total + 1):
        now = seconds * done / total
        lines.progress(step(LONG, Stage.MENTIONS, done, total))
    return stream.getvalue().splitlines()


def test_a_quick_stage_is_one_line() -> None:
    assert lines_of(1000, 0.9) == ["long.txt: read, 18 characters", "long.txt: mentions 1000 of 1000 chunks"]


def test_a_slow_stage_is_a_line_for_every_tenth_of_it() -> None:
    said = lines_of(1000, 1000.0)

    assert len(said) == 11
    assert said[1] == "long.txt: mentions 100 of 1000 chunks, 1.0 a second, 900 s left"


def test_few_slow_chunks_are_a_line_each() -> None:
    assert lines_of(2, 60.0)[1:] == ["long.txt: mentions 2 of 2 chunks"]
    assert lines_of(3, 90.0)[1:] == [
        "long.txt: mentions 2 of 3 chunks, 0.0 a second, 30 s left",
        "long.txt: mentions 3 of 3 chunks",
    ]


def test_a_name_cannot_command_the_terminal() -> None:
    stream = io.StringIO()
    Lines(stream).read(SHORT)
    assert stream.getvalue() == "short \ufffd.txt: read, 13 characters\n"


def test_nobody_listening_stops_no_work() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    lines = Lines(Gone())
    lines.read(LONG)
    lines.progress(step(LONG, Stage.MENTIONS, 1, 1))


def test_bars_are_for_terminals(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(plain=False, stream=terminal) as watch:
        assert isinstance(watch, Bars)
    with watching(plain=True, stream=terminal) as watch:
        assert isinstance(watch, Lines)
    with watching(plain=False, stream=io.StringIO()) as watch:
        assert isinstance(watch, Lines)
    monkeypatch.setenv("TERM", "dumb")
    with watching(plain=False, stream=terminal) as watch:
        assert isinstance(watch, Lines)


def test_bars_show_the_stages_of_one_document_and_leave_a_line_of_each(terminal: Terminal) -> None:
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with Bars(console) as bars:
        bars.read(LONG)
        bars.read(SHORT)
        for stage in (Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS):
            bars.progress(step(LONG, stage, 5, 5))
        bars.progress(step(SHORT, Stage.MENTIONS, 3, 4))
        terminal.truncate(0)
        bars._display.refresh()
        shown = terminal.getvalue()

    assert "long.txt" not in shown
    assert "short \ufffd.txt" in shown
    assert "3/4" in shown
    assert shown.rpartition("short")[2].count("0/4") == 2  # of the last drawing: they are drawn every now and then
    left = terminal.getvalue().removeprefix(shown)
    assert "short \ufffd.txt: 0 of 4 chunks" in left


def test_a_finished_document_is_a_line(terminal: Terminal) -> None:
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with Bars(console) as bars:
        bars.read(LONG)
        bars.progress(step(LONG, Stage.RELATIONS, 5, 5))

    assert "long.txt: 5 chunks\n" in terminal.getvalue()


def test_several_documents_in_work_keep_their_bars(terminal: Terminal) -> None:
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with Bars(console) as bars:
        bars.read(LONG)
        bars.read(SHORT)
        for done in (1, 2, 3):
            bars.progress(step(LONG, Stage.MENTIONS, done, 4))
            bars.progress(step(SHORT, Stage.MENTIONS, done, 4))
        bars._display.refresh()

    assert "long.txt: 0 of 4 chunks\n" in terminal.getvalue()
    assert terminal.getvalue().count(" of 4 chunks") == 2


def test_one_call_for_a_chunk_is_one_bar(terminal: Terminal) -> None:
    console = Console(file=terminal, force_terminal=True, width=100, color_system=None)
    with Bars(console) as bars:
        bars.read(LONG)
        for done in (1, 2):
            bars.progress(step(LONG, Stage.JOINT, done, 2))

    assert "joint" in terminal.getvalue()
    assert "long.txt: 2 chunks\n" in terminal.getvalue()
