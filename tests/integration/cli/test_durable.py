import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from lithograph.demo import demo_document

Litho = Callable[..., CompletedProcess[str]]
COMMAND = (sys.executable, "-P", "-m", "lithograph")
EXTRACT = ("extract", "long.md", "--ontology", "ontology.ttl")
_RUN_DEPENDENT = ("execution_id", "calls", "tokens", "cost_usd", "seconds")


def canonical(text: str) -> object:
    """What two runs of the same input have in common."""
    return json.loads(text, object_hook=lambda one: {k: v for k, v in one.items() if k not in _RUN_DEPENDENT})


@pytest.fixture
def long(folder: Path) -> Path:
    """The folder, with a document that takes some seconds."""
    (folder / "long.md").write_bytes(demo_document() * 30)
    return folder


@pytest.fixture
def endless(folder: Path) -> Path:
    """The folder, with a document that takes much longer than some other processes."""
    (folder / "long.md").write_bytes(demo_document() * 150)
    return folder


@contextmanager
def working(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has finished its first activities, and few more."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # Whoever runs the tests in the background may have it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # the tests start no threads
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if re.search(r": execution_[0-9a-f]+", line):
                    break
            while process.poll() is None and not finished(folder):
                pass
            assert process.poll() is None, "it ended too early for this test"
            yield process
        finally:
            process.kill()


def finished(folder: Path) -> int:
    """How many activities are in the journal, seen from outside."""
    with closing(sqlite3.connect(folder / ".lithograph" / "graph.db")) as connection:
        query = "SELECT count(*) FROM workflow_activity WHERE status = 'completed'"
        return int(connection.execute(query).fetchone()[0])


def id_of(litho: Litho) -> str:
    (line,) = litho("list").stdout.splitlines()
    return line.split()[0]


def test_the_same_command_twice_gives_the_same_result_and_runs_nothing(litho: Litho, folder: Path) -> None:
    command = ("extract", "story.md", "--ontology", "ontology.ttl")

    first, again, plain = litho(*command), litho(*command), litho(*command, "--no-db")

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout == again.stdout
    assert "nothing was left to do" in again.stderr
    assert "nothing was left to do" not in first.stderr
    assert canonical(first.stdout) == canonical(plain.stdout)
    (document,) = json.loads(first.stdout)["documents"]
    assert document["execution_id"] == id_of(litho)
    assert litho("result", document["execution_id"]).stdout == first.stdout


def test_a_killed_run_continues_and_gives_what_a_run_in_memory_gives(litho: Litho, long: Path) -> None:
    with working(long, *EXTRACT) as process:
        process.kill()
    found = json.loads(litho("status", id_of(litho), "--json").stdout)
    assert found["status"] == "running"
    assert 0 < found["stages"]["mentions"]["completed"] < 330

    done = litho(*EXTRACT)

    assert done.returncode == 0, done.stderr
    assert "continued" in done.stderr
    assert canonical(done.stdout) == canonical(litho(*EXTRACT, "--no-db").stdout)
    after = json.loads(litho("status", id_of(litho), "--json").stdout)
    assert (after["status"], after["percent"], after["recoveries"]) == ("completed", 100.0, 1)
    completed = [event for event in events(litho, found["id"]) if event["type"] == "activity.completed"]
    # Nothing that was finished before the kill was run again.
    assert len({event["activity"] for event in completed}) == len(completed)


def events(litho: Litho, execution: str, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in litho("events", execution, *options).stdout.splitlines()]


def test_events_have_no_gap_and_can_be_read_from_any_of_them(litho: Litho, folder: Path) -> None:
    assert litho("extract", "story.md", "--ontology", "ontology.ttl").returncode == 0
    execution = id_of(litho)

    whole = events(litho, execution)

    assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
    assert (whole[0]["type"], whole[-1]["type"]) == ("execution.started", "execution.completed")
    assert events(litho, execution, "--after", "5") == whole[5:]
    assert events(litho, execution, "--follow") == whole


@pytest.mark.parametrize("command", ["the same", "resume"])
def test_an_interrupted_run_says_how_it_continues_and_does(litho: Litho, long: Path, command: str) -> None:
    with working(long, *EXTRACT) as process:
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, said = process.communicate(timeout=30)
        took = time.monotonic() - began

    assert (process.returncode, out) == (130, "")
    assert took < 1.0
    last = said.splitlines()[-1]
    execution = id_of(litho)
    assert last.startswith("litho: interrupted; ")
    assert f"`litho resume {execution}`" in last
    assert "Traceback" not in said
    assert json.loads(litho("status", execution, "--json").stdout)["worker"] is None

    done = litho(*EXTRACT) if command == "the same" else litho("resume", execution)

    assert done.returncode == 0, done.stderr
    assert canonical(done.stdout) == canonical(litho(*EXTRACT, "--no-db").stdout)
    assert json.loads(litho("status", execution, "--json").stdout)["recoveries"] == 0


def test_another_process_pauses_it_and_it_goes_on(litho: Litho, endless: Path) -> None:
    with working(endless, *EXTRACT) as process:
        execution = id_of(litho)
        asked = litho("pause", execution)
        said = process.communicate(timeout=30)[1]

    assert asked.returncode == 0, asked.stderr
    assert process.returncode == 130
    assert "suspended (paused by a signal)" in said.splitlines()[-1]
    assert f"`litho resume {execution}`" in said.splitlines()[-1]
    assert litho("list", "--status", "suspended").stdout.startswith(execution)
    assert litho("pause", execution).returncode == 0
    assert litho("resume", execution[:20]).returncode == 0
    assert litho("list", "--status", "completed").stdout.startswith(execution)


def test_another_process_cancels_it(litho: Litho, endless: Path) -> None:
    with working(endless, *EXTRACT) as process:
        execution = id_of(litho)
        asked = litho("cancel", execution)
        said = process.communicate(timeout=30)[1]

    assert (asked.returncode, process.returncode) == (0, 1), asked.stderr + said
    assert "is cancelled" in said.splitlines()[-1]
    assert litho("resume", execution).returncode == 2
    partial = litho("result", execution)
    assert partial.returncode == 3
    assert 0 < len(json.loads(partial.stdout)["missing"]) < 1650


def test_what_nobody_runs_is_cancelled_at_once_and_cannot_be_paused(litho: Litho, long: Path) -> None:
    with working(long, *EXTRACT) as process:
        process.kill()
    execution = id_of(litho)

    paused, cancelled = litho("pause", execution), litho("cancel", execution)

    assert paused.returncode == 2
    assert "nobody runs it" in paused.stderr
    assert (cancelled.returncode, cancelled.stderr) == (0, f"execution {execution} is cancelled\n")
    assert json.loads(litho("status", execution, "--json").stdout)["status"] == "cancelled"


def test_a_second_worker_is_refused_and_all_else_works_meanwhile(litho: Litho, endless: Path) -> None:
    with working(endless, *EXTRACT) as process:
        second = litho("extract", "story.md", "--ontology", "ontology.ttl")
        execution = id_of(litho)
        looks = [litho("status", execution), litho("events", execution), litho("signal", execution, "hello", "[1]")]
        process.kill()

    assert second.returncode == 2
    assert f"process {process.pid} on " in second.stderr
    assert second.stderr.count("\n") == 1
    assert [look.returncode for look in looks] == [0, 0, 0]


def test_spans_are_slices_of_the_text_that_is_given(litho: Litho, folder: Path) -> None:
    (folder / "page.html").write_text(
        "<p>Ann Rook\r\nwas born in Dunholm.</p><p>Bob Rook was born in Carrick \U0001f6a2.</p>"
    )
    whole = json.loads(litho("extract", "page.html", "--ontology", "ontology.ttl").stdout)
    execution = id_of(litho)

    shown = litho("result", execution, "--format", "text", "--out", "page.txt")

    assert shown.returncode == 0, shown.stderr
    text = (folder / "page.txt").read_bytes().decode()
    mentions = [mention for entity in whole["entities"] for mention in entity["mentions"]]
    assert mentions
    assert [text[one["start"] : one["end"]] for one in mentions] == [one["text"] for one in mentions]


def test_several_documents_are_an_execution_each_and_one_result(litho: Litho, folder: Path) -> None:
    (folder / "ann.txt").write_text("Ann Rook was born in Dunholm.")
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7\nnothing")
    command = ("extract", "ann.txt", "bad.pdf", "story.md", "--ontology", "ontology.ttl", "--on-missing", "skip")

    done, again, plain = litho(*command), litho(*command), litho(*command, "--no-db")

    assert [one.returncode for one in (done, again, plain)] == [3, 3, 3], done.stderr
    assert canonical(done.stdout) == canonical(again.stdout) == canonical(plain.stdout)
    assert len(litho("list").stdout.splitlines()) == 2


def test_a_signal_with_a_key_arrives_once(litho: Litho, long: Path) -> None:
    with working(long, *EXTRACT) as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    execution = id_of(litho)

    first, again = (litho("signal", execution, "review", '{"accept": 1}', "--key", "k") for _ in range(2))

    assert (first.returncode, again.returncode) == (0, 0)
    assert "was sent to" in first.stderr
    assert "nothing was sent now" in again.stderr


def test_a_database_that_cannot_be_written_is_one_sentence(litho: Litho, folder: Path) -> None:
    (folder / ".lithograph").mkdir()
    (folder / ".lithograph" / "graph.db").write_text("no database at all, and long enough to be looked at as one" * 20)

    done = litho("extract", "story.md", "--ontology", "ontology.ttl")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("litho: .lithograph/graph.db is not an SQLite database")
