"""A server, and a way to it that can be cut."""

from collections.abc import Iterator

import pytest
from tests.groups import CLOCK, LONG
from tests.postgres import Server
from tests.wire import Wire

from lithograph.durable.commit_postgres import PostgresCommit
from lithograph.storage.open import Storage, open_storage


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.database() as found:
        yield found


@pytest.fixture
def storage(url: str) -> Iterator[Storage]:
    """The database, without a wire that can be cut."""
    with open_storage(url) as opened:
        yield opened


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with Wire(url) as made:
        yield made


@pytest.fixture
def commit(wire: Wire) -> Iterator[PostgresCommit]:
    with open_storage(wire.url) as wired:
        made = PostgresCommit(wired, CLOCK, LONG)
        yield made
        made.close()
