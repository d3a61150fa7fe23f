"""Workers in processes of their own, for tests of what becomes of executions when workers die, freeze or leave."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Self

from lithograph.errors import UsageError

_PATIENCE: Final = 30.0
"""Seconds to wait for a worker to begin, or to end when it was asked to."""


@dataclass(slots=True)
class WorkerProcess:
    """A `litho worker`; a context manager that leaves no process behind."""

    url: str
    lease_seconds: float = 45.0
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

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

    def start(self) -> None:
        """Return when it takes jobs; raises `UsageError` with what it said when it ended instead."""
        command = [sys.executable, "-P", "-m", "lithograph", "worker", f"--db={self.url}"]
        command += [f"--lease-seconds={self.lease_seconds}", *self.options]
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        said = self._read_until(b"working as")
        if b"working as" not in said:
            self.kill()
            raise UsageError(f"the worker did not begin: {said.decode(errors='replace').strip()}")

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
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def stop(self) -> float:
        """Ask it to end, as a deployment does, and return the seconds that it took."""
        if self._process is None:
            raise UsageError("the worker was not started")
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_PATIENCE)
        took = time.monotonic() - began
        if self._process.stderr is not None:
            self._process.stderr.close()
        return took

    def _read_until(self, wanted: bytes) -> bytes:
        """Return what it says, up to and with the line that has `wanted` in it, or all until it ends."""
        process, said, until = self._process, b"", time.monotonic() + _PATIENCE
        if process is None or process.stderr is None:
            return said
        with selectors.DefaultSelector() as selector:
            selector.register(process.stderr, selectors.EVENT_READ)
            while wanted not in said and time.monotonic() < until:
                if selector.select(0.1):
                    more = os.read(process.stderr.fileno(), 65_536)
                    if not more:
                        break
                    said += more
        return said


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
