import json
from dataclasses import replace

import pytest

from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import ExecutionId
from lithograph.domain.result import ExtractionResult, Stats
from lithograph.domain.usage import Usage
from lithograph.errors import InputError
from lithograph.graph.export.result_json import canonical_bytes, to_json
from lithograph.graph.export.result_reader import from_json


def test_keys_stand_in_the_documented_order(result: ExtractionResult) -> None:
    loaded = json.loads(to_json(result))
    assert list(loaded) == [
        *("format", "organization_id", "documents", "entities", "relations", "missing", "rejected", "stats")
    ]
    assert list(loaded["documents"][0]) == ["id", "execution_id", "source", "sha256", "media_type", "characters"]
    assert list(loaded["entities"][0]) == [*("id", "label", "types", "aliases", "confidence", "attributes", "mentions")]
    assert list(loaded["entities"][0]["attributes"][0]) == ["predicate", "value", "datatype", "evidence"]
    assert list(loaded["entities"][0]["mentions"][0]) == ["document", "start", "end", "text", "confidence"]
    assert list(loaded["relations"][0]) == [
        *("id", "subject", "predicate", "object", "confidence", "evidence", "flags")
    ]
    assert list(loaded["relations"][0]["evidence"][0]) == ["document", "start", "end", "text"]
    assert list(loaded["missing"][0]) == ["document", "chunk", "start", "end", "stage", "error", "attempts"]
    assert list(loaded["stats"]) == [
        *("chunks", "mentions", "entities", "relations", "calls", "tokens", "cost_usd", "seconds")
    ]


def test_an_object_is_an_entity_or_a_literal(result: ExtractionResult) -> None:
    objects = [relation["object"] for relation in json.loads(to_json(result))["relations"]]
    assert objects[0] == {"entity": "entity_2"}
    assert objects[2] == {"value": "🚂\r\n-5", "datatype": "http://www.w3.org/2001/XMLSchema#string"}


def test_what_was_written_is_read_back(result: ExtractionResult) -> None:
    data = to_json(result)
    again = from_json(data)
    assert to_json(again) == data
    assert again == replace(result, stats=replace(result.stats, seconds=1.235))


def test_the_file_is_utf8_and_ends_with_a_line_feed(result: ExtractionResult) -> None:
    data = to_json(result)
    assert "🚂" in data.decode()
    assert data.endswith(b"}\n")
    assert b'"lone \\ud800"' in data


def test_an_empty_result_has_every_key(result: ExtractionResult) -> None:
    empty = ExtractionResult(result.organization_id, (), KnowledgeGraph())
    assert from_json(to_json(empty)) == empty


def test_canonical_bytes_of_two_runs_are_equal(result: ExtractionResult) -> None:
    other = replace(
        result,
        documents=tuple(replace(document, execution_id=ExecutionId("other")) for document in result.documents),
        stats=replace(result.stats, usage=Usage(9, 9, 9, 9.0), seconds=9.0),
    )
    assert to_json(other) != to_json(result)
    assert canonical_bytes(other) == canonical_bytes(result)
    assert canonical_bytes(replace(result, stats=Stats())) != canonical_bytes(result)
    assert not {"execution_id", "calls", "tokens", "cost_usd", "seconds"} & set(canonical_bytes(result).split(b'"'))


def test_a_whole_number_makes_no_difference_between_integer_and_float(result: ExtractionResult) -> None:
    whole, broken = Stats(usage=Usage(cost_usd=1), seconds=2), Stats(usage=Usage(cost_usd=1.0), seconds=2.0)
    assert to_json(replace(result, stats=whole)) == to_json(replace(result, stats=broken))


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (b'"lithograph/1"', b'"lithograph/2"', "at the top"),
        (b'"execution_id": "execution_1", ', b"", r"documents\[0\]"),
        (b'"label": "=1+1"', b'"label": 1', r"entities\[1\]\.label"),
        (b'"confidence": 0.8', b'"confidence": 1.5', r"relations\[0\]\.confidence"),
        (b'"confidence": 0.8', b'"confidence": NaN', r"relations\[0\]\.confidence"),
        (b'"cost_usd": 0.001', b'"cost_usd": 1e999', r"stats\.cost_usd"),
        (b'"start": 68', b'"start": true', r"relations\[2\]\.evidence\[0\]\.start"),
        (b'"start": 68', b'"start": 67', "contradicts itself"),
        (b'"entity": "entity_2"', b'"entity": "entity_3"', "contradicts itself"),
        (b'"flags": ["domain", "range"]', b'"flags": ["odd"]', r"relations\[1\]\.flags\[0\]"),
        (b'"mention_not_in_text": 2', b'"because": 2', r"rejected\.because"),
        (b'"missing": [', b'"missing": [[],', r"missing\[0\]"),
        (b"}\n", b"", "not JSON"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(
    result: ExtractionResult, before: bytes, after: bytes, place: str
) -> None:
    data = to_json(result)
    assert before in data
    with pytest.raises(InputError, match=place):
        from_json(after.join(data.rsplit(before, 1)) if before == b"}\n" else data.replace(before, after, 1))


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000, b'{"format": "lithograph/1"}'])
def test_what_is_no_result_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        from_json(data)
