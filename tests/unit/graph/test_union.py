"""The published graph of a batch is what merging the graphs of its documents gives."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Table, select
from tests.graphs import AGE, HARBOUR, KNOWS, LIVES_IN, PERSON, attribute, graph_of, known, published
from tests.journals import ORGANIZATION

from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import ExecutionId
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.graph import union
from lithograph.graph.store import publish
from lithograph.graph.union import publish_union
from lithograph.resolution.across import Cluster, Named, clusters_of
from lithograph.resolution.merging import merged
from lithograph.storage.open import Storage
from lithograph.storage.schema import entity, evidence, mention, relation


def documents() -> list[KnowledgeGraph]:
    """Graphs that share some names, and what is said of them."""
    people = {"Ada": PERSON, "Bert": PERSON, "Dover": HARBOUR}
    first = graph_of(
        people, [("Ada", KNOWS, "Bert"), ("Ada", AGE, "36"), ("Bert", LIVES_IN, "Dover")], organization_id=ORGANIZATION
    )
    second = graph_of(
        {"Ada": PERSON, "Bert": PERSON, "Zoe": PERSON, "Yan": PERSON, "Hull": HARBOUR},
        [
            ("Ada", KNOWS, "Bert"),
            ("Zoe", KNOWS, "Ada"),
            ("Zoe", KNOWS, "Yan"),
            ("Yan", AGE, "7"),
        ],
        organization_id=ORGANIZATION,
        confidence=0.5,
    )
    second = known(second, "Ada", aliases=("Countess",), attributes=(attribute(second, "Ada", "36"),))
    third = graph_of({"Countess": PERSON, "Ada": PERSON}, [("Ada", KNOWS, "Countess")], organization_id=ORGANIZATION)
    return [first, second, third, graph_of({"Alone": PERSON}, organization_id=ORGANIZATION), KnowledgeGraph()]


def rows(storage: Storage, execution_id: ExecutionId) -> dict[str, list[str]]:
    """Return everything that is published as the graph of an execution."""
    found = {}
    with storage.read(ORGANIZATION) as connection:
        for table in (entity, mention, relation, evidence):
            query = select(*_but_execution(table)).where(table.c.execution_id == execution_id)
            found[table.name] = sorted(map(repr, connection.execute(query)))
    return found


def difference(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the rows of each table that only one of the two has, or has more often."""
    found = {
        name: Counter(one[name]) - Counter(other[name]) | Counter(other[name]) - Counter(one[name]) for name in one
    }
    return {name: sorted(rows) for name, rows in found.items() if rows}


def _but_execution(table: Table) -> list[Any]:
    return [column for column in table.c if column.name != "execution_id"]


def combined(graphs: Sequence[KnowledgeGraph]) -> KnowledgeGraph:
    return KnowledgeGraph.ordered(
        (one for graph in graphs for one in graph.entities), (one for graph in graphs for one in graph.relations)
    )


@pytest.mark.parametrize("at_once", [1, 2, 500])
@pytest.mark.parametrize("resolved", ["by name", "by hand", ""])
def test_it_is_what_merging_gives(
    resolved: str, at_once: int, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(union, "_EXECUTIONS", at_once)
    monkeypatch.setattr(union, "_MEMBERS", at_once)
    graphs = documents()
    executions = [published(storage, ORGANIZATION, graph, key=str(n)) for n, graph in enumerate(graphs)]
    named = [
        [Named(execution, one.id, one.label, one.aliases, one.types) for one in graph.entities]
        for execution, graph in zip(executions, graphs, strict=True)
    ]
    clusters: Sequence[Cluster] = clusters_of(named) if resolved == "by name" else ()
    if resolved == "by hand":  # so that a relation is between what is one
        members = [
            (execution, one.id)
            for execution, graph in zip(executions[1:3], graphs[1:3], strict=True)
            for one in graph.entities
        ]
        clusters = [Cluster(members[-1][1], tuple(sorted(members)))]
    assert len(clusters) == {"by name": 2, "by hand": 1, "": 0}[resolved]
    expected = published(storage, ORGANIZATION, merged(combined(graphs), clusters).graph, key="expected")
    stale = graph_of({"Stale": PERSON}, [("Stale", AGE, "1")], organization_id=ORGANIZATION)
    batch = published(storage, ORGANIZATION, stale, key="batch")
    before = [rows(storage, one) for one in executions]
    for _ in range(2):
        with transaction(storage, ORGANIZATION, Transaction.FINISH) as connection:
            publish_union(connection, ORGANIZATION, batch, executions, clusters)
        assert difference(rows(storage, batch), rows(storage, expected)) == {}
    assert [rows(storage, one) for one in executions] == before


def test_a_member_that_is_not_there_any_more_does_not_matter(storage: Storage) -> None:
    (graph, *_) = documents()
    execution = published(storage, ORGANIZATION, graph)
    gone = Cluster(graph.entities[0].id, ((execution, graph.entities[0].id), (execution, graph.entities[1].id)))
    with transaction(storage, ORGANIZATION, Transaction.FINISH) as connection:
        publish(connection, ORGANIZATION, execution, KnowledgeGraph(graph.entities[:1]))
    batch = published(storage, ORGANIZATION, KnowledgeGraph(), key="batch")
    with transaction(storage, ORGANIZATION, Transaction.FINISH) as connection:
        publish_union(connection, ORGANIZATION, batch, [execution], [gone])
    assert rows(storage, batch) == rows(storage, execution)
    assert rows(storage, batch)["entity"]
