"""Processes for crash tests that begin at once: forked off one that has imported everything and done nothing else.

    with Nursery() as nursery:
        run = CrashRun(folder, document, ontology, nursery=nursery)

They are processes like any other, and die like any other. What they are forked off has one thread and no connection.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, Final, Self

_PATIENCE: Final = 60.0
"""Seconds to wait for a process to begin."""


class Forked:
    """A process that a nursery started; used as one of `subprocess` is."""

    def __init__(self, nursery: "Nursery", pid: int, said: Path) -> None:
        self.pid, self._nursery, self._said = pid, nursery, said

    @property
    def returncode(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self._nursery.ended(self.pid, 0.0)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)  # the nursery buries it only when we have heard of its end

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float) -> tuple[None, str]:
        """Return what it said on its error output, when it has ended; raises `subprocess.TimeoutExpired`."""
        if self._nursery.ended(self.pid, timeout) is None:
            raise subprocess.TimeoutExpired("crash_child", timeout)
        said = self._said.read_text(encoding="utf-8", errors="replace")
        self._said.unlink()
        return None, said


class Nursery:
    """Starts processes. A context manager, safe to share between threads."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lithograph-nursery-")
        self._asking = threading.Lock()
        self._heard = threading.Condition()
        self._begun: list[int] = []
        self._ended: dict[int, int] = {}
        self._count = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", __name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101, PT018  # they are pipes
        self._pipe = self._process.stdin
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()  # it ends then
        self._process.wait()
        self._folder.cleanup()

    def start(self, argument: str) -> Forked:
        """Start a process that does what an `Assignment` says, in JSON."""
        with self._asking:
            self._count += 1
            said = Path(self._folder.name) / str(self._count)
            self._pipe.write(f"{said}\t{argument}\n")
            self._pipe.flush()
            with self._heard:
                if not self._heard.wait_for(lambda: self._begun, _PATIENCE):
                    raise TimeoutError("no process could be started")
                return Forked(self, self._begun.pop(), said)

    def ended(self, pid: int, timeout: float) -> int | None:
        """Return how a process ended, waiting so many seconds for that; None when it has not."""
        with self._heard:
            self._heard.wait_for(lambda: pid in self._ended, timeout)
            return self._ended.get(pid)

    def _listen(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                what, pid, status = line.split()
                with self._heard:
                    if what == "began":
                        self._begun.append(int(pid))
                    else:
                        self._ended[int(pid)] = int(status)
                    self._heard.notify_all()


def serve(commands: IO[str]) -> None:
    """Fork for every line that comes, and tell of beginnings and ends, until there is no more."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, _noticed)
    while True:
        ready, _, _ = select.select([commands.fileno(), reading], [], [])
        if reading in ready:
            os.read(reading, 512)
            _tell_ends()
        if commands.fileno() in ready:
            line = commands.readline()
            if not line:
                return
            _fork(line)


def _noticed(number: int, frame: FrameType | None) -> None:
    """Only that it was wakes the loop."""


def _fork(line: str) -> None:
    said, argument = line.rstrip("\n").split("\t", 1)
    pid = os.fork()
    if pid:
        _tell("began", pid, 0)
        return
    from lithograph.testing.crash_child import main

    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor, place in ((nowhere, 0), (nowhere, 1), (os.open(said, os.O_WRONLY | os.O_CREAT, 0o600), 2)):
        os.dup2(descriptor, place)
    status = 1
    try:
        status = main(argument)
    finally:
        sys.stderr.flush()
        os._exit(status)


def _tell_ends() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell("ended", pid, os.waitstatus_to_exitcode(status))


def _tell(*words: object) -> None:
    os.write(1, f"{' '.join(map(str, words))}\n".encode())


def _prepare() -> None:
    """Import what the processes will need, a server's driver if it is installed."""
    import_module("lithograph.testing.crash_child")
    if find_spec("psycopg"):
        import_module("psycopg")
        import_module("sqlalchemy.dialects.postgresql.psycopg")


if __name__ == "__main__":
    _prepare()
    serve(sys.stdin)
