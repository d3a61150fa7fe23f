"""`litho batch`: a folder in, its id out, and everything that is done to executions done to all of them."""

import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from tests.commands import HASTE, Litho, sentence, until

from lithograph.cli.app import run
from lithograph.demo import demo_document
from lithograph.durable.executions import Execution

START = ("batch", "start", "docs", "--ontology", "ontology.ttl")
TEXTS = {
    "ann.txt": "Ann Rook was born in Dunholm.",
    "bob.md": "Bob Rook was born in Carrick. Ann Rook was born in Dunholm.",
    "sub/cid.txt": "Cid Rook was born in Dunholm.",
    "sub/torn.pdf": "%PDF-1.7 torn",
}


Here = Callable[..., CompletedProcess[str]]
"""Runs a command in this process, which takes much less time than to begin one."""


@pytest.fixture
def here(litho: Litho, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Here:
    monkeypatch.chdir(litho.folder)

    def run_here(*arguments: str) -> CompletedProcess[str]:
        capfd.readouterr()
        code = run(arguments)
        said = capfd.readouterr()
        return CompletedProcess(arguments, code, said.out, said.err)

    return run_here


@pytest.fixture
def litho(folder: Path) -> Litho:
    for name, text in TEXTS.items():
        path = folder / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Litho(folder, HASTE)


def with_stories(litho: Litho, length: int) -> Litho:
    for number in range(4):
        story = demo_document() * length + f"Number {number}.".encode()
        (litho.folder / "docs" / f"{number}.md").write_bytes(story)
    return litho


@pytest.fixture
def long(litho: Litho) -> Litho:
    """The folder, with documents that take some seconds."""
    return with_stories(litho, 8)


@pytest.fixture
def endless(litho: Litho) -> Litho:
    """The folder, with documents that take much longer than some other processes."""
    return with_stories(litho, 30)


def batch_of(litho: Litho) -> Execution:
    (found,) = [one for one in litho.executions() if one.workflow_type == "batch_extraction"]
    return found


def standing(here: Here, batch: Execution) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(here("batch", "status", batch.id, "--json").stdout)
    return found


def test_a_folder_becomes_a_batch_whose_result_is_one(litho: Litho, here: Here) -> None:
    done = litho(*START, "--plain")

    batch = batch_of(litho)
    assert (done.returncode, done.stdout) == (3, f"{batch.id}\n"), done.stderr
    said = done.stderr.splitlines()
    assert f"batch {batch.id}: 4 documents" in said
    assert sum(line.startswith("docs/ann.txt: completed (") for line in said) == 1
    assert [line for line in said if line.startswith("docs/sub/torn.pdf: failed (")]
    assert any(line.startswith("4 documents: 3 completed, 1 failed in ") for line in said)

    listed = here("list").stdout.splitlines()
    assert [line.split()[:4] for line in listed] == [[batch.id, "completed_with_errors", "75", "%"]]
    assert len(here("list", "--all").stdout.splitlines()) == 4
    found = standing(here, batch)
    assert (found["state"], found["documents"]["total"], found["documents"]["failed"]) == (
        "completed_with_errors",
        4,
        1,
    )
    (failed,) = found["failed"]["documents"]
    assert failed["document"] == "docs/sub/torn.pdf"
    assert here("status", batch.id, "--json").stdout == here("batch", "status", batch.id, "--json").stdout
    shown = here("batch", "status", batch.id[:20]).stdout
    assert "documents  4: 3 completed, 1 failed" in shown
    assert "failed     docs/sub/torn.pdf is" in shown

    result = here("result", batch.id)
    assert result.returncode == 3
    whole = json.loads(result.stdout)
    assert [one["source"] for one in whole["documents"]] == ["docs/ann.txt", "docs/bob.md", "docs/sub/cid.txt"]
    (ann,) = [one for one in whole["entities"] if one["label"] == "Ann Rook"]
    assert len({mention["document"] for mention in ann["mentions"]}) == 2
    assert [one["stage"] for one in whole["missing"]] == ["read"]


def test_the_same_command_again_runs_what_is_missing_and_can_give_the_result(litho: Litho, here: Here) -> None:
    (litho.folder / "docs" / "sub" / "torn.pdf").unlink()
    first, again = here(*START), here(*START, "--out", "graph.json")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert again.stdout == ""
    assert "nothing was left to do" in again.stderr
    assert len(json.loads((litho.folder / "graph.json").read_text())["documents"]) == 3
    (litho.folder / "docs" / "ann.txt").write_text("Ann Rook was born in Bergen.")
    assert here(*START).returncode == 0
    assert len([one for one in litho.executions() if one.workflow_type == "batch_extraction"]) == 2
    assert len(litho.executions()) == 2 + 4


def in_work(litho: Litho) -> bool:
    """Whether two documents of a batch are being extracted."""
    database = litho.folder / ".lithograph" / "graph.db"
    if not database.exists():
        return False
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT count(*) FROM workflow_execution WHERE parent_id IS NOT NULL AND last_seq > 5"
        try:
            return int(connection.execute(query).fetchone()[0]) >= 2
        except sqlite3.OperationalError:  # the tables are just being made
            return False


def test_an_interrupted_batch_says_how_it_continues_and_does(long: Litho, here: Here) -> None:
    with long.begun(*START, heeding=True) as process:
        until(lambda: in_work(long))
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    batch = batch_of(long)
    assert process.returncode == 130
    assert f"run the same command again, or `litho resume {batch.id}`, to continue" in said.splitlines()[-1]
    assert all(one.lease_owner is None for one in long.executions())
    done = here("resume", batch.id, "--format", "json")
    assert done.returncode == 3, done.stderr
    assert len(json.loads(done.stdout)["documents"]) == 7
    assert batch_of(long).recovery_count == 0


def test_another_process_pauses_all_of_it_and_it_goes_on(endless: Litho, here: Here) -> None:
    with endless.begun(*START) as process:
        until(lambda: in_work(endless))
        batch = batch_of(endless)
        asked = here("pause", batch.id)
        said = process.communicate(timeout=30)[1]
    assert (asked.returncode, process.returncode) == (0, 130), asked.stderr + said
    assert "suspended (paused by a signal)" in said.splitlines()[-1]
    statuses = [str(one.status) for one in endless.executions()]
    assert "running" not in statuses
    assert statuses.count("suspended") >= 2
    assert "extracting, suspended" in here("batch", "status", batch.id).stdout


def test_another_process_cancels_all_of_it(endless: Litho, here: Here) -> None:
    with endless.begun(*START) as process:
        until(lambda: in_work(endless))
        batch = batch_of(endless)
        asked = here("cancel", batch.id)
        said = process.communicate(timeout=30)[1]
    assert (asked.returncode, process.returncode) == (0, 1), asked.stderr + said
    assert "is cancelled" in said.splitlines()[-1]
    statuses = [str(one.status) for one in endless.executions()]
    assert "running" not in statuses
    assert statuses.count("cancelled") >= 3
    assert here("resume", batch.id).returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*START, "--queue"), "is a file, which has no queue"),
        (("batch", "start", "none", "--ontology", "ontology.ttl"), "none does not exist"),
        (("batch", "start", "empty", "--ontology", "ontology.ttl"), "there is no file in empty"),
        ((*START, "--on-failure", "explode"), "--on-failure"),
        ((*START, "--documents-at-once", "0"), "--documents-at-once"),
        ((*START, "--out", "ontology.ttl"), "ontology.ttl is read by this command and would be overwritten"),
        ((*START, "--format", "json", "--out", "docs/bob.md"), "docs/bob.md is read by this command"),
        (
            ("batch", "start", "docs/bob.md", *START[3:], "--format", "json", "--out", "docs/bob.md"),
            "docs/bob.md is read by",
        ),
        (("batch", "status", "CHILD"), "is no batch"),
        (("result", "BATCH", "--format", "text"), "is a batch_extraction, not an extraction"),
    ],
)
def test_wrong_use_is_one_sentence(litho: Litho, here: Here, arguments: tuple[str, ...], said: str) -> None:
    (litho.folder / "empty").mkdir()
    named: dict[str, str] = {}
    if {"CHILD", "BATCH"} & {*arguments}:
        assert here(*START).returncode == 3
        ids = {one.workflow_type: one.id for one in litho.executions()}
        named = {"CHILD": ids["extraction"], "BATCH": ids["batch_extraction"]}
    before = {path: path.read_bytes() for path in (litho.folder / "docs").rglob("*") if path.is_file()}
    done = here(*(named.get(word, word) for word in arguments))
    assert {path: path.read_bytes() for path in before} == before
    assert (done.returncode, done.stdout) == (2, "")
    assert said in sentence(done)
