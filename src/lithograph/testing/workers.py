"""Workers in processes of their own, for tests of what becomes of executions when workers die, freeze or leave."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, ClassVar, Final, Self

from lithograph.errors import UsageError

_PATIENCE: Final = 30.0
"""Seconds to wait for a worker to begin, or to end when it was asked to."""

_POLL: Final = 0.02


@dataclass
class WorkerProcess:
    """A `litho worker`; a context manager that leaves no process behind."""

    subcommand: ClassVar[str] = "worker"
    began: ClassVar[str] = "working as"
    """What it says when it has begun."""

    url: str
    lease_seconds: float = 45.0
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None
    _log: "IO[bytes] | None" = None
    _said: str = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """The process' id; raises `UsageError` when there is none."""
        if self._process is None:
            raise UsageError("the worker was not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs, or is frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """How it ended, as a process does: negative for a signal; None while it runs, or was not started."""
        return self._process.poll() if self._process is not None else None

    @property
    def said(self) -> str:
        """What it has written to standard error so far, or until its end."""
        if self._log is not None:
            self._said = os.pread(self._log.fileno(), os.fstat(self._log.fileno()).st_size, 0).decode(errors="replace")
        return self._said

    def start(self, patience: float = _PATIENCE) -> None:
        """Return when it has begun; raises `UsageError` with what it said when it ended, or was silent, instead."""
        command = [sys.executable, "-P", "-m", "lithograph", self.subcommand, f"--db={self.url}"]
        command += [f"--lease-seconds={self.lease_seconds}", *self.options]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # it is read until the process has ended
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        until = time.monotonic() + patience
        while self.began not in self.said:
            if not self.alive or time.monotonic() > until:
                self.kill()
                raise UsageError(f"`litho {self.subcommand}` did not begin: {self.said.strip()}")
            time.sleep(_POLL)

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it without a chance to do anything about it; nothing where it has ended."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.kill()
        self._wait(None)

    def stop(self) -> float:
        """Ask it to end, as a deployment does, and return the seconds that it took."""
        if self._process is None:
            raise UsageError("the worker was not started")
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._wait(_PATIENCE)
        return time.monotonic() - began

    def _wait(self, patience: float | None) -> None:
        """Return when the process has ended, with what it said kept."""
        if self._process is not None:
            self._process.wait(patience)
        if self._log is not None:
            self._said, log, self._log = self.said, self._log, None
            log.close()


@contextmanager
def workers(
    count: int, url: str, lease_seconds: float = 45.0, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[list[WorkerProcess]]:
    """Give that many workers, begun at the same time; none outlives the context."""
    started: list[WorkerProcess] = []
    try:
        for _ in range(count):
            one = WorkerProcess(url, lease_seconds, options, environment or {})
            started.append(one)
            one.start()
        yield started
    finally:
        for one in started:
            one.kill()
