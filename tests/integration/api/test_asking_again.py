"""What is asked again: a page after the other, a result that may have changed, what was lost on the way back."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from sqlalchemy import update
from tests.api import Api, Tenant, served, tenant
from tests.queued import until

import lithograph
from lithograph.client.remote import RemoteWorkspace
from lithograph.durable import executions
from lithograph.durable.clock import timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Lease
from lithograph.durable.status import Status
from lithograph.errors import StateError
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_execution
from lithograph.testing.faults import FaultProxy


@pytest.fixture
def api(sqlite_storage: Storage) -> Iterator[Api]:
    with served(sqlite_storage) as running:
        yield running


@pytest.fixture
def mine(api: Api) -> Tenant:
    return tenant(api, "mine")


@pytest.fixture
def proxy(api: Api) -> Iterator[FaultProxy]:
    with FaultProxy((api.host, api.port)) as running:
        yield running


@pytest.fixture
def client(proxy: FaultProxy, mine: Tenant) -> Iterator[RemoteWorkspace]:
    host, port = proxy.address
    with lithograph.connect(f"http://{host}:{port}", mine.admin) as connected:
        assert isinstance(connected, RemoteWorkspace)
        yield connected


def fail(storage: Storage, mine: Tenant) -> None:
    """Have the pending execution fail."""
    clock = clock_of(storage)
    owner = executions.claim(storage, mine.organization_id, mine.pending.id, Lease("w"), clock)
    with transaction(storage, mine.organization_id, Transaction.FINISH) as connection:
        values, now = {"error": "nonsense"}, timestamp(clock.now())
        assert executions.finish(connection, owner, Status.FAILED, now, values=values, payload={})


def status(mine: Tenant) -> Status:
    return mine.workspace.execution(mine.pending.id).status


@pytest.mark.parametrize(("asked", "wanted"), [("retry", Status.PENDING), ("cancel", Status.CANCELLED)])
def test_what_was_done_before_its_answer_was_lost_is_done(
    asked: str, wanted: Status, api: Api, mine: Tenant, proxy: FaultProxy, client: RemoteWorkspace
) -> None:
    ask: Callable[[str], Any] = getattr(client, asked)
    if asked == "retry":
        fail(api.storage, mine)
    with ThreadPoolExecutor() as threads:
        proxy.cut_after(1, answers=True)
        answer = threads.submit(ask, mine.pending.id)
        until(lambda: status(mine) is wanted)
        proxy.cut_after(None)
        found = answer.result()
    assert (getattr(found, "execution", found).status, status(mine)) == (wanted, wanted)
    with pytest.raises(StateError):
        ask(mine.pending.id)


def test_what_is_not_as_it_was_asked_for_is_an_error_though_answers_were_lost(
    api: Api, mine: Tenant, proxy: FaultProxy, client: RemoteWorkspace
) -> None:
    fail(api.storage, mine)
    with ThreadPoolExecutor() as threads:
        proxy.cut_after(1, answers=True)
        answer = threads.submit(client.cancel, mine.pending.id)
        until(lambda: proxy.connections == 0 and not answer.done())
        proxy.cut_after(None)
        with pytest.raises(StateError, match="is failed"):
            answer.result()


@pytest.fixture
def http(api: Api, mine: Tenant) -> Iterator[httpx2.Client]:
    with api.client(mine.admin, Accept="application/json") as made:
        yield made


def test_events_are_walked_as_every_list_is(http: httpx2.Client, mine: Tenant) -> None:
    path, found = f"/v1/executions/{mine.done.id}/events", list[int]()
    query: dict[str, Any] = {"limit": 2, "after": 1}
    for _ in range(mine.done.last_seq):
        page = http.get(path, params=query).json()
        assert len(page["items"]) <= 2
        found += [event["seq"] for event in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == list(range(2, mine.done.last_seq + 1))
    assert len(found) > 4
    assert http.get(path, params={"cursor": "soon"}).status_code == 422


def test_the_tag_of_a_batchs_result_changes_when_that_of_a_document_does(
    api: Api, http: httpx2.Client, mine: Tenant
) -> None:
    path = f"/v1/executions/{mine.batch.id}/result"
    before = http.get(path)
    tag = {"If-None-Match": before.headers["etag"]}
    assert http.get(path, headers=tag).status_code == 304
    c = workflow_execution.c
    with api.storage.write(mine.organization_id) as connection:
        child = c.parent_id == mine.batch.id
        connection.execute(update(workflow_execution).where(child).values(status=Status.FAILED, error="nonsense"))
    after = http.get(path, headers=tag)
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert len(after.json()["missing"]) > len(before.json()["missing"])
