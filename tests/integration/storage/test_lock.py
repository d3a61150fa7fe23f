"""One process works on a database: real processes, killed and frozen."""

import re
import time
from pathlib import Path

import pytest

from lithograph.errors import FencedError, StorageError, UsageError
from lithograph.storage.lock import WorkerLock, holder_of

from .conftest import Child, Start

WORKER = """
import sys, time
from lithograph.errors import FencedError, LithographError
from lithograph.storage.lock import WorkerLock
from pathlib import Path

lock = WorkerLock(Path(sys.argv[1]), lease=float(sys.argv[2]), clock=time.time)
print("ready", flush=True)
for order in map(str.strip, sys.stdin):
    try:
        getattr(lock, order)()
        print("done", flush=True)
    except LithographError as error:
        print(type(error).__name__, error, flush=True)
"""


class Clock:
    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "graph.db"


def worker(start: Start, database: Path, lease: float = 3600) -> Child:
    child = start(WORKER, database, str(lease))
    assert child.line() == "ready"
    return child


def ask(child: Child, order: str) -> str:
    child.tell(order)
    return child.line()


def test_a_second_worker_is_refused_and_told_who_works_and_what_can_be_done(start: Start, database: Path) -> None:
    first = worker(start, database)
    assert ask(first, "acquire") == "done"
    lock = WorkerLock(database, lease=3600, clock=time.time)
    with pytest.raises(UsageError) as caught:
        lock.acquire()
    said = str(caught.value)
    assert re.search(rf"process {first.pid} on \S+ is already working on {re.escape(str(database))} ", said)
    assert f"{database}.lock" in said
    assert "status, events --follow, pause, cancel and signal work from here" in said
    assert ask(first, "beat") == "done"


def test_a_killed_workers_lock_is_taken_at_once(start: Start, database: Path) -> None:
    first, second = worker(start, database), worker(start, database)
    assert ask(first, "acquire") == "done"
    first.die()
    assert ask(second, "acquire") == "done"
    holder = holder_of(database)
    assert holder is not None
    assert holder.pid == second.pid


def test_a_frozen_workers_lock_is_taken_after_its_lease_and_it_learns_of_it(start: Start, database: Path) -> None:
    lease, clock = 60.0, Clock()
    frozen = worker(start, database, lease)
    assert ask(frozen, "acquire") == "done"
    frozen.freeze()
    lock = WorkerLock(database, lease=lease, clock=clock)
    clock.now += lease - 5
    with pytest.raises(UsageError):
        lock.acquire()
    clock.now += 10
    lock.acquire()
    frozen.thaw()
    assert ask(frozen, "beat").startswith("FencedError this process was not heard of for 60 seconds, and process ")
    assert ask(frozen, "release") == "done"
    lock.beat()  # what the other one released was not ours
    assert ask(frozen, "acquire").startswith("HeldError process ")


def test_a_frozen_worker_learns_of_a_successor_that_is_done_already(database: Path) -> None:
    clock = Clock()
    frozen = WorkerLock(database, lease=60, clock=clock)
    frozen.acquire()
    clock.now += 61
    with WorkerLock(database, lease=60, clock=clock):
        pass
    with pytest.raises(FencedError):
        frozen.beat()


def test_of_many_that_race_for_a_dead_workers_lock_one_wins(start: Start, database: Path) -> None:
    dead = worker(start, database)
    assert ask(dead, "acquire") == "done"
    dead.kill()
    lock_file = WorkerLock(database, lease=3600, clock=time.time).path
    left_behind = lock_file.read_bytes()
    racers = [worker(start, database) for _ in range(3)]
    for _ in range(100):
        lock_file.write_bytes(left_behind)
        for racer in racers:
            racer.tell("acquire")
        answers = [racer.line() for racer in racers]
        assert answers.count("done") == 1
        winner = racers[answers.index("done")]
        assert all(f"process {winner.pid} " in answer for answer in answers if answer != "done")
        assert ask(winner, "release") == "done"


def test_a_process_that_has_the_dead_workers_number_is_not_mistaken_for_it(database: Path) -> None:
    lock = WorkerLock(database, lease=3600, clock=time.time)
    lock.acquire()
    ours = lock.path.read_text()
    assert '"started":' in ours
    lock.path.write_text(re.sub(r'"started":\d+', '"started":1', ours))
    WorkerLock(database, lease=3600, clock=time.time).acquire()


def test_of_another_host_only_the_beat_counts(database: Path) -> None:
    clock = Clock()
    lock = WorkerLock(database, lease=60, clock=clock)
    lock.acquire()
    written = re.sub(r'"host":"[^"]*"', '"host":"elsewhere"', lock.path.read_text())
    lock.path.write_text(re.sub(r'"started":\d+', '"started":1', written))
    second = WorkerLock(database, lease=60, clock=clock)
    with pytest.raises(UsageError, match="on elsewhere is already working"):
        second.acquire()
    clock.now += 61
    second.acquire()


@pytest.mark.parametrize("content", [b"", b'{"pid": 1, "ho', b"\xff" * 5000, b'{"pid": "me"}'])
def test_a_lock_file_that_says_nothing_is_free(database: Path, content: bytes) -> None:
    lock = WorkerLock(database, lease=3600, clock=time.time)
    lock.path.write_bytes(content)
    with lock:
        lock.beat()
    assert not lock.path.exists()


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    lock = WorkerLock(tmp_path / "gone" / "graph.db", lease=60, clock=time.time)
    with pytest.raises(StorageError, match=r"gone/graph\.db\.lock was moved, replaced or deleted"):
        lock.acquire()


def test_every_name_of_a_database_has_the_same_lock(database: Path, tmp_path: Path) -> None:
    database.touch()
    (tmp_path / "other.db").symlink_to(database)
    with WorkerLock(database, lease=3600, clock=time.time), pytest.raises(UsageError):
        WorkerLock(tmp_path / "other.db", lease=3600, clock=time.time).acquire()


def test_no_option_of_the_command_line_is_written_down(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/usr/bin/litho", "extract", "--api-key", "hush"])
    with WorkerLock(database, lease=3600, clock=time.time) as lock:
        assert '"command":"litho extract"' in lock.path.read_text()
