"""The command line as a user has it: a process of its own, in a folder of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lithograph.demo import demo_document, demo_ontology

Litho = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = (sys.executable, "-P", "-m", "lithograph")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the command runs: `story.md` and `ontology.ttl` are the demo's."""
    (tmp_path / "story.md").write_bytes(demo_document())
    (tmp_path / "ontology.ttl").write_bytes(demo_ontology())
    return tmp_path


@pytest.fixture
def litho(folder: Path) -> Litho:
    """Runs `litho` with the arguments given."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run
