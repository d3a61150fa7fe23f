"""A disk that is full, or a database that may not be written: one sentence, and the same command goes on afterwards."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from tests.disks import Disk, mounted
from tests.integration.cli.conftest import COMMAND
from tests.integration.cli.test_durable import canonical

from lithograph.demo import demo_document

Litho = Callable[..., CompletedProcess[str]]
ROOM = "size=64m"
FULL = "could not be written, since the disk is full; free some space and run the same command again"


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    with mounted(tmp_path_factory.mktemp("disk"), ROOM) as small:
        yield small


@pytest.fixture
def command(folder: Path) -> tuple[str, ...]:
    """Extracts a document whose journal takes some two megabytes; the database is still to be named."""
    (folder / "long.md").write_bytes(demo_document() * 8)
    return ("extract", "long.md", "--ontology", "ontology.ttl", "--db")


def said_once(done: CompletedProcess[str]) -> str:
    """Return the one sentence of a command that could not do its work; all else is progress."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    *progress, last = done.stderr.splitlines()
    assert all(line.startswith("long.md: ") for line in progress), done.stderr
    assert last.startswith("litho: ")
    return last


def check_whole(litho: Litho, command: tuple[str, ...], url: str) -> None:
    """The same command now completes, as if nothing had happened."""
    done = litho(*command, url)
    assert done.returncode == 0, done.stderr
    assert canonical(done.stdout) == canonical(litho(*command[:-1], "--no-db").stdout)


@pytest.mark.parametrize("size", ["16k", "256k"])
def test_a_disk_that_is_full_from_the_start_is_one_sentence_and_room_lets_it_begin(
    litho: Litho, command: tuple[str, ...], disk: Disk, size: str
) -> None:
    url = f"sqlite:///{disk.folder}/graph.db"
    disk.remount(f"size={size}")
    assert FULL in said_once(litho(*command, url))
    disk.remount(ROOM)
    check_whole(litho, command, url)


def test_a_disk_that_fills_up_is_one_sentence_and_loses_nothing_that_was_finished(
    litho: Litho, command: tuple[str, ...], disk: Disk
) -> None:
    database = disk.folder / "graph.db"
    url = f"sqlite:///{database}"
    disk.remount("size=1m")

    for _ in range(2):
        assert FULL in said_once(litho(*command, url))

    disk.remount(ROOM)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    execution = litho("list", "--db", url).stdout.split()[0]
    assert json.loads(litho("status", execution, "--json", "--db", url).stdout)["stages"]["mentions"]["completed"] > 0
    check_whole(litho, command, url)
    events = [json.loads(line) for line in litho("events", execution, "--db", url).stdout.splitlines()]
    completed = [event["activity"] for event in events if event["type"] == "activity.completed"]
    assert len(completed) == len(set(completed))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


def test_a_read_only_disk_is_one_sentence(litho: Litho, command: tuple[str, ...], disk: Disk) -> None:
    url = f"sqlite:///{disk.folder}/graph.db"
    disk.remount("ro")
    assert "read-only" in said_once(litho(*command, url))
    disk.remount("rw")
    check_whole(litho, command, url)


@pytest.fixture
def humble(folder: Path) -> Litho:
    """Runs `litho` as somebody whom permissions bind: root is not."""
    bound: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("permissions do not bind root, and there is no setpriv here to make them")
        bound = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")

    def run(*arguments: str) -> CompletedProcess[str]:
        command = [*bound, *COMMAND, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", timeout=60, check=False)

    return run


@pytest.mark.parametrize("finished", [False, True])
def test_a_read_only_file_is_one_sentence_and_stays_readable(
    litho: Litho, humble: Litho, command: tuple[str, ...], folder: Path, finished: bool
) -> None:
    database = folder / "graph.db"
    url = f"sqlite:///{database}"
    if finished:
        assert litho("extract", "story.md", *command[2:], url).returncode == 0
    else:
        assert litho("migrate", "--db", url).returncode == 0
    before = database.read_bytes()
    database.chmod(0o444)

    said = said_once(humble(*command, url))

    assert f"{database} could not be written" in said
    assert "read-only" in said
    assert database.read_bytes() == before
    assert len(humble("list", "--db", url).stdout.splitlines()) == finished
    database.chmod(0o644)
    check_whole(litho, command, url)
