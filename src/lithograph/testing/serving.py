"""`litho serve` in a process of its own, for tests of what becomes of its clients when it dies or is replaced."""

import random
import re
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Final

from lithograph.testing.workers import WorkerProcess

_ADDRESS: Final = re.compile(r"serving (http://\S+)")


_FIXED_PORTS: Final = range(20_000, 30_000)
"""No operating system gives these to who asks for any port."""


def free_port() -> int:
    """Return a port of this machine that nobody uses at present, and that nobody is given who asks for any.

    So it stays free while a server is dead, and whoever still asks that server is not answered by another.
    """
    while True:
        port = random.choice(_FIXED_PORTS)  # noqa: S311  # no secret
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


@dataclass
class ServeProcess(WorkerProcess):
    """A `litho serve`, with its worker; started again, it serves the same address."""

    subcommand: ClassVar[str] = "serve"
    began: ClassVar[str] = "serving http"

    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.options = (*self.options, f"--port={self.port}")

    @property
    def address(self) -> str:
        """Its URL, as it says it."""
        found = _ADDRESS.search(self.said)
        return found[1] if found else f"http://127.0.0.1:{self.port}"
