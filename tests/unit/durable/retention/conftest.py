"""A database that each test leaves empty."""

from collections.abc import Iterator

import pytest
from tests.journals import ORGANIZATION
from tests.retained import OTHER

from lithograph.durable import retention
from lithograph.durable.crashpoints import set_hook
from lithograph.storage.open import Storage


@pytest.fixture
def storage(module_storage: Storage) -> Iterator[Storage]:
    """Each test leaves the database empty."""
    yield module_storage
    set_hook(None)
    for organization_id in (ORGANIZATION, OTHER):
        retention.erase(module_storage, organization_id)
