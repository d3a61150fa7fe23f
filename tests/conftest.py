"""What tests of several folders share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import tests.postgres as postgresql
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


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Server]:
    """A PostgreSQL server."""
    with postgresql.server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of its own for each test, on each of the two."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/graph.db"
        return
    running: postgresql.Server = request.getfixturevalue("postgres")
    with running.database() as url:
        yield url


@pytest.fixture
def storage(database_url: str) -> Iterator[Storage]:
    """A database of its own for each test, on each of the two."""
    with open_storage(database_url) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_storage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """A database for all tests of a module, on each of the two; they keep to organisations of their own."""
    with ExitStack() as opened:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('module')}/graph.db"
        else:
            url = opened.enter_context(request.getfixturevalue("postgres").database())
        yield opened.enter_context(open_storage(url))


@pytest.fixture
def sqlite_storage(tmp_path: Path) -> Iterator[Storage]:
    """An SQLite file of its own for each test."""
    with open_storage(f"sqlite:///{tmp_path}/graph.db") as opened:
        yield opened


@pytest.fixture
def at_crash_points() -> Iterator[AtCrashPoints]:
    """What is done at crash points is undone after the test."""
    yield set_hook
    set_hook(None)
