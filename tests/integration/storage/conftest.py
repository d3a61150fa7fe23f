"""Processes of their own: some are killed, some are frozen."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

DEADLINE = 30.0
"""Seconds after which a condition that should have come about is a failure."""


class Child:
    """A Python process that says things line by line and hears of one line at a time."""

    def __init__(self, script: str, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid

    def line(self) -> str:
        """Return the next line that it says, or an empty text when it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)

    def die(self) -> None:
        """Kill it, and return when it is dead but not buried: it still has its number."""
        self.process.send_signal(signal.SIGKILL)
        until(lambda: self._state() == "Z")

    def freeze(self) -> None:
        """Stop it, and return when it stands still."""
        self.process.send_signal(signal.SIGSTOP)
        until(lambda: self._state() == "T")

    def _state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> tuple[int, str, str]:
        """Return its exit status and what it said on its outputs."""
        said, complained = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, said, complained


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("it did not come about")
        time.sleep(0.01)


class Start(Protocol):
    def __call__(self, script: str, *arguments: str | Path) -> Child: ...


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes that do not outlive the test."""
    children: list[Child] = []

    def begin(script: str, *arguments: str | Path) -> Child:
        children.append(Child(script, *arguments))
        return children[-1]

    yield begin
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        for stream in (child.process.stdin, child.process.stdout, child.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
