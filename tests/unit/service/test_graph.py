"""What a workspace shows of published graphs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event
from tests.graphs import AGE, CLOCK, HARBOUR, KNOWS, LIVES_IN, PERSON, SHIP, attribute, graph_of, known, published

from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import EntityId, ExecutionId, OrganizationId, RelationId
from lithograph.errors import NotFoundError, UsageError
from lithograph.graph.page import Page
from lithograph.graph.shown import End
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage

NAMES = {"Ada": PERSON, "Bert": PERSON, "Cleo": PERSON, "Dover": HARBOUR}
RELATED = [("Ada", KNOWS, "Bert"), ("Bert", KNOWS, "Cleo"), ("Ada", LIVES_IN, "Dover"), ("Ada", AGE, "36")]


@pytest.fixture
def graph(organization_id: OrganizationId) -> KnowledgeGraph:
    made = graph_of(NAMES, RELATED, organization_id=organization_id, confidence=0.5)
    made = known(made, "Ada", attributes=(attribute(made, "Ada", "36"),))
    return known(made, "Cleo", aliases=("CLEO", "Kleopatra Straße"), types=(PERSON, SHIP), confidence=0.9)


@pytest.fixture
def execution(module_storage: Storage, organization_id: OrganizationId, graph: KnowledgeGraph) -> ExecutionId:
    return published(module_storage, organization_id, graph)


def labels(page: Page[Any]) -> list[str]:
    return [one.label for one in page.items]


def id_of(graph: KnowledgeGraph, label: str) -> EntityId:
    return next(one.id for one in graph.entities if one.label == label)


def walked(ask: Callable[[str | None], Page[Any]]) -> list[Any]:
    """Return all items of all pages."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = ask(cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def test_entities_come_with_what_is_known_of_them(
    workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph
) -> None:
    found = workspace.entities(execution)
    assert found.next is None
    assert labels(found)[:2] == ["Ada", "Bert"]
    assert [one.relations for one in found.items] == [3, 2, 1, 1]
    cleo = next(one for one in found.items if one.label == "Cleo")
    assert (cleo.execution_id, cleo.id) == (execution, id_of(graph, "Cleo"))
    assert (cleo.types, cleo.aliases) == ((PERSON, SHIP), ("CLEO", "Kleopatra Straße"))
    assert (cleo.confidence, cleo.mentions) == (0.9, 1)


@pytest.mark.parametrize(
    ("search", "wanted"),
    [
        ("cleo", ["Cleo"]),
        ("STRASSE", ["Cleo"]),
        ("\uff43\uff4c\uff45\uff4f", ["Cleo"]),
        ("  kleopatra \t strasse ", ["Cleo"]),
        ("cleo\ncleo", []),
        ("e", ["Bert", "Cleo", "Dover"]),
        ("%", []),
        ("_", []),
        ("/", []),
        ("\\", []),
        ("' OR 1=1 --", []),
        ("'; DROP TABLE entity; --", []),
        ('"} ; INSERT DATA { <urn:a> <urn:b> <urn:c> } #', []),
        ("\U0001f600", []),
        ("   ", ["Ada", "Bert", "Cleo", "Dover"]),
    ],
)
def test_a_search_finds_part_of_a_name_in_any_case(
    search: str, wanted: list[str], workspace: Workspace, execution: ExecutionId
) -> None:
    assert sorted(labels(workspace.entities(execution, search=search))) == wanted
    assert len(workspace.entities(execution).items) == 4


def test_what_means_something_in_a_pattern_is_found_where_it_stands(
    workspace: Workspace, organization_id: OrganizationId
) -> None:
    made = graph_of({"100% wool": SHIP, "a_b": SHIP, "a/b\\c": SHIP, "'--": SHIP}, organization_id=organization_id)
    execution = published(workspace.storage, organization_id, made)
    for search, wanted in [("%", "100% wool"), ("_", "a_b"), ("/b\\", "a/b\\c"), ("'--", "'--")]:
        assert labels(workspace.entities(execution, search=search)) == [wanted]


def test_entities_are_chosen_by_type_and_confidence(workspace: Workspace, execution: ExecutionId) -> None:
    assert labels(workspace.entities(execution, type=HARBOUR)) == ["Dover"]
    assert labels(workspace.entities(execution, type=SHIP)) == ["Cleo"]
    assert labels(workspace.entities(execution, type="http://example.org/")) == []
    assert labels(workspace.entities(execution, min_confidence=0.9)) == ["Cleo"]
    assert labels(workspace.entities(execution, min_confidence=0.9, type=HARBOUR)) == []


def test_an_entity_has_its_places_and_what_is_said_of_it(
    workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph
) -> None:
    found = workspace.entity(id_of(graph, "Ada"), execution[:20])
    assert (found.label, found.execution_id) == ("Ada", execution)
    (said,) = found.attributes
    assert (said.predicate, said.value, said.language) == (AGE, "36", "")
    assert said.evidence[0].text == "Ada"
    (place,) = found.places
    assert (place.start, place.end, place.text, place.confidence) == (0, 3, "Ada", 0.5)


def test_relations_come_with_their_ends_and_evidence(
    workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph
) -> None:
    found = {one.predicate: one for one in workspace.relations(execution, entity=id_of(graph, "Ada")).items}
    assert found.keys() == {KNOWS, LIVES_IN, AGE}
    knows = found[KNOWS]
    assert (knows.subject.label, knows.object) == ("Ada", End(id_of(graph, "Bert"), "Bert"))
    assert [span.text for span in knows.evidence] == ["Ada"]
    assert not isinstance(found[AGE].object, End)
    assert workspace.relation(knows.id) == workspace.relation(knows.id, execution) == knows
    assert len(workspace.relations(execution).items) == 4
    assert {one.id for one in workspace.relations(execution, predicate=KNOWS).items} == {
        one.id for one in graph.relations if one.predicate == KNOWS
    }
    assert workspace.relations(execution, min_confidence=0.6).items == []


def test_neighbours_are_what_either_end_of_a_relation_leads_to(
    workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph
) -> None:
    found = workspace.neighbours(id_of(graph, "Bert"))
    assert {(one.entity.label, one.relation.predicate) for one in found.items} == {("Ada", KNOWS), ("Cleo", KNOWS)}
    assert {one.entity.execution_id for one in found.items} == {execution}
    assert len(workspace.neighbours(id_of(graph, "Ada"), execution).items) == 2  # the third is a value


def test_what_is_related_to_itself_comes_once(workspace: Workspace, organization_id: OrganizationId) -> None:
    made = graph_of({"Ada": PERSON}, [("Ada", KNOWS, "Ada")], organization_id=organization_id)
    execution = published(workspace.storage, organization_id, made)
    assert len(workspace.relations(execution, entity=id_of(made, "Ada")).items) == 1
    assert labels(Page([one.entity for one in workspace.neighbours(id_of(made, "Ada")).items], None)) == ["Ada"]
    assert workspace.entity(id_of(made, "Ada")).relations == 1


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1_000])
def test_pages_give_everything_once_where_much_is_equal(
    limit: int, workspace: Workspace, organization_id: OrganizationId
) -> None:
    names = {f"Same{number // 5}-{number}": PERSON for number in range(23)}
    ring = list(names)
    related = [(one, KNOWS, other) for one, other in zip(ring, [*ring[1:], ring[0]], strict=True)]
    made = graph_of(names, related, organization_id=organization_id)
    first = published(workspace.storage, organization_id, made, key="a", at=CLOCK.time)
    second = published(workspace.storage, organization_id, made, key="b", at=CLOCK.time)
    third = published(workspace.storage, organization_id, made, key="c", at=CLOCK.time + 1)
    for execution in (first, None):
        graphs = {first} if execution else {first, second, third}
        entities = walked(lambda cursor: workspace.entities(execution, limit=limit, cursor=cursor))  # noqa: B023
        expected = {(graph, one.id) for graph in graphs for one in made.entities}
        assert len(entities) == len(expected)
        assert {(one.execution_id, one.id) for one in entities} == expected
        relations = walked(lambda cursor: workspace.relations(execution, limit=limit, cursor=cursor))  # noqa: B023
        assert len(relations) == len(graphs) * len(made.relations)
        assert len({(one.execution_id, one.id) for one in relations}) == len(relations)
        hers = made.entities[0].id
        hers_all = walked(lambda cursor: workspace.relations(execution, entity=hers, limit=limit, cursor=cursor))  # noqa: B023
        assert len({(one.execution_id, one.id) for one in hers_all}) == len(hers_all) == 2 * len(graphs)
        found = walked(lambda cursor: workspace.entities(execution, search="SAME1", limit=limit, cursor=cursor))  # noqa: B023
        assert len(found) == len({(one.execution_id, one.id) for one in found}) == 5 * len(graphs)
    neighbours = walked(lambda cursor: workspace.neighbours(made.entities[0].id, limit=limit, cursor=cursor))
    assert len(neighbours) == 2
    everything = walked(lambda cursor: workspace.entities(limit=limit, cursor=cursor))
    assert {one.execution_id for one in everything[:23]} == {third}


def test_more_executions_than_one_query_looks_at_are_walked(
    workspace: Workspace, organization_id: OrganizationId
) -> None:
    made = graph_of({"Ada": PERSON}, [("Ada", AGE, "36")], organization_id=organization_id)
    for number in range(101):
        published(workspace.storage, organization_id, made, key=str(number), at=CLOCK.time + number // 2)
    for limit in (7, 60):
        found = walked(lambda cursor: workspace.entities(limit=limit, cursor=cursor))  # noqa: B023
        assert len(found) == len({one.execution_id for one in found}) == 101
        found = walked(lambda cursor: workspace.relations(entity=made.entities[0].id, limit=limit, cursor=cursor))  # noqa: B023
        assert len(found) == len({one.execution_id for one in found}) == 101


def test_what_a_batch_has_begun_is_not_listed_beside_it(
    workspace: Workspace, organization_id: OrganizationId, graph: KnowledgeGraph
) -> None:
    storage = workspace.storage
    batch = published(storage, organization_id, graph, key="batch")
    child = published(storage, organization_id, graph, key="child", parent_id=batch, at=CLOCK.time + 1)
    assert {one.execution_id for one in workspace.entities().items} == {batch}
    assert {one.execution_id for one in workspace.relations().items} == {batch}
    assert workspace.entity(graph.entities[0].id).execution_id == batch
    assert workspace.relation(graph.relations[0].id).execution_id == batch
    assert workspace.entity(graph.entities[0].id, child).execution_id == child
    assert {one.execution_id for one in workspace.entities(child).items} == {child}


def test_without_an_execution_the_newest_that_has_it_is_meant(
    workspace: Workspace, organization_id: OrganizationId, graph: KnowledgeGraph
) -> None:
    old = published(workspace.storage, organization_id, graph, key="old")
    new = published(workspace.storage, organization_id, graph, key="new", at=CLOCK.time + 1)
    other = graph_of({"Zoe": PERSON}, organization_id=organization_id)
    published(workspace.storage, organization_id, other, key="newest", at=CLOCK.time + 2)
    entity, relation = graph.entities[0].id, graph.relations[0].id
    assert workspace.entity(entity).execution_id == new
    assert workspace.relation(relation).execution_id == new
    assert {one.relation.execution_id for one in workspace.neighbours(entity).items} == {new}
    assert workspace.entity(entity, old).execution_id == old


def test_another_organisation_finds_nothing_whatever_it_knows(
    workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph
) -> None:
    entity, relation = graph.entities[0].id, graph.relations[0].id
    cursor = workspace.entities(limit=1).next
    stranger = Workspace(workspace.storage, OrganizationId(f"{workspace.organization_id}-not"))
    asked: list[Callable[[], object]] = [
        lambda: stranger.entities(execution),
        lambda: stranger.entity(entity),
        lambda: stranger.entity(entity, execution),
        lambda: stranger.neighbours(entity),
        lambda: stranger.neighbours(entity, execution),
        lambda: stranger.relations(execution),
        lambda: stranger.relation(relation),
        lambda: stranger.relation(relation, execution),
        lambda: stranger.graph(execution),
    ]
    for ask in asked:
        with pytest.raises(NotFoundError, match="there is no "):
            ask()
    assert [*stranger.entities().items, *stranger.relations().items, *stranger.relations(entity=entity).items] == []
    with pytest.raises(UsageError, match="not kept any more"):
        stranger.entities(cursor=cursor)
    assert workspace.entities(search="ada").items


def test_what_is_not_there_is_said_so(workspace: Workspace, execution: ExecutionId) -> None:
    with pytest.raises(NotFoundError, match="there is no entity nobody"):
        workspace.entity(EntityId("nobody"), execution)
    with pytest.raises(NotFoundError, match="there is no relation nothing"):
        workspace.relation(RelationId("nothing"))
    with pytest.raises(NotFoundError, match="there is no execution"):
        workspace.graph("execution_" + "0" * 32)
    assert workspace.relations(execution, entity=EntityId("nobody")).items == []


def test_a_graph_is_drawn_from_its_best_connected_part(
    workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph
) -> None:
    view = workspace.graph(execution)
    assert not view.truncated
    assert [(one.label, one.type, one.degree) for one in view.nodes[:2]] == [("Ada", PERSON, 3), ("Bert", PERSON, 2)]
    assert {(one.source, one.predicate, one.target) for one in view.edges} == {
        (one.subject, one.predicate, one.object) for one in graph.relations if one.predicate != AGE
    }
    assert (view.entities, view.relations) == (4, 4)
    assert [(one.iri, one.count) for one in view.types] == [(PERSON, 3), (HARBOUR, 1), (SHIP, 1)]
    assert [(one.iri, one.count) for one in view.predicates] == [(KNOWS, 2), (AGE, 1), (LIVES_IN, 1)]

    part = workspace.graph(execution, limit=2)
    assert part.truncated
    assert [one.label for one in part.nodes] == ["Ada", "Bert"]
    assert [one.predicate for one in part.edges] == [KNOWS]
    assert (part.entities, part.relations) == (4, 4)

    people = workspace.graph(execution, type=PERSON)
    assert not people.truncated
    assert len(people.nodes) == 3
    assert {one.predicate for one in people.edges} == {KNOWS}
    assert workspace.graph(execution, min_confidence=0.6).edges == []


def test_what_is_uncertain_is_not_drawn_between_what_is_certain(
    workspace: Workspace, organization_id: OrganizationId
) -> None:
    made = graph_of({"Ada": PERSON, "Bert": PERSON}, [("Ada", KNOWS, "Bert")], organization_id=organization_id)
    doubtful = KnowledgeGraph(made.entities, tuple(replace(one, confidence=0.2) for one in made.relations))
    execution = published(workspace.storage, organization_id, doubtful)
    assert len(workspace.graph(execution, min_confidence=0.2).edges) == 1
    view = workspace.graph(execution, min_confidence=0.3)
    assert (len(view.nodes), view.edges) == (2, [])


def test_an_execution_without_a_graph_is_drawn_empty(workspace: Workspace, organization_id: OrganizationId) -> None:
    execution = published(workspace.storage, organization_id, KnowledgeGraph())
    view = workspace.graph(execution)
    assert (view.nodes, view.edges, view.entities, view.relations, view.types) == ([], [], 0, 0, [])


@contextmanager
def counted(storage: Storage) -> Iterator[list[str]]:
    """Collect the statements that are sent."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(storage.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(storage.engine, "before_cursor_execute", note)


def test_ten_thousand_nodes_take_as_many_queries_as_ten(workspace: Workspace, organization_id: OrganizationId) -> None:
    def queries(size: int) -> int:
        names = [f"Sailor {number}" for number in range(size)]
        related = [(one, KNOWS, other) for one, other in pairwise(names)]
        made = graph_of(dict.fromkeys(names, PERSON), related, organization_id=organization_id)
        execution = published(workspace.storage, organization_id, made, key=str(size))
        with counted(workspace.storage) as sent:
            view = workspace.graph(execution)
            assert (len(view.nodes), len(view.edges), view.truncated) == (size, size - 1, False)
            workspace.entities(execution, limit=1_000)
            workspace.relations(execution, limit=1_000)
        return len(sent)

    assert queries(10) == queries(10_000) < 20
