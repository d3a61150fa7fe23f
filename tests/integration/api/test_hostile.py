"""Who may not ask: other organisations' ids, keys that are refused, scopes that are too small. On every route.

The routes are those of the OpenAPI document, so that a new one is tried from the day it is there. What is refused says
nothing of what there is, and changes nothing.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.api import Api, Tenant, defects, rows, served, tenant
from tests.journals import SetClock

from lithograph.demo import demo_ontology
from lithograph.domain.ids import OrganizationId
from lithograph.durable.clock import SystemClock
from lithograph.ontology.load import ontology_from_bytes
from lithograph.service.keys import KeyScope, create_key, revoke_key
from lithograph.storage.open import Storage

_ANOTHER_CLASS = b"\n<urn:mine> a <http://www.w3.org/2002/07/owl#Class> .\n"
MINE_ONLY = ontology_from_bytes(demo_ontology() + _ANOTHER_CLASS, source="mine.ttl")
BODIES: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("post", "/v1/documents"): {"files": {"file": ("a.txt", b"Ada Byron works for Blue Harbour.")}},
    ("post", "/v1/ontologies"): {"files": {"file": ("a.ttl", b"<urn:a> a <http://www.w3.org/2002/07/owl#Class> .")}},
    ("post", "/v1/extractions"): {"json": {"document": "{document_id}", "ontology": "{content_hash}"}},
    ("post", "/v1/batches"): {"json": {"documents": ["{document_id}"], "ontology": "{content_hash}"}},
    ("post", "/v1/executions/{execution_id}/signals"): {"json": {"name": "review", "payload": {"accepted": True}}},
    ("put", "/v1/account"): {"json": {"max_tokens": 5}},
    ("post", "/v1/keys"): {"json": {"name": "another"}},
}
"""What each route takes that needs more than a path; a route that is not here is asked without a body."""
OPEN = {"/v1/health/live", "/v1/health/ready"}
NAMING = {"execution", "entity", "cursor"}
"""Query parameters that name something."""
ABSENT = {
    "document_id": "document_" + "0" * 32,
    "content_hash": "0" * 64,
    "execution_id": "execution_" + "0" * 32,
    "execution": "execution_" + "0" * 32,
    "entity_id": "entity_" + "0" * 32,
    "entity": "entity_" + "0" * 32,
    "relation_id": "relation_" + "0" * 32,
    "key_id": "key_" + "0" * 12,
}


@dataclass(frozen=True)
class Route:
    """An operation of the API, as its document describes it."""

    method: str
    path: str
    parameters: tuple[str, ...]
    """Those that name something, in the path or the query."""

    def ask(self, client: httpx2.Client, ids: Mapping[str, str], *naming: str) -> httpx2.Response:
        """Ask for it, with these ids in the path and the body, and those of these parameters in the query."""
        query = {name: ids[name] for name in naming}
        body = _filled(BODIES.get((self.method, self.path), {}), ids)
        return client.request(self.method.upper(), self.path.format_map(ids), params=query, **body)

    @property
    def names(self) -> bool:
        """Whether something that is there already is named in its path or body."""
        return "{" in self.path or "'{" in repr(BODIES.get((self.method, self.path), {}).get("json"))


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, ids) for one in value]
    return value.format_map(ids) if isinstance(value, str) and value[:1] == "{" else value


@dataclass(frozen=True)
class World:
    """A server and two organisations, each with one of everything."""

    api: Api
    mine: Tenant
    theirs: Tenant
    routes: tuple[Route, ...]

    def everything(self) -> Mapping[str, Any]:
        return {one.organization_id: rows(self.api.storage, one.organization_id) for one in (self.mine, self.theirs)}


def routes_of(api: Api) -> tuple[Route, ...]:
    with api.client() as client:
        paths = client.get("/v1/openapi.json").json()["paths"]
    return tuple(
        Route(method, path, tuple(one["name"] for one in operation.get("parameters", ()) if one["name"] in NAMING))
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path not in OPEN and path.startswith("/v1/")
    )


@pytest.fixture(scope="module")
def world(module_storage: Storage) -> Iterator[World]:
    with served(module_storage) as api:
        routes = routes_of(api)
        yield World(api, tenant(api, "mine", MINE_ONLY), tenant(api, "theirs"), routes)


@pytest.fixture(autouse=True)
def no_defects(caplog: pytest.LogCaptureFixture, world: World) -> Iterator[None]:
    yield
    assert defects(caplog) == []
    assert world.api.alive()


def said_of(answer: httpx2.Response, ids: Mapping[str, str]) -> tuple[int, str]:
    """Return what an answer says, in words that do not say what was asked for."""
    text = answer.text
    for name in ids.values():
        text = text.replace(name, "ID")
    return answer.status_code, text


def test_the_routes_that_name_something_are_known(world: World) -> None:
    naming = [route for route in world.routes if route.names]
    assert len(naming) >= 18
    assert {name for route in world.routes for name in route.parameters} == NAMING
    assert BODIES.keys() <= {(route.method, route.path) for route in world.routes}


def test_what_is_anothers_is_not_there_on_any_route(world: World) -> None:
    before = world.everything()
    for scope in (KeyScope.ADMIN, KeyScope.WRITE, KeyScope.READ):
        key = world.api.key(world.mine.organization_id, scope)
        with world.api.client(key) as client:
            for route in world.routes:
                if not route.names:
                    continue
                found = route.ask(client, world.theirs.ids)
                nothing = route.ask(client, ABSENT)
                assert said_of(found, world.theirs.ids) == said_of(nothing, ABSENT), route
                # A key that may not do it is told that, whatever it names; any other learns that nothing is there.
                may = nothing.status_code != 403
                assert found.status_code == (404 if may else 403), route
                assert may or scope is not KeyScope.ADMIN
    after = world.everything()
    for everything in (before, after):
        everything[world.mine.organization_id].pop("api_key")  # three were made
    assert after == before


def test_what_is_anothers_is_not_found_by_naming_it_in_a_query(world: World) -> None:
    before = world.everything()
    names = {**world.theirs.ids, "cursor": world.theirs.done.id}
    nothing = {**ABSENT, "cursor": ABSENT["execution_id"]}
    own = world.mine.ids
    with world.api.client(world.mine.admin) as client:
        for route in world.routes:
            for name in route.parameters:
                if route.method != "get":
                    continue
                found = route.ask(client, {**names, **{key: own[key] for key in own if key not in NAMING}}, name)
                absent = route.ask(client, {**nothing, **{key: own[key] for key in own if key not in NAMING}}, name)
                assert said_of(found, names) == said_of(absent, nothing), (route, name)
                assert found.status_code in (200, 404, 422), (route, name)
                if found.status_code == 200:
                    assert found.json()["items"] == [], (route, name)
        # Part of an id is no better.
        short = world.theirs.done.id[: len("execution_") + 12]
        assert client.get(f"/v1/executions/{short}").status_code == 404
        assert client.get("/v1/documents", params={"cursor": world.theirs.document.id}).status_code == 404
    assert world.everything() == before


def test_a_start_may_name_nothing_of_anothers(world: World) -> None:
    before = world.everything()
    mine, theirs = world.mine.ids, world.theirs.ids
    with world.api.client(world.mine.admin) as client:
        for document, ontology in [("theirs", "mine"), ("mine", "theirs"), ("theirs", "theirs")]:
            given = {
                "document": (mine if document == "mine" else theirs)["document_id"],
                "ontology": (mine if ontology == "mine" else theirs)["content_hash"],
            }
            assert client.post("/v1/extractions", json=given).status_code == 404
            batch = {"documents": [mine["document_id"], given["document"]], "ontology": given["ontology"]}
            assert client.post("/v1/batches", json=batch).status_code == 404
    assert world.everything() == before


def test_lists_show_ones_own_only(world: World) -> None:
    with world.api.client(world.mine.admin) as client:
        for route in world.routes:
            if route.method == "get" and not route.names:
                text = route.ask(client, {**world.mine.ids}, *(["execution"] if route.path == "/v1/graph" else [])).text
                for name, one in world.theirs.ids.items():
                    assert one not in text, (route, name)
                assert "theirs" not in text, route


def altered(key: str) -> Iterator[str]:
    """Yield keys that look like one."""
    yield key[:-1] + ("A" if key[-1] != "A" else "B")
    yield key[:-1]
    yield key + "A"
    yield key.upper()
    yield key.swapcase()
    yield key.split("_", 2)[2]
    yield f"{key[:19]}{secrets.token_urlsafe(32)}"
    yield f"litho_{'0' * 12}_{secrets.token_urlsafe(32)}"
    yield "litho_' OR '1'='1"
    yield "' OR 1=1 --"
    yield "litho_"
    yield "null"
    yield "x" * 8_000
    yield "../../etc/passwd"
    yield f"{key},{key}"


def test_a_key_that_is_no_key_is_refused_on_every_route(world: World) -> None:
    storage, organization_id = world.api.storage, world.mine.organization_id
    clock = SystemClock()
    _, expired = create_key(storage, organization_id, SetClock(clock.now() - 100), scopes=[KeyScope.ADMIN], lasts=50)
    revoked, revoked_text = create_key(storage, organization_id, clock, scopes=[KeyScope.ADMIN])
    revoke_key(storage, organization_id, revoked.id, clock)
    refused: list[str | None] = [None, expired, revoked_text, *altered(world.mine.admin)]
    before = world.everything()
    for key in refused:
        with world.api.client(key) as client:
            for route in world.routes if key in (None, expired, revoked_text) else world.routes[::5]:
                answer = route.ask(client, world.mine.ids)
                assert answer.status_code == 401, (route, key)
                assert answer.headers["www-authenticate"].startswith("Bearer"), route
                assert answer.headers["content-type"] == "application/problem+json"
                assert key is None or key not in answer.text
    assert world.everything() == before


@pytest.mark.parametrize(
    "said",
    [
        b"", b"Bearer", b"Basic dXNlcjpwYXNz", b"Bearer \xff\xfe", b"Token KEY", b"KEY", b"Bearer KEY KEY",
        b"bearer\tKEY", b"Digest username=KEY", b"Bearer \xc3\xa9",
    ],
)  # fmt: skip
def test_what_is_no_bearer_is_refused(said: bytes, world: World) -> None:
    headers = [(b"Authorization", said.replace(b"KEY", world.mine.admin.encode()))]
    with world.api.client() as client:
        assert client.get("/v1/me", headers=headers).status_code == 401
        # Nor does a key count anywhere else.
        assert client.get("/v1/me", params={"key": world.mine.admin, "token": world.mine.admin}).status_code == 401
        assert client.get("/v1/me", headers={"Cookie": f"Authorization=Bearer {world.mine.admin}"}).status_code == 401


def test_a_key_is_refused_from_the_moment_it_is_revoked(world: World) -> None:
    storage, organization_id = world.api.storage, world.mine.organization_id
    made, key = create_key(storage, organization_id, SystemClock(), scopes=[KeyScope.READ])
    with world.api.client(key) as client:
        assert client.get("/v1/me").status_code == 200
        with world.api.client(world.mine.admin) as admin:
            assert admin.delete(f"/v1/keys/{made.id}").status_code == 200
        assert client.get("/v1/me").status_code == 401


def test_a_scope_that_is_too_small_changes_nothing(world: World) -> None:
    organization_id = world.mine.organization_id
    reader, writer = (world.api.key(organization_id, scope) for scope in (KeyScope.READ, KeyScope.WRITE))
    before = world.everything()
    tried = 0
    for key, allowed in ((reader, {"get"}), (writer, {"get", "post"})):
        with world.api.client(key) as client:
            for route in world.routes:
                administers = "/keys" in route.path or route.method in ("put", "delete")
                if administers or route.method not in allowed:
                    answer = route.ask(client, world.mine.ids)
                    assert answer.status_code == 403, (route, key)
                    assert answer.headers["content-type"] == "application/problem+json"
                    tried += 1
    assert tried > 15
    assert world.everything() == before


def test_a_key_of_another_organisation_is_not_listed_or_revoked(world: World) -> None:
    with world.api.client(world.mine.admin) as client:
        theirs = world.theirs.ids["key_id"]
        assert theirs not in client.get("/v1/keys").text
        assert client.delete(f"/v1/keys/{theirs}").status_code == 404
    with world.api.client(world.theirs.admin) as client:
        assert client.get("/v1/me").json()["organization_id"] == OrganizationId("theirs")


def test_secrets_are_in_no_answer(world: World) -> None:
    with world.api.client(world.mine.admin) as client:
        for route in world.routes:
            if route.method == "get" and not route.path.endswith("/events"):
                text = route.ask(client, world.mine.ids, *(["execution"] if route.path == "/v1/graph" else [])).text
                assert world.mine.admin.split("_", 2)[2] not in text, route
                assert '"hash"' not in text, route
