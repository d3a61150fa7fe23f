from typing import Any

import jsonschema
import pytest

from lithograph.testing.fake_model.minimal import minimal

NAME = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "least"),
    [
        ({"type": "object", "properties": {"a": NAME, "b": NAME}, "required": ["a"]}, {"a": ""}),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 0}),
        ({"type": "array", "items": NAME}, []),
        ({"type": "array", "items": NAME, "minItems": 2}, ["", ""]),
        ({"enum": ["red", "blue"]}, "red"),
        ({"const": 7}, 7),
        ({"type": "boolean"}, False),
        ({"type": "number", "minimum": 0.5}, 1),
        ({"type": "integer", "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "minimum": -5}, 0),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": ["string", "null"]}, None),
        ({"anyOf": [NAME, {"type": "null"}]}, None),
        ({"oneOf": [NAME, {"type": "integer"}]}, ""),
        ({"$defs": {"x": {"type": "array", "items": NAME}}, "$ref": "#/$defs/x"}, []),
        ({"$defs": {"a/b": NAME}, "type": "object", "properties": {"c": {"$ref": "#/$defs/a~1b"}}, "required": ["c"]},
         {"c": ""}),
        ({"allOf": [{"type": "object", "properties": {"a": NAME}, "required": ["a"]},
                    {"properties": {"b": {"type": "array"}}, "required": ["b"]}]}, {"a": "", "b": []}),
        ({"type": "object", "properties": {"of": {"type": "array", "items": {"$ref": "#"}}}, "required": ["of"]},
         {"of": []}),
    ],
)  # fmt: skip
def test_the_least_value_is_valid_and_has_nothing_in_it_that_need_not_be(schema: dict[str, Any], least: object) -> None:
    assert minimal(schema) == least
    jsonschema.validate(least, schema)


def test_a_schema_without_a_finite_value_ends_all_the_same() -> None:
    fields = {f"next{number}": {"$ref": "#"} for number in range(20)}
    assert minimal({"type": "object", "properties": fields, "required": list(fields)}) == dict.fromkeys(fields)


@pytest.mark.parametrize("schema", [{}, {"$ref": "#/nowhere"}, {"type": "nonsense"}, {"properties": 3}])
def test_what_is_no_schema_is_answered_too(schema: dict[str, Any]) -> None:
    assert minimal(schema) in (None, {})
