"""The fake model in a process of its own, for tests of what a whole program does."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from lithograph.errors import UsageError
from lithograph.testing.fake_model.stats import Stats

_PATIENCE: Final = 20.0
"""Seconds to wait for an answer about its state, or for its end."""


@dataclass(frozen=True, slots=True)
class FakeModelProcess:
    """A fake model that runs elsewhere; `url` is as in `RunningFakeModel`."""

    url: str
    pid: int

    def stats(self) -> Stats:
        """Return what happened so far."""
        return msgspec.json.decode(self._ask("GET", "/stats"), type=Stats)

    def reset(self) -> None:
        """Forget what happened so far."""
        self._ask("POST", "/stats/reset")

    def fail(self, spec: str) -> None:
        """Replace the faults; an empty spec ends them. Raises `UsageError` when it is not understood."""
        self._ask("POST", "/faults", msgspec.json.encode({"fail": spec}))

    def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        where = urlsplit(self.url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=_PATIENCE)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise UsageError(msgspec.json.decode(answer)["error"]["message"])
        return answer


@contextmanager
def fake_model_process(
    *,
    ontologies: Sequence[Path] = (),
    latency: float = 0.0,
    fail: str = "",
    key: str = "",
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[FakeModelProcess]:
    """Give a fake model that listens, and end it with the context. The arguments are those of `litho fake-model`.

    Raises `UsageError` with what it said when it could not begin.
    """
    command = [sys.executable, "-m", "lithograph", "fake-model", f"--host={host}", f"--port={port}"]
    command += [f"--latency={latency}", f"--fail={fail}", f"--key={key}"]
    command += [f"--ontology={path}" for path in ontologies]
    with subprocess.Popen(  # noqa: S603  # our own command
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise UsageError(process.communicate(timeout=_PATIENCE)[1].strip())
            yield FakeModelProcess(url, process.pid)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
