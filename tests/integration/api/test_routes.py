"""What is asked over HTTP and what comes of it, on a file and on a server."""

import csv
import io

import pytest
from tests.queued import until
from tests.serving import Served

from lithograph.demo import demo_document
from lithograph.testing.corpus import generated_text

NOBODY = "execution_" + "0" * 32


@pytest.fixture(scope="module")
def done(api: Served) -> str:
    """An extraction of the demo that has ended."""
    execution_id = api.extraction()
    assert api.ended(execution_id)["status"] == "completed"
    return execution_id


def test_a_document_is_kept_once_and_given_back_with_its_text(api: Served) -> None:
    first = api.upload("documents", "../../etc/Zoë's note.md", "Zoë Hart works for Blue Harbour Shipping.".encode())
    assert first["source"] == "Zoë's note.md"
    assert first == api.upload("documents", "Zoë's note.md", "Zoë Hart works for Blue Harbour Shipping.".encode())
    assert api.json(f"/v1/documents/{first['id']}") == first
    text = api.client.get(f"/v1/documents/{first['id']}/text")
    assert (text.text, len(text.text)) == ("Zoë Hart works for Blue Harbour Shipping.", first["characters"])
    again = api.client.get(f"/v1/documents/{first['id']}/text", headers={"If-None-Match": text.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_lists_are_walked_page_by_page_and_hold_each_thing_once(api: Served) -> None:
    ids = {api.document(f"Note {number}. Ada works for Acme.", f"{number}.txt") for number in range(7)}
    seen, cursor = [], None
    while True:
        page = api.json("/v1/documents", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [one["id"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
        assert len(page["items"]) == 3
    assert len(seen) == len(set(seen))
    assert ids <= set(seen)


def test_an_ontology_is_told_with_what_it_holds(api: Served) -> None:
    content_hash = api.ontology()
    found = api.json(f"/v1/ontologies/{content_hash}")
    assert {"iri": "https://lithograph.example/demo#Person", "label": "Person"} in found["classes"]
    assert content_hash in [one["content_hash"] for one in api.json("/v1/ontologies")["items"]]


def test_an_extraction_ends_and_says_how_it_went(api: Served, done: str) -> None:
    found = api.json(f"/v1/executions/{done}")
    assert (found["percent"], found["missing"], found["model"]) == (100.0, [], "rules")
    assert found["stages"]["mentions"] == {"completed": 11}
    assert found["rejected"]["mention_overlapped"] > 0
    assert done in [one["id"] for one in api.json("/v1/executions", status="completed")["items"]]
    assert done not in [one["id"] for one in api.json("/v1/executions", status="failed")["items"]]


def test_the_same_start_is_the_same_execution_and_says_where_it_is(api: Served, done: str) -> None:
    asked = {"document": api.document(), "ontology": api.ontology()}
    response = api.client.post("/v1/extractions", json=asked)
    assert response.headers["location"] == f"/v1/executions/{done}"
    assert response.json()["status"] == "completed"


def test_a_start_under_a_key_is_one_start_even_after_it_was_cancelled(api: Served) -> None:
    asked = {"document": api.document("Ada Lovelace works for Acme. " * 3), "ontology": api.ontology()}
    first = api.post("/v1/extractions", asked, headers={"Idempotency-Key": "once"})
    api.ended(first["id"])
    again = api.post("/v1/extractions", asked, headers={"Idempotency-Key": "once"})
    assert again["id"] == first["id"]
    other = api.client.post("/v1/extractions", json={**asked, "strategy": "joint"}, headers={"Idempotency-Key": "once"})
    assert (other.status_code, "take a new one" in other.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("chosen", "media_type"),
    [
        ("json", "application/json"),
        ("turtle", "text/turtle; charset=utf-8"),
        ("jsonld", "application/ld+json"),
        ("graphml", "application/graphml+xml"),
        ("csv", "text/csv; charset=utf-8"),
    ],
)
def test_a_result_is_given_in_every_format_and_made_once(api: Served, done: str, chosen: str, media_type: str) -> None:
    found = api.client.get(f"/v1/executions/{done}/result", params={"format": chosen})
    assert (found.status_code, found.headers["content-type"]) == (200, media_type)
    assert found.headers["content-disposition"].startswith(f'attachment; filename="{done}.')
    tag = {"If-None-Match": found.headers["etag"]}
    assert api.client.get(f"/v1/executions/{done}/result", params={"format": chosen}, headers=tag).status_code == 304
    if chosen == "json":
        assert len(found.json()["entities"]) > 50
    if chosen == "csv":
        assert len(list(csv.reader(io.StringIO(found.text)))) > 50


def test_a_batch_counts_its_documents(api: Served) -> None:
    documents = [
        api.document(f"# {name}\n\n{generated_text(2, seed=seed)}", f"{name}.md") for seed, name in enumerate("xyz")
    ]
    asked = {"documents": documents, "ontology": api.ontology(), "name": "three notes"}
    batch = api.post("/v1/batches", asked)
    assert api.ended(batch["id"])["status"] == "completed"
    found = api.json(f"/v1/batches/{batch['id']}")
    assert (found["state"], found["total"], found["counts"]["completed"]) == ("completed", 3, 3)
    assert found["execution"]["source"] == "three notes"
    assert api.post("/v1/batches", asked)["id"] == batch["id"]
    children = api.json("/v1/executions", parent=batch["id"])["items"]
    assert {one["parent_id"] for one in children} == {batch["id"]}
    assert len(children) == 3
    result = api.client.get(f"/v1/executions/{batch['id']}/result").json()
    assert {one["id"] for one in result["documents"]} == set(documents)


def test_what_an_execution_is_asked_is_done_or_is_a_conflict(api: Served, done: str) -> None:
    for verb in ("pause", "cancel", "retry"):
        response = api.client.post(f"/v1/executions/{done}/{verb}")
        assert (response.status_code, response.headers["content-type"]) == (409, "application/problem+json")
        assert "completed" in response.json()["detail"]
    assert api.post(f"/v1/executions/{done}/resume")["status"] == "completed"


def test_a_signal_arrives_once(api: Served) -> None:
    long = api.extraction(generated_text(2_000, seed=5))
    sent = [
        api.post(f"/v1/executions/{long}/signals", {"name": "review"}, headers={"Idempotency-Key": "twice"})
        for _ in range(2)
    ]
    assert [one["new"] for one in sent] == [True, False]
    api.post(f"/v1/executions/{long}/cancel")
    assert api.ended(long)["status"] == "cancelled"


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/executions/{NOBODY}",
        f"/v1/executions/{NOBODY}/events",
        f"/v1/executions/{NOBODY}/result",
        f"/v1/batches/{NOBODY}",
        "/v1/documents/document_0",
        "/v1/documents/document_0/text",
        "/v1/ontologies/nothing",
        "/v1/nowhere",
    ],
)
def test_what_is_not_there_is_a_problem(api: Served, path: str) -> None:
    response = api.client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert response.json()["status"] == 404


def test_a_request_that_is_misspelt_says_where(api: Served) -> None:
    response = api.client.post("/v1/extractions", json={"document": "d", "ontologie": "o"})
    assert response.status_code == 422
    assert {one["field"] for one in response.json()["errors"]} == {"body.ontology", "body.ontologie"}


def test_a_model_is_asked_only_where_the_server_was_told_that_it_may(api: Served) -> None:
    asked = {"document": api.document(), "ontology": api.ontology(), "model": "openai:x", "base_url": "http://10.0.0.1"}
    response = api.client.post("/v1/extractions", json=asked)
    assert (response.status_code, "not told that it may" in response.json()["detail"]) == (422, True)


def test_a_broken_document_and_a_broken_ontology_say_what_is_wrong(api: Served) -> None:
    for kind, name, data in (("documents", "empty.txt", b""), ("ontologies", "broken.ttl", b"<urn:a> a")):
        response = api.client.post(f"/v1/{kind}", files={"file": (name, data)})
        assert response.status_code == 422
        assert name in response.json()["detail"]


def test_the_account_and_keys_are_for_administrators(api: Served) -> None:
    assert api.client.put("/v1/account", json={"max_tokens": 5_000_000}).json()["max_tokens"] == 5_000_000
    assert api.json("/v1/account")["max_tokens"] == 5_000_000
    made = api.post("/v1/keys", {"name": "reading", "scopes": ["read"]}, 201)
    with api.with_key(made["key"]) as reading:
        assert reading.get("/v1/me").json()["scopes"] == ["read"]
        refused = reading.post("/v1/extractions", json={"document": "d", "ontology": "o"})
        assert refused.status_code == 403
        assert reading.get("/v1/keys").status_code == 403
        assert api.client.delete(f"/v1/keys/{made['id']}").json()["revoked_at"]
        assert reading.get("/v1/me").status_code == 401
    assert made["key"] not in api.client.get("/v1/keys").text
    api.client.put("/v1/account", json={})


def test_the_server_is_well_and_describes_itself(api: Served) -> None:
    assert api.json("/v1/health/live") == api.json("/v1/health/ready") == {"status": "ok"}
    described = api.json("/v1/openapi.json")
    assert described["paths"]["/v1/executions/{execution_id}"]["get"]["responses"]["404"]["content"]
    until(lambda: api.json("/v1/me")["version"] == described["info"]["version"])


def test_the_demo_is_the_document_that_it_was(api: Served) -> None:
    text = api.client.get(f"/v1/documents/{api.document()}/text").text
    assert text.encode() == demo_document()


def test_metrics_are_for_whoever_runs_the_server(api: Served, done: str) -> None:
    response = api.client.get("/metrics")
    if api.process.url.startswith("sqlite"):
        assert 'lithograph_executions_ended_total{organization="default",status="completed",type="extraction"}' in (
            response.text
        )
        assert 'route="/v1/executions/{execution_id}"' in response.text
    else:
        assert (response.status_code, "LITHOGRAPH_METRICS_TOKEN" in response.json()["detail"]) == (401, True)
