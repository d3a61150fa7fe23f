import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pyoxigraph import QuerySolutions, RdfFormat, Store

from lithograph.domain.document import Document
from lithograph.domain.facts import Flag
from lithograph.domain.fragment import Reason, Stage
from lithograph.domain.result import ExtractionResult
from lithograph.graph.export.result_json import to_json
from lithograph.graph.export.result_reader import from_json
from lithograph.graph.export.schema import schema, schema_bytes
from lithograph.graph.export.turtle import to_turtle

REFERENCE = Path(__file__).parents[4] / "docs" / "reference"
PAGE = (REFERENCE / "result-format.md").read_text("utf-8")
RDF_PAGE = (REFERENCE / "rdf.md").read_text("utf-8")


def block(page: str, language: str, number: int = 0) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
    return found[number]


def objects(node: object) -> Iterator[dict[str, object]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(child)


def keys() -> set[str]:
    found: set[str] = set()
    for node in objects(schema()):
        properties = node.get("properties")
        if isinstance(properties, dict):
            found |= set(properties)
    return found


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert json.loads(schema_bytes()) == schema()


def test_every_object_is_closed_and_every_value_described() -> None:
    for node in objects(schema()):
        if "properties" in node:
            assert node["additionalProperties"] is False
            assert node["description"]
            values = node["properties"]
            assert isinstance(values, dict)
            assert all("description" in value or "$ref" in value for value in values.values())


def test_a_result_fits_the_schema(result: ExtractionResult) -> None:
    Draft202012Validator(schema()).validate(json.loads(to_json(result)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"lithograph/1"', b'"lithograph/2"'),
        (b'"flags": []', b'"flags": ["odd"]'),
        (b'"confidence": 0.8', b'"confidence": 1.8'),
        (b'"stage": "relations"', b'"stage": "odd"'),
        (b'{"entity": "entity_2"}', b'{"entity": "entity_2", "value": "x", "datatype": "urn:y"}'),
        (b'"attempts": 4', b'"attempts": 4, "odd": 1'),
        (b'"cost_usd": 0.001, ', b""),
    ],
)
def test_what_is_no_result_does_not_fit_the_schema(result: ExtractionResult, before: bytes, after: bytes) -> None:
    data = to_json(result)
    assert before in data
    with pytest.raises(ValidationError):
        Draft202012Validator(schema()).validate(json.loads(data.replace(before, after, 1)))


def test_the_schema_knows_every_stage_and_flag() -> None:
    enums = [node["enum"] for node in objects(schema()) if "enum" in node]
    assert [stage.value for stage in Stage] in enums
    assert [flag.value for flag in Flag] in enums


def test_the_example_of_the_page_is_a_result_of_the_text_that_it_names() -> None:
    example = json.loads(block(PAGE, "json"))
    Draft202012Validator(schema()).validate(example)
    result = from_json(json.dumps(example).encode())
    assert json.loads(to_json(result)) == example
    quoted = re.search(r'that reads "([^"]+)"', PAGE)
    assert quoted
    document = Document.from_text(quoted[1], source="ada.txt")
    assert document.sha256 == hashlib.sha256(quoted[1].encode()).hexdigest() == result.documents[0].sha256
    result.graph.verify([document])


def test_the_page_names_every_key_stage_flag_and_reason() -> None:
    named = set(re.findall(r"`([^`\n]+)`", PAGE.replace(block(PAGE, "json"), "")))
    assert keys() | set(Stage) | set(Flag) | set(Reason) <= named


def test_the_queries_of_the_rdf_page_find_what_they_promise(result: ExtractionResult) -> None:
    store = Store()
    store.load(to_turtle(result), format=RdfFormat.TURTLE)
    relations, mentions = (store.query(block(RDF_PAGE, "sparql", number)) for number in (0, 1))
    assert isinstance(relations, QuerySolutions)
    assert isinstance(mentions, QuerySolutions)
    assert len(list(relations)) == sum(len(relation.evidence) for relation in result.graph.relations)
    assert len(list(mentions)) == sum(len(entity.mentions) for entity in result.graph.entities)


def test_the_rdf_page_names_every_term_of_the_vocabulary(result: ExtractionResult) -> None:
    terms = set(re.findall(r"lith:\w+", to_turtle(result).decode()))
    assert terms <= set(re.findall(r"lith:\w+", RDF_PAGE))
