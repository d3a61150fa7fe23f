"""The least value that a JSON schema allows, as an answer to a prompt that nobody here understands."""

from collections.abc import Mapping


def minimal(schema: Mapping[str, object]) -> object:
    """Return a value of `schema` with nothing in it that need not be: required properties, empty arrays, the first
    choice of an enumeration, null where it is allowed, and where a schema requires itself, so that no value is finite.

    Bounds are kept for the length of arrays and strings and for the least number; patterns and formats are not.
    """
    return _least(schema, schema, frozenset("#"))


def _least(schema: object, root: Mapping[str, object], within: frozenset[str]) -> object:
    """Return the least value; `within` are the references that led here."""
    if not isinstance(schema, Mapping):
        return None
    if "$ref" in schema:
        reference = str(schema["$ref"])
        return None if reference in within else _least(_referred(reference, root), root, within | {reference})
    if "const" in schema:
        return schema["const"]
    if choices := _list(schema, "enum"):
        return choices[0]
    if choices := _list(schema, "anyOf") or _list(schema, "oneOf"):
        return None if {"type": "null"} in choices else _least(choices[0], root, within)
    if parts := _list(schema, "allOf"):
        schema = _merged(schema, [_resolved(part, root) for part in parts])
    return _typed(schema, root, within)


def _typed(schema: Mapping[str, object], root: Mapping[str, object], within: frozenset[str]) -> object:
    kinds = _list(schema, "type") or [schema.get("type", "object" if "properties" in schema else "null")]
    kind = "null" if "null" in kinds else kinds[0]
    if kind == "object":
        properties = schema.get("properties")
        known = properties if isinstance(properties, Mapping) else {}
        return {str(name): _least(known.get(name, {}), root, within) for name in _list(schema, "required")}
    if kind == "array":
        return [_least(schema.get("items"), root, within)] * _whole(schema, "minItems")
    if kind == "string":
        return "x" * _whole(schema, "minLength")
    if kind in ("integer", "number"):
        return max(0, _whole(schema, "minimum"), _whole(schema, "exclusiveMinimum") + ("exclusiveMinimum" in schema))
    return False if kind == "boolean" else None


def _list(schema: Mapping[str, object], word: str) -> list[object]:
    found = schema.get(word)
    return found if isinstance(found, list) else []


def _whole(schema: Mapping[str, object], word: str) -> int:
    found = schema.get(word)
    return -int(-found // 1) if isinstance(found, int | float) else 0


def _referred(reference: str, root: Mapping[str, object]) -> object:
    found: object = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference not in ("#", "") else ():
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _resolved(schema: object, root: Mapping[str, object]) -> Mapping[str, object]:
    found = _referred(str(schema["$ref"]), root) if isinstance(schema, Mapping) and "$ref" in schema else schema
    return found if isinstance(found, Mapping) else {}


def _merged(schema: Mapping[str, object], parts: list[Mapping[str, object]]) -> Mapping[str, object]:
    """Return one schema for `allOf`: properties and required names of all parts, other words of the last to say."""
    merged: dict[str, object] = {}
    properties: dict[str, object] = {}
    required: list[object] = []
    for part in (*parts, schema):
        merged |= part
        own = part.get("properties")
        properties |= own if isinstance(own, Mapping) else {}
        required += _list(part, "required")
    return merged | {"properties": properties, "required": list(dict.fromkeys(required))}
