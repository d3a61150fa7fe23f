"""What a workspace refuses to be asked about graphs: cursors of its own making, texts that no database has, sizes."""

import base64
import math
from collections.abc import Callable

import pytest
from tests.graphs import KNOWS, PERSON, graph_of, published

from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import EntityId, ExecutionId, OrganizationId, RelationId
from lithograph.errors import UsageError
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage


@pytest.fixture
def graph(organization_id: OrganizationId) -> KnowledgeGraph:
    related = [("Ada", KNOWS, "Bert"), ("Bert", KNOWS, "Ada")]
    return graph_of({"Ada": PERSON, "Bert": PERSON}, related, organization_id=organization_id)


@pytest.fixture
def execution(module_storage: Storage, organization_id: OrganizationId, graph: KnowledgeGraph) -> ExecutionId:
    return published(module_storage, organization_id, graph)


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", "====", "é", "a b", "\0", "\ud800", "A" * 100_000,
        *(base64.urlsafe_b64encode(text.encode()).decode() for text in (
            "", "{}", "[]", "null", "[1,2,3,4]", '["relations","x","y"]', '["entities","x",1,"y",2]',
            '["entities","x",-1,"y"]', '["entities","x",1e400,"y"]', '["entities","x",99999999999999999999,"y"]',
            '["entities",null,1,"y"]', '["entities","x","1 OR 1=1","y"]', '["entities","\\ud800",1,"y"]',
            '["entities","\\u0000",1,"\\u0000"]', "[" * 600, '["entities","\\"; DROP TABLE entity",1,"y"]',
        )),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)  # fmt: skip
def test_a_cursor_that_no_list_gave_is_refused(cursor: str, workspace: Workspace, execution: ExecutionId) -> None:
    for where in (execution, None):
        with pytest.raises(UsageError, match="cursor"):
            workspace.entities(where, cursor=cursor)
        with pytest.raises(UsageError, match="cursor"):
            workspace.relations(where, entity=EntityId("x"), cursor=cursor)


def test_a_cursor_of_another_list_is_refused(
    workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph, organization_id: OrganizationId
) -> None:
    other = published(workspace.storage, organization_id, graph, key="other")
    entities, relations = workspace.entities(execution, limit=1).next, workspace.relations(execution, limit=1).next
    with pytest.raises(UsageError, match="cursor"):
        workspace.relations(execution, cursor=entities)
    with pytest.raises(UsageError, match="cursor"):
        workspace.entities(execution, cursor=relations)
    with pytest.raises(UsageError, match="cursor"):
        workspace.entities(other, cursor=entities)
    with pytest.raises(UsageError, match="cursor"):
        workspace.neighbours(graph.entities[0].id, other, cursor=relations)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "x" * 1_001])
def test_what_no_database_can_be_asked_is_refused(text: str, workspace: Workspace, execution: ExecutionId) -> None:
    asked: list[Callable[[], object]] = [
        lambda: workspace.entities(execution, search=text),
        lambda: workspace.entities(execution, type=text),
        lambda: workspace.entities(text),
        lambda: workspace.entity(EntityId(text)),
        lambda: workspace.entity(EntityId("x"), text),
        lambda: workspace.neighbours(EntityId(text)),
        lambda: workspace.relations(entity=EntityId(text)),
        lambda: workspace.relations(predicate=text),  # type: ignore[arg-type]
        lambda: workspace.relation(RelationId(text)),
        lambda: workspace.graph(text),
        lambda: workspace.graph(execution, type=text),
    ]
    for ask in asked:
        with pytest.raises(UsageError, match=r"cannot hold|at most"):
            ask()


@pytest.mark.parametrize("confidence", [-0.1, 1.1, math.nan, math.inf])
def test_what_is_no_confidence_is_refused(confidence: float, workspace: Workspace, execution: ExecutionId) -> None:
    for ask in (workspace.entities, workspace.relations, workspace.graph):
        with pytest.raises(UsageError, match="confidence"):
            ask(execution, min_confidence=confidence)


@pytest.mark.parametrize("limit", [-1, 0, 1_001, 10**30])
def test_a_page_has_a_size(limit: int, workspace: Workspace, execution: ExecutionId, graph: KnowledgeGraph) -> None:
    with pytest.raises(UsageError, match="between 1 and 1,000"):
        workspace.entities(execution, limit=limit)
    with pytest.raises(UsageError, match="between 1 and 1,000"):
        workspace.neighbours(graph.entities[0].id, limit=limit)
    with pytest.raises(UsageError, match="between 1 and 10,000"):
        workspace.graph(execution, limit=limit * 11)
