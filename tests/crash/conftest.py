"""One small document, and what an undisturbed run makes of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lithograph.demo import demo_paths
from lithograph.testing.corpus import generated_text
from lithograph.testing.crash import CrashRun
from lithograph.testing.crash_child import Control
from lithograph.testing.crash_report import CrashReport

CONCURRENCY = 4
NewRun = Callable[..., CrashRun]


@pytest.fixture(scope="session")
def ontology() -> Iterator[Path]:
    with demo_paths() as (_, path):
        yield path


@pytest.fixture(scope="session")
def new_run(tmp_path_factory: pytest.TempPathFactory, ontology: Path) -> NewRun:
    """Make a run of its own over a document of so many chunks."""
    folder = tmp_path_factory.mktemp("documents")

    def make(chunks: int = 12, **settings: object) -> CrashRun:
        document = folder / f"{chunks}.txt"
        if not document.exists():  # another run may be reading it
            document.write_text(generated_text(chunks), encoding="utf-8")
        return CrashRun(tmp_path_factory.mktemp("run"), document, ontology, concurrency=CONCURRENCY, **settings)

    return make


@pytest.fixture(scope="session")
def undisturbed(new_run: NewRun) -> CrashReport:
    return new_run().undisturbed()


@pytest.fixture(scope="session")
def controlled(new_run: NewRun) -> dict[Control, CrashReport]:
    """Undisturbed runs of an execution that is cancelled or retried from outside on the way."""
    return {control: new_run(control=control).undisturbed() for control in (Control.CANCEL, Control.RETRY)}
