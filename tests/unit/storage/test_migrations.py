"""The revisions and the schema say the same."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from tests.postgres import Server

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.storage.migrate import SCRIPTS
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.revision import HEAD
from lithograph.storage.schema import metadata


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with open_storage(f"sqlite:///{tmp_path_factory.mktemp('migrated')}/graph.db") as storage:
        yield storage


def scripts() -> ScriptDirectory:
    configuration = Config()
    configuration.set_main_option("script_location", str(SCRIPTS))
    configuration.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(configuration)


def statements(connection: Connection) -> dict[str, str]:
    """Return what made each table and index."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: " ".join(sql.split()) for name, sql in rows if name != "alembic_version"}


def test_the_newest_revision_is_the_one_that_opening_expects() -> None:
    assert scripts().get_heads() == [HEAD]


def test_an_upgraded_database_has_the_schema(migrated: Storage) -> None:
    with migrated.read(DEFAULT_ORGANIZATION) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_revisions_make_what_the_schema_makes_to_the_letter(migrated: Storage) -> None:
    fresh = create_engine("sqlite://")
    with migrated.read(DEFAULT_ORGANIZATION) as upgraded, fresh.connect() as made:
        metadata.create_all(made)
        assert statements(upgraded) == statements(made)
    fresh.dispose()


def test_an_upgraded_server_has_the_schema(postgres: Server) -> None:
    with postgres.database() as url, open_storage(url) as storage, storage.inspect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
