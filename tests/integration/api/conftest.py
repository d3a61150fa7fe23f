"""One served database on each of the two for all tests of a module."""

from collections.abc import Iterator

import pytest
from tests.postgres import Server
from tests.serving import Served, served


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served database, which tests of a module share."""
    if request.param == "sqlite":
        with served(f"sqlite:///{tmp_path_factory.mktemp('served')}/graph.db") as found:
            yield found
        return
    server: Server = request.getfixturevalue("postgres")
    with server.database() as url, served(url) as found:
        yield found
