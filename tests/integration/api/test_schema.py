"""The API keeps to its document: requests made from it, right and wrong ones, get only answers that it tells of."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, Response
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import create_engine
from tests.api import DEADLINE, Api, Tenant, defects, rows, served, tenant

from lithograph.api.app import create_app
from lithograph.api.server import Server
from lithograph.api.settings import ApiSettings
from lithograph.durable.clock import SystemClock
from lithograph.service.keys import KeyScope
from lithograph.storage.open import Storage
from lithograph.workflow.extractors import rules_only

EXAMPLES, MANY = 6, 100
"""Requests to each operation, for each way of making them."""
CHECKS: list[Callable[[CheckContext, Response, Any], bool | None]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def _document() -> dict[str, Any]:
    """Return the document without serving anything: it depends on the routes alone."""
    nowhere = Storage("sqlite://", "sqlite", None, create_engine("sqlite://"))
    return create_app(Server(nowhere, SystemClock(), ApiSettings(), lambda _: rules_only)).openapi()


def _operations() -> Iterator[Any]:
    for found in schemathesis.openapi.from_dict(_document()).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


DOCUMENT = _document()
OPERATIONS: Mapping[str, Any] = {one.label: one for one in _operations()}


@pytest.fixture(scope="module")
def api(module_storage: Storage) -> Iterator[Api]:
    with served(module_storage, body_bytes=200_000) as running:
        yield running


@pytest.fixture(scope="module")
def mine(api: Api) -> Tenant:
    return tenant(api, "mine")


@pytest.fixture(scope="module")
def theirs(api: Api) -> Tenant:
    return tenant(api, "theirs")


@pytest.fixture(scope="module")
def session(mine: Tenant) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.headers["Authorization"] = f"Bearer {mine.admin}"
        yield opened


def ids_of(api: Api, mine: Tenant) -> dict[str, str]:
    """Return ids of what is there; what can be ended or revoked is nothing that is needed here."""
    spare = "key_" + api.key(mine.organization_id, KeyScope.READ).split("_")[1]
    return {**mine.ids, "key_id": spare}


def named(case: Any, ids: Mapping[str, str]) -> None:
    """Have the body of a right request name what is there."""
    if isinstance(case.body, dict):
        given = {"document": ids["document_id"], "ontology": ids["content_hash"], "documents": [ids["document_id"]]}
        case.body = {**case.body, **{name: given[name] for name in given.keys() & case.body.keys()}}
    if isinstance(case.query, dict):
        case.query = {**case.query, **{name: ids[name] for name in ("execution", "entity") if name in case.query}}


def tried(
    label: str, mode: GenerationMode, examples: int, api: Api, mine: Tenant, session: requests.Session, *, real: bool
) -> None:
    operation = OPERATIONS[label]
    ids = ids_of(api, mine)
    path = {one.name: ids[one.name] for one in operation.path_parameters} if real else None
    parts = [*operation.path_parameters, *operation.query, *operation.headers, *operation.body]
    if (real and not path and not operation.body) or (mode is GenerationMode.NEGATIVE and not parts):
        return  # that is tried without, or there is nothing to be wrong about
    strategy = operation.as_strategy(generation_mode=mode, path_parameters=path)

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples == EXAMPLES,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def check(case: Any) -> None:
        if real and mode is GenerationMode.POSITIVE:
            named(case, ids)
        case.call_and_validate(base_url=api.url, session=session, checks=CHECKS, timeout=DEADLINE)

    check()


@pytest.fixture(autouse=True)
def no_defects(caplog: pytest.LogCaptureFixture, api: Api) -> Iterator[None]:
    yield
    assert defects(caplog) == []
    assert api.alive()


def test_the_document_is_what_is_served(api: Api) -> None:
    with api.client() as client:
        assert client.get("/v1/openapi.json").json() == DOCUMENT
    assert len(OPERATIONS) >= 30


@pytest.mark.parametrize("label", OPERATIONS)
def test_right_requests_get_documented_answers(label: str, api: Api, mine: Tenant, session: requests.Session) -> None:
    for real in (True, False):
        tried(label, GenerationMode.POSITIVE, EXAMPLES, api, mine, session, real=real)


@pytest.mark.parametrize("label", OPERATIONS)
def test_wrong_requests_get_documented_answers(label: str, api: Api, mine: Tenant, session: requests.Session) -> None:
    for real in (True, False):
        tried(label, GenerationMode.NEGATIVE, EXAMPLES, api, mine, session, real=real)


@pytest.mark.heavy
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("label", OPERATIONS)
def test_many_requests_get_documented_answers(
    label: str, mode: GenerationMode, api: Api, mine: Tenant, theirs: Tenant, session: requests.Session
) -> None:
    before = rows(api.storage, theirs.organization_id)
    for real in (True, False):
        tried(label, mode, MANY, api, mine, session, real=real)
    assert rows(api.storage, theirs.organization_id) == before
