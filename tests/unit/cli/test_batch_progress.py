import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from lithograph.cli.batch_progress import BatchBar, BatchLines, sentence_of, watching_batch
from lithograph.durable.events import Event

COUNTS = {"completed": 3, "completed_with_errors": 1, "failed": 2, "cancelled": 0, "running": 3, "pending": 1}


def event(kind: str, **said: object) -> Event:
    return Event(1, kind, said, "2026-01-01T00:00:00.000000Z")


ENDED = event("batch.document_completed", document="a.txt", status="completed", counts=COUNTS, total=10)
FAILED = event(
    "batch.document_failed", document="b\n.txt", status="failed", error="it is torn", counts=COUNTS, total=10
)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (ENDED, "a.txt: completed (6 of 10)"),
        (FAILED, "b\n.txt: failed (6 of 10): it is torn"),
        (event("batch.retrying", round=1, documents=3), "retrying 3 documents, round 1"),
        (event("batch.resolving"), "resolving what several documents name"),
        (event("batch.listed", total=1000), "1,000 documents listed"),
        (event("activity.completed", activity="extract/1"), ""),
        (event("execution.started"), ""),
    ],
)
def test_an_event_is_a_sentence_or_nothing(one: Event, said: str) -> None:
    assert sentence_of(one) == said


def test_lines_say_each_document_once_and_the_list_now_and_then() -> None:
    times: Iterator[float] = iter([0.0, 0.1, 1.5, 1.6, 4.0])
    stream = io.StringIO()
    lines = BatchLines(stream, lambda: next(times))
    for listed in (250, 500, 750, 1000):
        lines.listed(listed, 2000)
    lines.began("batch execution_1: 2,000 documents")
    for one in (ENDED, FAILED, event("activity.completed")):
        lines.heard(one)
    assert stream.getvalue().splitlines() == [
        "500 of 2,000 documents listed",
        "1,000 of 2,000 documents listed",
        "batch execution_1: 2,000 documents",
        "a.txt: completed (6 of 10)",
        "b .txt: failed (6 of 10): it is torn",
    ]


def test_a_bar_moves_with_the_events_and_keeps_a_line_of_what_failed() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with BatchBar(console) as bar:
        bar.listed(250, 1000)
        bar.began("batch execution_1: 10 documents")
        for one in (ENDED, FAILED):
            bar.heard(one)
        (task,) = bar._display.tasks
        assert (task.completed, task.total, task.fields["failed"]) == (6, 10, "2 failed")
    said = stream.getvalue()
    assert "batch execution_1: 10 documents" in said
    assert "it is torn" in said
    assert "a.txt: completed" not in said


def test_without_a_terminal_there_are_lines() -> None:
    with watching_batch(plain=False, stream=io.StringIO()) as watch:
        assert isinstance(watch, BatchLines)
