"""A server that is away for a moment."""

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select
from tests.postgres import Server
from tests.wire import Wire

from lithograph.domain.ids import OrganizationId
from lithograph.errors import StorageError
from lithograph.storage.open import Storage, open_storage
from lithograph.storage.schema import organization

ACME = OrganizationId("acme")
PATIENT = 30.0


@pytest.fixture
def wire(postgres: Server) -> Iterator[Wire]:
    with postgres.database() as url, Wire(url) as made:
        yield made


def ids(storage: Storage) -> list[str]:
    with storage.read(ACME) as connection:
        return list(connection.scalars(select(organization.c.id)))


def write(storage: Storage, *, cut: Wire | None = None) -> None:
    with storage.write(ACME) as connection:
        connection.execute(insert(organization), {"id": ACME, "created_at": "2026-01-01T00:00:00Z"})
        if cut is not None:
            cut.cut()


def test_who_is_patient_waits_for_a_server_that_comes_back(wire: Wire) -> None:
    wire.away = 2
    with open_storage(wire.url, patience=PATIENT) as storage:
        assert wire.refused == 2
        for work in (write, ids):
            wire.away = 2
            wire.cut()
            work(storage)
        assert wire.refused == 6
        assert ids(storage) == [ACME]


def test_who_is_not_patient_is_told_at_once(wire: Wire) -> None:
    wire.away = -1
    with pytest.raises(StorageError, match="cannot be used at the moment"):
        open_storage(wire.url)
    assert wire.refused == 1
    wire.away = 0
    with open_storage(wire.url) as storage:
        wire.away = -1
        wire.cut()
        for work in (write, ids):
            with pytest.raises(StorageError, match="cannot be used at the moment"):
                work(storage)
    assert wire.refused == 3


def test_what_was_begun_is_not_done_again_and_nothing_of_it_is_written(
    wire: Wire, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does anything speak of it but the error."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    with open_storage(wire.url, patience=PATIENT) as storage:
        with pytest.raises(StorageError, match="cannot be used at the moment"):
            write(storage, cut=wire)
        assert ids(storage) == []
    assert wire.refused == 0
    assert capfd.readouterr() == ("", "")
