"""A disk that is full, or read-only: one sentence, an intact database, and the same result once there is room."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.crash.conftest import CONCURRENCY
from tests.disks import Disk, mounted

from lithograph.testing.crash import CrashRun
from lithograph.testing.crash_child import Exit
from lithograph.testing.crash_report import CrashReport


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with mounted(tmp_path, "size=1m") as small:
        yield small


@pytest.fixture
def run(
    disk: Disk, documents: Callable[[int], Path], tmp_path_factory: pytest.TempPathFactory, ontology: Path
) -> CrashRun:
    ledger = str(tmp_path_factory.mktemp("ledger") / "ledger")
    made = CrashRun(disk.folder, documents(12), ontology, concurrency=CONCURRENCY, ledger=ledger)
    made.ledger = Path(ledger)
    return made


def test_a_full_disk_stops_it_and_room_lets_it_go_on(disk: Disk, undisturbed: CrashReport, run: CrashRun) -> None:
    ending = run.end(run.start())
    assert ending.status == Exit.STORAGE, ending
    assert "the disk is full; free some space" in ending.said
    assert "\n" not in ending.said
    disk.remount("size=64m")
    with closing(sqlite3.connect(disk.folder / "graph.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert run.end(run.start()).status == Exit.DONE
    report = run.report()
    assert report.canonical == undisturbed.canonical
    assert report.contents.gapless
    assert report.contents.activities.keys() == undisturbed.contents.activities.keys()
    assert sum(report.paid_twice.values()) <= CONCURRENCY


def test_a_read_only_disk_is_one_sentence(disk: Disk, undisturbed: CrashReport, run: CrashRun) -> None:
    disk.remount("size=64m,ro")
    ending = run.end(run.start())
    assert ending.status == Exit.STORAGE, ending
    assert "read-only" in ending.said
    assert "\n" not in ending.said
    disk.remount("size=64m,rw")
    assert run.end(run.start()).status == Exit.DONE
    assert run.report().differences(undisturbed) == []
