import io
import json
from dataclasses import replace

import networkx

from lithograph.domain.ids import EntityId
from lithograph.domain.result import ExtractionResult
from lithograph.graph.export.graphml import to_graphml
from lithograph.ontology.model import Ontology


def read(data: bytes) -> "networkx.MultiDiGraph[str]":
    graph = networkx.read_graphml(io.BytesIO(data), force_multigraph=True)
    assert isinstance(graph, networkx.MultiDiGraph)
    return graph


def test_entities_are_nodes(result: ExtractionResult) -> None:
    node = read(to_graphml(result)).nodes["entity_1"]
    assert node["label"] == 'Ada "Bob" <script>'
    assert (node["type"], node["type_iri"]) == ("Person", "https://schema.org/Person")
    assert json.loads(node["types"]) == ["https://schema.org/Person", "Thing"]
    assert (node["confidence"], node["mentions"]) == (0.9, 2)
    assert node["evidence"] == 'Ada "Bob" <script>'


def test_relations_between_entities_are_edges_even_when_parallel(result: ExtractionResult) -> None:
    graph = read(to_graphml(result))
    assert set(graph.edges(keys=True)) == {
        ("entity_1", "entity_2", "relation_1"),
        ("entity_1", "entity_2", "relation_2"),
    }
    edge = graph.edges["entity_1", "entity_2", "relation_1"]
    assert (edge["label"], edge["predicate"], edge["confidence"]) == ("made", "http://example.org/made", 0.8)
    assert edge["evidence"].startswith('Ada "Bob" <script>\r\nalert(1)</script>')
    assert (edge["document"], edge["start"], edge["end"]) == (result.documents[0].id, 0, 61)
    assert edge["evidence_count"] == 2
    assert graph.edges["entity_1", "entity_2", "relation_2"]["flags"] == "domain range"


def test_literals_are_data_of_their_node(result: ExtractionResult) -> None:
    facts = json.loads(read(to_graphml(result)).nodes["entity_1"]["attributes"])
    assert [fact["value"] for fact in facts] == ["1815", "neunzehntes Jahrhundert", "🚂\r\n-5"]
    assert facts[1]["language"] == "de"
    assert (facts[2]["relation"], facts[2]["confidence"]) == ("relation_3", 1.0)


def test_names_come_from_the_ontology(result: ExtractionResult, ontology: Ontology) -> None:
    graph = read(to_graphml(result, ontology))
    assert graph.nodes["entity_1"]["type"] == "Human being"
    assert graph.nodes["entity_2"]["type"] == "Machine"
    assert graph.edges["entity_1", "entity_2", "relation_1"]["label"] == "has made"


def test_characters_that_xml_cannot_hold_are_replaced(result: ExtractionResult) -> None:
    ada, formula = result.graph.entities
    odd = replace(formula, id=EntityId("e\x01"), label="a\x00b\ud800c\ufffed\U0001f682")
    graph = read(to_graphml(replace(result, graph=replace(result.graph, entities=(ada, odd), relations=()))))
    assert graph.nodes["e\ufffd"]["label"] == "a\ufffdb\ufffdc\ufffdd\U0001f682"
