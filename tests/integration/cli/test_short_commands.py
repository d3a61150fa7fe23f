"""Commands that only look answer at once: they load nothing of what an extraction takes."""

import subprocess
import sys
from pathlib import Path

import pytest

from lithograph.domain.ids import DEFAULT_ORGANIZATION, ExecutionId
from lithograph.durable import executions
from lithograph.durable.clock import SystemClock
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.executions import NewExecution
from lithograph.storage.open import open_storage

_HEAVY = {"anthropic", "bm25s", "numpy", "openai", "procrastinate", "pyoxigraph", "rapidfuzz", "rich", "xberg"}
_OURS = {"lithograph.extraction.pipeline", "lithograph.extraction.rules", "lithograph.resolution.across"}


@pytest.fixture
def started(folder: Path) -> ExecutionId:
    """An execution in the database of the folder, which nobody has run."""
    new = NewExecution(DEFAULT_ORGANIZATION, "extraction", 2, "one", {"source": "story.md", "model": "rules"})
    with (
        open_storage(f"sqlite:///{folder}/.lithograph/graph.db") as storage,
        transaction(storage, DEFAULT_ORGANIZATION, Transaction.START) as connection,
    ):
        return executions.start(connection, new, SystemClock()).id


@pytest.mark.parametrize("command", ["list", "status", "events", "pause"])
def test_a_command_that_only_looks_loads_nothing_that_an_extraction_takes(
    command: str, folder: Path, started: ExecutionId
) -> None:
    words = [command] if command == "list" else [command, started]

    done = subprocess.run(
        [sys.executable, "-P", "-X", "importtime", "-m", "lithograph", *words],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lithograph.service.workspace" in loaded
    assert loaded & (_HEAVY | _OURS) == set()
    assert done.returncode == (2 if command == "pause" else 0), done.stderr
