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

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.durable import lookup
from lithograph.durable.events import Event, events_after
from lithograph.durable.executions import Execution
from lithograph.models.directory import PROVIDERS
from lithograph.storage.open import open_storage

COMMAND = (sys.executable, "-P", "-m", "lithograph")
DEADLINE = 60.0
"""Seconds after which a process will not end any more, and what was waited for will not come."""
HASTE = {"LITHOGRAPH_RESET_AFTER": "0.3", "LITHOGRAPH_RETRY_FIRST": "0.05"}
"""An environment in which providers are soon asked again."""
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
    def begun(self, *arguments: str | Path, heeding: bool = False) -> Iterator[Popen[str]]:
        """Give a process that has begun; it does not outlive the context."""
        with self.begin(*arguments, heeding=heeding) as process:
            try:
                yield process
            finally:
                process.kill()

    def begin(self, *arguments: str | Path, heeding: bool = False) -> Popen[str]:
        """Return a process that has begun; when it is `heeding` interruptions it must not be begun in a thread."""
        inherited = {name: value for name, value in os.environ.items() if name not in _KEYS}
        return Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env={**inherited, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            preexec_fn=_heed if heeding else None,  # noqa: PLW1509  # there are no threads
        )

    def executions(self) -> list[Execution]:
        """Return the executions that there are, none where there is no database."""
        if not self._database.exists():
            return []
        with open_storage(f"sqlite:///{self._database}") as storage, storage.read(DEFAULT_ORGANIZATION) as connection:
            return lookup.listed(connection, DEFAULT_ORGANIZATION, limit=100)

    def execution(self) -> Execution:
        """Return the only execution."""
        (found,) = self.executions()
        return found

    def events(self) -> list[Event]:
        """Return what happened to the only execution."""
        with open_storage(f"sqlite:///{self._database}") as storage, storage.read(DEFAULT_ORGANIZATION) as connection:
            return events_after(connection, DEFAULT_ORGANIZATION, self.execution().id, 0)

    @property
    def _database(self) -> Path:
        return self.folder / ".lithograph" / "graph.db"


def _heed() -> None:
    """Whoever runs the tests in the background may have interruptions ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def sentence(done: CompletedProcess[str]) -> str:
    """Return the one sentence that a process ended with, which is the last thing that it said."""
    *others, last = done.stderr.splitlines()
    assert not [line for line in others if line.startswith("litho: ")]
    assert "Traceback" not in done.stderr
    assert last.startswith("litho: ")
    return last.removeprefix("litho: ")
