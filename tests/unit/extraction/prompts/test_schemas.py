from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from tests.builders import ONTOLOGY

from lithograph.extraction.prompts import messages, schemas
from lithograph.extraction.prompts.messages import (
    Answer,
    EntitiesPrompt,
    GivenMention,
    JointPrompt,
    MentionsPrompt,
    OfferedAttribute,
    OfferedClass,
    OfferedProperty,
    ProbePrompt,
    Prompt,
    RelationsPrompt,
)
from lithograph.testing.fake_model.answers import Answerer

TEXT = "Ada Marwick works for the Carrick Society. Ada Marwick lives in Leith, born on 2 March 1878."
CLASSES = tuple(OfferedClass(known.label) for known in ONTOLOGY.classes.values())
PROPERTIES = tuple(OfferedProperty(known.label) for known in ONTOLOGY.properties.values())
BORN = OfferedAttribute("born", datatypes=("date",))
MENTIONS = (GivenMention(0, "Ada Marwick", 0), GivenMention(1, "Carrick Society", 0))
ENTITIES = (messages.GivenEntity(0, "Ada Marwick", ("Person",)), messages.GivenEntity(1, "Leith", ("Place",)))

Make = Callable[[Any], schemas.Schema]
ASKED: dict[str, tuple[Prompt, Make, type[Answer]]] = {
    "mentions": (MentionsPrompt(CLASSES, TEXT), schemas.mentions_schema, messages.MentionsAnswer),
    "entities": (
        EntitiesPrompt(CLASSES, (BORN,), (TEXT,), MENTIONS),
        schemas.entities_schema,
        messages.EntitiesAnswer,
    ),
    "entities without attributes": (
        EntitiesPrompt(CLASSES, (), (TEXT,), MENTIONS),
        schemas.entities_schema,
        messages.EntitiesAnswer,
    ),
    "relations": (RelationsPrompt(PROPERTIES, ENTITIES, TEXT), schemas.relations_schema, messages.RelationsAnswer),
    "joint": (JointPrompt(CLASSES, PROPERTIES, TEXT), schemas.joint_schema, messages.JointAnswer),
    "nothing offered": (JointPrompt((), (), TEXT), schemas.joint_schema, messages.JointAnswer),
    "probe": (ProbePrompt(), lambda _: schemas.probe_schema(), messages.ProbeAnswer),
}
EVERY = pytest.mark.parametrize("kind", ASKED)


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield a schema and all those in it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    for one in [*inner, *([schema["items"]] if "items" in schema else [])]:
        yield from parts(one)


def schema_of(kind: str) -> schemas.Schema:
    prompt, make, _ = ASKED[kind]
    return make(prompt)


@EVERY
def test_a_schema_is_one_and_stays_in_the_subset_that_providers_enforce(kind: str) -> None:
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    for part in parts(schema):
        assert set(part) <= {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf"}
        if part.get("type") == "object":
            assert part["required"] == list(part["properties"])
            assert part["additionalProperties"] is False


@EVERY
async def test_the_answer_to_a_prompt_is_of_its_schema_and_of_its_shape(kind: str) -> None:
    prompt, _, shape = ASKED[kind]
    answer = await Answerer([ONTOLOGY]).answer(prompt)
    json = msgspec.json.decode(msgspec.json.encode(answer))
    if kind == "entities without attributes":
        for one in json["entities"]:
            del one["attributes"]
    assert kind in ("probe", "nothing offered") or all(json.values())
    Draft202012Validator(schema_of(kind)).validate(json)
    assert msgspec.convert(json, shape) == answer


RELATION = {"subject": 0, "property": "knows", "object": 1, "quotes": ["Ada knew him"], "confidence": 1}
ENTITY = {"mention": 0, "types": ["Person"], "confidence": 0.5, "attributes": []}


@pytest.mark.parametrize(
    ("kind", "answer", "valid"),
    [
        ("relations", {"relations": [RELATION]}, True),
        ("relations", {"relations": [RELATION | {"object": {"value": "1878", "datatype": "gYear"}}]}, True),
        ("relations", {"relations": [RELATION | {"object": "Leith"}]}, False),
        ("relations", {"relations": [RELATION | {"object": {"value": "1878"}}]}, False),
        ("relations", {"relations": [RELATION | {"property": "hates"}]}, False),
        ("relations", {"relations": [RELATION | {"why": "so"}]}, False),
        ("relations", {}, False),
        ("entities", {"entities": [ENTITY]}, True),
        ("entities", {"entities": [ENTITY | {"types": ["Dragon"]}]}, False),
        ("entities without attributes", {"entities": [ENTITY]}, False),
        ("joint", {"entities": [{"text": "Ada", "types": ["Dragon"], "confidence": 1}], "relations": []}, False),
    ],
)
def test_only_what_was_offered_can_be_answered(kind: str, answer: object, valid: bool) -> None:
    assert Draft202012Validator(schema_of(kind)).is_valid(answer) is valid
