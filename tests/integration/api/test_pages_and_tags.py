"""Pages that are walked by their cursors, and tags that change with what they stand for."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import update
from tests.api import Api, Tenant, served, tenant

from lithograph.durable.status import Status
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution


@pytest.fixture
def api(sqlite_storage: Storage) -> Iterator[Api]:
    with served(sqlite_storage) as running:
        yield running


@pytest.fixture
def mine(api: Api) -> Tenant:
    return tenant(api, "mine")


@pytest.fixture
def client(api: Api, mine: Tenant) -> Iterator[httpx2.Client]:
    with api.client(mine.admin, Accept="application/json") as made:
        yield made


def test_events_are_walked_as_every_list_is(client: httpx2.Client, mine: Tenant) -> None:
    path, found = f"/v1/executions/{mine.done.id}/events", list[int]()
    query: dict[str, Any] = {"limit": 2, "after": 1}
    for _ in range(mine.done.last_seq):
        page = client.get(path, params=query).json()
        assert len(page["items"]) <= 2
        found += [event["seq"] for event in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == list(range(2, mine.done.last_seq + 1))
    assert len(found) > 4
    assert client.get(path, params={"cursor": "soon"}).status_code == 422


def test_the_tag_of_a_batchs_result_changes_when_that_of_a_document_does(
    api: Api, client: httpx2.Client, mine: Tenant
) -> None:
    path = f"/v1/executions/{mine.batch.id}/result"
    before = client.get(path)
    tag = {"If-None-Match": before.headers["etag"]}
    assert client.get(path, headers=tag).status_code == 304
    c = workflow_execution.c
    with api.storage.write(mine.organization_id) as connection:
        child = c.parent_id == mine.batch.id
        connection.execute(update(workflow_execution).where(child).values(status=Status.FAILED, error="nonsense"))
    after = client.get(path, headers=tag)
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert len(after.json()["missing"]) > len(before.json()["missing"])
