"""`litho` as a user has it: a process of its own, in a folder of its own, with the keys that a test gives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any

from lithograph.models.directory import PROVIDERS

COMMAND = (sys.executable, "-P", "-m", "lithograph")
DEADLINE = 60.0
"""Seconds after which a process will not end any more, and what was waited for will not come."""
HASTE = {"LITHOGRAPH_RESET_AFTER": "0.3", "LITHOGRAPH_RETRY_FIRST": "0.05", "LITHOGRAPH_TIMEOUT": "2"}
"""An environment in which nothing is waited for for long."""
_RUN_DEPENDENT = ("execution_id", "calls", "tokens", "cost_usd", "seconds")
_KEYS = {variable for provider in PROVIDERS.values() for variable in provider.variables}


def canonical(text: str) -> object:
    """Return what two runs of the same input have in common."""
    return json.loads(text, object_hook=lambda one: {k: v for k, v in one.items() if k not in _RUN_DEPENDENT})


def until(condition: Callable[[], bool]) -> None:
    """Return when the condition has come true; fail at the deadline."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Litho:
    """Runs `litho` in `folder`. Of this process's environment it gets no key; `environment` is added to it."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str | Path) -> CompletedProcess[str]:
        """Return how a command ended."""
        with self.begun(*arguments) as process:
            out, said = process.communicate(timeout=DEADLINE)
        return CompletedProcess(process.args, process.returncode, out, said)

    @contextmanager
    def begun(self, *arguments: str | Path) -> Iterator[Popen[str]]:
        """Give a process that has begun; it does not outlive the context."""
        inherited = {name: value for name, value in os.environ.items() if name not in _KEYS}
        with Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env={**inherited, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # Whoever runs the tests in the background may have it ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # there are no threads
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def execution(self) -> str:
        """Return the id of the only execution."""
        (line,) = self("list").stdout.splitlines()
        return line.split()[0]

    def status(self) -> dict[str, Any]:
        """Return how the only execution stands."""
        found: dict[str, Any] = json.loads(self("status", self.execution(), "--json").stdout)
        return found

    def events(self) -> list[dict[str, Any]]:
        """Return what happened to the only execution."""
        return [json.loads(line) for line in self("events", self.execution()).stdout.splitlines()]


def sentence(done: CompletedProcess[str]) -> str:
    """Return the one sentence that a process ended with, which is the last thing that it said."""
    *others, last = done.stderr.splitlines()
    assert not [line for line in others if line.startswith("litho: ")]
    assert "Traceback" not in done.stderr
    assert last.startswith("litho: ")
    return last.removeprefix("litho: ")
