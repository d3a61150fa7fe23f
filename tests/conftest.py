"""What tests of several folders share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.journals import AtCrashPoints

from lithograph.durable.crashpoints import set_hook
from lithograph.storage.open import Storage, open_storage


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets beside the repository; a test that needs it is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data sets are not here")
    return folder


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that async tests run on."""
    return "asyncio"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """An SQLite database of its own for each test."""
    with open_storage(f"sqlite:///{tmp_path}/graph.db") as opened:
        yield opened


@pytest.fixture
def at_crash_points() -> Iterator[AtCrashPoints]:
    """What is done at crash points is undone after the test."""
    yield set_hook
    set_hook(None)
