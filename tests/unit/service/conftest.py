"""An organisation for each test, in a database that they share."""

import secrets
from collections.abc import Iterator

import pytest

from lithograph.domain.ids import OrganizationId
from lithograph.durable.crashpoints import set_hook
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage


@pytest.fixture
def organization_id() -> Iterator[OrganizationId]:
    yield OrganizationId(f"test-{secrets.token_hex(6)}")
    set_hook(None)


@pytest.fixture
def workspace(module_storage: Storage, organization_id: OrganizationId) -> Workspace:
    return Workspace(module_storage, organization_id)
