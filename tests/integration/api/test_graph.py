"""The graph over HTTP, as a browser asks for it, on both databases."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from tests.api import Api, Tenant, served, tenant

from lithograph.domain.facts import Literal
from lithograph.storage.open import Storage


@pytest.fixture(scope="module")
def api(module_storage: Storage) -> Iterator[Api]:
    with served(module_storage) as running:
        yield running


@pytest.fixture(scope="module")
def mine(api: Api) -> Tenant:
    return tenant(api, "mine")


@pytest.fixture(scope="module")
def client(api: Api, mine: Tenant) -> Iterator[httpx2.Client]:
    with api.client(mine.admin) as opened:
        yield opened


def got(client: httpx2.Client, path: str, **query: Any) -> Any:
    answer = client.get(f"/v1/graph{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def walked(client: httpx2.Client, path: str, **query: Any) -> list[Any]:
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = got(client, path, **query, **({} if cursor is None else {"cursor": cursor}))
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


def test_entities_are_listed_searched_and_walked(client: httpx2.Client, mine: Tenant) -> None:
    expected = {one.id: one for one in mine.graph.entities}
    found = walked(client, "/entities", execution=mine.done.id, limit=2)
    assert [one["id"] for one in found] == list(dict.fromkeys(one["id"] for one in found))
    assert {one["id"] for one in found} == expected.keys()
    assert [one["relations"] for one in found] == sorted((one["relations"] for one in found), reverse=True)
    for one in found:
        known = expected[one["id"]]
        assert one == {
            "execution_id": mine.done.id,
            "id": known.id,
            "label": known.label,
            "types": list(known.types),
            "aliases": list(known.aliases),
            "confidence": known.confidence,
            "mentions": len(known.mentions),
            "relations": one["relations"],
        }
    label = mine.graph.entities[0].label
    searched = got(client, "/entities", search=label.upper(), execution=mine.done.id[:20])["items"]
    assert label in [one["label"] for one in searched]
    assert got(client, "/entities", search="%", execution=mine.done.id)["items"] == []
    of_type = got(client, "/entities", type=found[0]["types"][0], min_confidence=0.0)["items"]
    assert all(found[0]["types"][0] in one["types"] for one in of_type)


def test_without_an_execution_a_batch_is_shown_as_one(client: httpx2.Client, mine: Tenant) -> None:
    found = walked(client, "/entities", limit=3)
    assert {one["execution_id"] for one in found} == {mine.done.id, mine.batch.id}
    whole = mine.workspace.result(mine.batch.id).graph
    assert {one["id"] for one in found if one["execution_id"] == mine.batch.id} == {one.id for one in whole.entities}


def test_an_entity_leads_to_its_places_and_neighbours(client: httpx2.Client, mine: Tenant) -> None:
    relation = next(one for one in mine.graph.relations if not isinstance(one.object, Literal))
    known = mine.graph.entity(relation.subject)
    found = got(client, f"/entities/{known.id}", execution=mine.done.id)
    text = mine.document.text
    assert [(one["start"], one["end"]) for one in found["places"]] == [
        (one.span.start, one.span.end) for one in known.mentions
    ]
    assert all(text[one["start"] : one["end"]] == one["text"] for one in found["places"])
    for attribute in found["attributes"]:
        assert attribute.keys() == {"predicate", "value", "datatype", "language", "evidence"}
        assert all(text[one["start"] : one["end"]] == one["text"] for one in attribute["evidence"])
    around = walked(client, f"/entities/{known.id}/neighbours", execution=mine.done.id, limit=1)
    assert {(one["relation"]["id"], one["entity"]["id"]) for one in around} >= {(relation.id, relation.object)}
    assert len(around) == len({one["relation"]["id"] for one in around})


def test_relations_come_with_their_evidence(client: httpx2.Client, mine: Tenant) -> None:
    found = walked(client, "/relations", execution=mine.done.id, limit=2)
    assert {one["id"] for one in found} == {one.id for one in mine.graph.relations}
    for one in found:
        assert one["subject"].keys() == {"id", "label"}
        assert one["object"].keys() in ({"id", "label"}, {"value", "datatype", "language"})
        assert all(mine.document.text[span["start"] : span["end"]] == span["text"] for span in one["evidence"])
        assert one["evidence"]
        assert got(client, f"/relations/{one['id']}", execution=mine.done.id) == one
    predicate, subject = found[0]["predicate"], found[0]["subject"]["id"]
    chosen = got(client, "/relations", entity=subject, predicate=predicate, execution=mine.done.id)["items"]
    assert found[0]["id"] in [one["id"] for one in chosen]
    assert {one["predicate"] for one in chosen} == {predicate}


def test_a_graph_is_drawn_with_what_it_is_made_of(client: httpx2.Client, mine: Tenant) -> None:
    whole = got(client, "", execution=mine.done.id)
    assert {one["id"] for one in whole["nodes"]} == {one.id for one in mine.graph.entities}
    assert (whole["entities"], whole["relations"]) == (len(mine.graph.entities), len(mine.graph.relations))
    assert not whole["truncated"]
    drawn = {one["id"] for one in whole["nodes"]}
    assert all({one["source"], one["target"]} <= drawn for one in whole["edges"])
    assert sum(one["count"] for one in whole["predicates"]) == whole["relations"]
    part = got(client, "", execution=mine.done.id, limit=1)
    assert (len(part["nodes"]), part["truncated"], part["edges"]) == (1, True, [])


def test_what_is_not_there_or_cannot_be_asked_is_a_problem(client: httpx2.Client, mine: Tenant) -> None:
    nothing = "execution_" + "0" * 32
    asked: list[tuple[str, dict[str, str | int], int]] = [
        ("/entities/nobody", {}, 404),
        ("/entities/nobody/neighbours", {}, 404),
        ("/relations/nothing", {}, 404),
        ("", {"execution": nothing}, 404),
        ("", {}, 422),
        ("/entities", {"execution": nothing}, 404),
        ("/entities", {"cursor": "x"}, 422),
        ("/entities", {"limit": 0}, 422),
        ("/entities", {"min_confidence": "nan"}, 422),
        ("/entities", {"search": "\0"}, 422),
        ("/relations", {"predicate": "\0"}, 422),
        ("/relations", {"execution": "short"}, 422),
    ]
    for path, query, status in asked:
        answer = client.get(f"/v1/graph{path}", params=query)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
        assert answer.json()["detail"]


def test_another_organisation_sees_none_of_it(api: Api, mine: Tenant) -> None:
    stranger = tenant(api, "stranger")
    with api.client(stranger.admin) as client:
        shown = walked(client, "/entities")
        assert {one["execution_id"] for one in shown} == {stranger.done.id, stranger.batch.id}
        for path in ("/entities", "/relations", ""):
            assert client.get(f"/v1/graph{path}", params={"execution": mine.done.id}).status_code == 404
        assert got(client, "/relations", entity=mine.ids["entity_id"])["items"] == []
