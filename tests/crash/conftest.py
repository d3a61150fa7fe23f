"""One small document, and what an undisturbed run makes of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.postgres import Server

from lithograph.demo import demo_paths
from lithograph.testing.corpus import generated_text
from lithograph.testing.crash import CrashRun
from lithograph.testing.crash_child import Control
from lithograph.testing.crash_nursery import Nursery
from lithograph.testing.crash_report import CrashReport

CONCURRENCY = 4
NewRun = Callable[..., CrashRun]


@pytest.fixture(scope="session")
def ontology() -> Iterator[Path]:
    with demo_paths() as (_, path):
        yield path


@dataclass(frozen=True)
class Runs:
    """How runs are made on one kind of database, and what they leave when nobody disturbs them."""

    new: NewRun
    undisturbed: CrashReport
    controlled: Mapping[Control, CrashReport]
    """Those of an execution that is cancelled or retried from outside on the way, or pruned for."""
    on_server: bool


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Make a document of so many chunks."""
    folder = tmp_path_factory.mktemp("documents")

    def make(chunks: int) -> Path:
        document = folder / f"{chunks}.txt"
        if not document.exists():  # another run may be reading it
            document.write_text(generated_text(chunks), encoding="utf-8")
        return document

    return make


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.fixture(scope="session")
def new_run(
    tmp_path_factory: pytest.TempPathFactory, documents: Callable[[int], Path], ontology: Path, nursery: Nursery
) -> NewRun:
    """Make a run of its own, in a file, over a document of so many chunks."""

    def make(chunks: int = 12, **settings: object) -> CrashRun:
        folder = tmp_path_factory.mktemp("run")
        given: dict[str, Any] = {"nursery": nursery, "concurrency": CONCURRENCY, **settings}
        return CrashRun(folder, documents(chunks), ontology, **given)

    return make


@pytest.fixture(scope="session")
def new_server_run(postgres: Server, new_run: NewRun) -> Iterator[NewRun]:
    """Make a run of its own, in a database of its own on a server."""
    with ExitStack() as databases:

        def make(chunks: int = 12, **settings: object) -> CrashRun:
            return new_run(chunks, database=databases.enter_context(postgres.database()), **settings)

        yield make


@pytest.fixture(scope="session")
def undisturbed(new_run: NewRun) -> CrashReport:
    return new_run().undisturbed()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def runs(request: pytest.FixtureRequest) -> Runs:
    on_server = request.param == "postgresql"
    new: NewRun = request.getfixturevalue("new_server_run" if on_server else "new_run")
    undisturbed = new().undisturbed() if on_server else request.getfixturevalue("undisturbed")
    controls = (Control.CANCEL, Control.RETRY, Control.PRUNE)
    return Runs(new, undisturbed, {control: new(control=control).undisturbed() for control in controls}, on_server)
