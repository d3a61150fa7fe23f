"""Schemas: the JSON Schema of each answer, with the names that were offered as the only ones that can be given.

In the subset that providers enforce: every field is required, no other is allowed.
"""

from collections.abc import Iterable, Mapping

from lithograph.extraction.prompts.messages import EntitiesPrompt, JointPrompt, MentionsPrompt, RelationsPrompt

Schema = dict[str, object]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_INDEX: Schema = {"type": "integer"}


def mentions_schema(prompt: MentionsPrompt) -> Schema:  # noqa: ARG001  # a hint is free: it is no class yet
    """Return the schema of a `MentionsAnswer`."""
    return _object({"mentions": _list(_object({"text": _TEXT, "hint": _TEXT, "confidence": _NUMBER}))})


def entities_schema(prompt: EntitiesPrompt) -> Schema:
    """Return the schema of an `EntitiesAnswer`."""
    fields = {"mention": _INDEX, "types": _list(_one_of(known.name for known in prompt.classes)), "confidence": _NUMBER}
    if prompt.attributes:
        name = _one_of(known.name for known in prompt.attributes)
        attribute = _object({"property": name, "value": _TEXT, "datatype": _TEXT, "quote": _TEXT})
        fields["attributes"] = _list(attribute)
    return _object({"entities": _list(_object(fields))})


def relations_schema(prompt: RelationsPrompt) -> Schema:
    """Return the schema of a `RelationsAnswer`."""
    return _object({"relations": _list(_relation(known.name for known in prompt.properties))})


def joint_schema(prompt: JointPrompt) -> Schema:
    """Return the schema of a `JointAnswer`."""
    types = _list(_one_of(known.name for known in prompt.classes))
    entity = _object({"text": _TEXT, "types": types, "confidence": _NUMBER})
    relation = _relation(known.name for known in prompt.properties)
    return _object({"entities": _list(entity), "relations": _list(relation)})


def probe_schema() -> Schema:
    """Return the schema of a `ProbeAnswer`."""
    return _object({"ok": {"type": "boolean"}})


def _relation(properties: Iterable[str]) -> Schema:
    end: Schema = {"anyOf": [_INDEX, _object({"value": _TEXT, "datatype": _TEXT})]}
    return _object(
        {
            "subject": _INDEX,
            "property": _one_of(properties),
            "object": end,
            "quotes": _list(_TEXT),
            "confidence": _NUMBER,
        }
    )


def _object(fields: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(fields), "required": list(fields), "additionalProperties": False}


def _list(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _one_of(names: Iterable[str]) -> Schema:
    given = list(names)
    return {"type": "string", "enum": given} if given else _TEXT
