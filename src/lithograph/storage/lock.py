"""The lock file of the one process that works on an SQLite database; others may read and send signals meanwhile.

    free                                             -> taken
    its holder is dead                               -> taken at once
    its holder lives, its last beat is recent        -> refused, naming the holder
    its holder lives, its last beat is too long ago  -> taken: that process is frozen, and learns of it at its next beat

A process of another host cannot be seen: there only the beat counts. The file is read and rewritten as a whole under
an exclusive hold, so a process killed in between leaves the old holder, the new one or nothing legible, which is free.
"""

import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from lithograph.errors import FencedError, HeldError
from lithograph.storage.exclusive import held
from lithograph.storage.failures import translated
from lithograph.storage.processes import boot_id, is_alive, started_at

_PATIENCE: Final = 5.0
"""Seconds to wait for a process that reads or rewrites the file, which takes it well under a millisecond."""

_SIZE: Final = 2048
"""Bytes of a lock file; the rest of it is blanks."""

_LONGEST_COMMAND: Final = 200


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says of the process that holds the lock. Times are seconds since 1970."""

    pid: int
    host: str
    started: int | None
    """When the process was started, in clock ticks since its host's boot; None where that cannot be told."""
    boot: str
    """Which boot of the host that was; empty where that cannot be told."""
    command: str
    acquired: float
    beat: float


class WorkerLock:
    """The right to work on the database at `path`. A context manager that acquires and releases it.

    `lease` is how many seconds the holder may go without a beat before it counts as frozen; `clock` gives the seconds
    since 1970. Beat at least three times in a lease. One object belongs to one process; it may move between threads.
    """

    def __init__(self, path: Path, *, lease: float, clock: Callable[[], float]) -> None:
        database = path.resolve()
        self.path = database.with_name(f"{database.name}.lock")
        """The lock file, beside the file that `path` leads to, so that every name of a database has the same lock."""
        self._name = path
        self._lease = lease
        self._clock = clock
        self._mine: Holder | None = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock. Raises `HeldError` when a live process holds it, `StorageError` when it cannot be written."""
        with translated(self.path), self._hold() as descriptor:
            holder = _read(descriptor)
            now = self._clock()
            if holder is not None and self._is_working(holder, now):
                raise HeldError(
                    f"process {holder.pid} on {holder.host} is already working on {self._name}"
                    f" ({holder.command}; lock file {self.path}); meanwhile status, events --follow, pause, cancel and"
                    " signal work from here"
                )
            mine = _this_process(now)
            _write(descriptor, mine)
            self._mine = mine

    def beat(self) -> None:
        """Say that this process is alive and working.

        Raises `FencedError` when another process has taken the lock meanwhile, since this one had not been heard of:
        it must stop and write nothing more. Raises `StorageError` when the file cannot be written.
        """
        with translated(self.path), self._hold() as descriptor:
            holder = _read(descriptor)
            if self._mine is None or holder is None or not _same(holder, self._mine):
                self._mine = None
                raise FencedError(
                    f"this process was not heard of for {self._lease:g} seconds, and {_someone(holder)}"
                    f" has taken over {self._name}"
                )
            self._mine = msgspec.structs.replace(self._mine, beat=self._clock())
            _write(descriptor, self._mine)

    def release(self) -> None:
        """Give the lock back; does nothing when it is not ours (any more)."""
        mine, self._mine = self._mine, None
        if mine is None or not self.path.exists():
            return
        with translated(self.path), self._hold() as descriptor:
            holder = _read(descriptor)
            if holder is not None and _same(holder, mine):
                self.path.unlink()

    def _hold(self) -> AbstractContextManager[int]:
        return held(self.path, patience=_PATIENCE, doing="reading or rewriting the lock file")

    def _is_working(self, holder: Holder, now: float) -> bool:
        """Return whether `holder` lives, as far as can be told from here, and was heard of within the lease."""
        if holder.host == socket.gethostname() and (
            holder.boot != boot_id() or not is_alive(holder.pid, holder.started)
        ):
            return False
        return now - holder.beat <= self._lease


def holder_of(path: Path) -> Holder | None:
    """Return what the lock file of the database at `path` says, or None when there is none or it cannot be read.

    It is a look and no more: whoever is named may be dead or frozen.
    """
    database = path.resolve()
    try:
        return _decoded(database.with_name(f"{database.name}.lock").read_bytes())
    except OSError:
        return None


def _this_process(now: float) -> Holder:
    pid = os.getpid()
    return Holder(
        pid=pid,
        host=socket.gethostname(),
        started=started_at(pid),
        boot=boot_id(),
        command=_command(sys.argv),
        acquired=now,
        beat=now,
    )


def _command(arguments: Sequence[str]) -> str:
    """Return the program and its command, and no option: one of them could hold a secret."""
    program = Path(arguments[0])
    words = [program.parent.name if program.name == "__main__.py" else program.name]
    words += [word for word in arguments[1:2] if word.isalpha()]
    return " ".join(words)[:_LONGEST_COMMAND]


def _same(one: Holder, other: Holder) -> bool:
    """Return whether the two are one holding of the lock, whatever its last beat."""
    return msgspec.structs.replace(one, beat=0) == msgspec.structs.replace(other, beat=0)


def _someone(holder: Holder | None) -> str:
    return f"process {holder.pid} on {holder.host}" if holder else "another process"


def _read(descriptor: int) -> Holder | None:
    return _decoded(os.pread(descriptor, _SIZE, 0))


def _decoded(data: bytes) -> Holder | None:
    try:
        return msgspec.json.decode(data, type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write(descriptor: int, holder: Holder) -> None:
    """Rewrite the file in one call and at one size: no moment without a content, and no new block on a full disk."""
    os.pwrite(descriptor, msgspec.json.encode(holder).ljust(_SIZE - 1) + b"\n", 0)
