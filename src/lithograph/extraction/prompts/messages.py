"""The messages between Lithograph and a model: prompts, and the answers to them, as JSON with a `task`.

A prompt is the whole text of the first user message. Classes and properties go by short names that are unique within
an ontology; datatypes by the local names of XSD. `mention`, `entity`, `subject` and `object` are numbers that the
prompt gives out, or of a joint answer, indices into its own entities.
"""

from typing import Final

import msgspec

from lithograph.errors import InputError


class OfferedClass(msgspec.Struct, frozen=True, omit_defaults=True):
    """A kind of thing to look for, and what is meant by it."""

    name: str
    about: str = ""


class OfferedAttribute(msgspec.Struct, frozen=True, omit_defaults=True):
    """A property whose literals are asked for together with an entity's class."""

    name: str
    about: str = ""
    datatypes: tuple[str, ...] = ()


class OfferedProperty(msgspec.Struct, frozen=True, omit_defaults=True, rename={"domain": "from", "range": "to"}):
    """A property to look for; `domain` are classes, `range` classes or datatypes, and nothing where all may stand."""

    name: str
    about: str = ""
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()


class GivenMention(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mention to be classified, in the sentence of that index.

    The mentions of a sentence come in the order in which they stand in it.
    """

    mention: int
    text: str
    sentence: int
    hint: str = ""


class GivenEntity(msgspec.Struct, frozen=True):
    """Something that a relation may begin or end at."""

    entity: int
    text: str
    types: tuple[str, ...]


class MentionsPrompt(msgspec.Struct, frozen=True, tag_field="task", tag="mentions"):
    """What does the text name?"""

    classes: tuple[OfferedClass, ...]
    text: str


class EntitiesPrompt(msgspec.Struct, frozen=True, tag_field="task", tag="entities"):
    """Which class is each of the mentions?"""

    classes: tuple[OfferedClass, ...]
    attributes: tuple[OfferedAttribute, ...]
    sentences: tuple[str, ...]
    mentions: tuple[GivenMention, ...]


class RelationsPrompt(msgspec.Struct, frozen=True, tag_field="task", tag="relations"):
    """What does the text say about the entities?"""

    properties: tuple[OfferedProperty, ...]
    entities: tuple[GivenEntity, ...]
    text: str


class JointPrompt(msgspec.Struct, frozen=True, tag_field="task", tag="joint"):
    """Which entities and relations does the text state?"""

    classes: tuple[OfferedClass, ...]
    properties: tuple[OfferedProperty, ...]
    text: str


class ProbePrompt(msgspec.Struct, frozen=True, tag_field="task", tag="probe"):
    """Is anybody there?"""


Prompt = MentionsPrompt | EntitiesPrompt | RelationsPrompt | JointPrompt | ProbePrompt
_DECODER: Final[msgspec.json.Decoder[Prompt]] = msgspec.json.Decoder(Prompt)
TASKS: Final = ("mentions", "entities", "relations", "joint", "probe")


class AnsweredMention(msgspec.Struct, frozen=True):
    """A surface form that stands in the text."""

    text: str
    hint: str
    confidence: float


class AnsweredAttribute(msgspec.Struct, frozen=True):
    """A literal with the words that state it."""

    property: str
    value: str
    datatype: str
    quote: str


class AnsweredEntity(msgspec.Struct, frozen=True):
    """The class of a mention, and its further types."""

    mention: int
    types: tuple[str, ...]
    confidence: float
    attributes: tuple[AnsweredAttribute, ...] = ()


class JointEntity(msgspec.Struct, frozen=True):
    """An entity of a joint answer."""

    text: str
    types: tuple[str, ...]
    confidence: float


class Value(msgspec.Struct, frozen=True):
    """A literal at the end of a relation."""

    value: str
    datatype: str


class AnsweredRelation(msgspec.Struct, frozen=True):
    """A relation with the words that state it, verbatim."""

    subject: int
    property: str
    object: int | Value
    quotes: tuple[str, ...]
    confidence: float


class MentionsAnswer(msgspec.Struct, frozen=True):
    """What the text names."""

    mentions: tuple[AnsweredMention, ...]


class EntitiesAnswer(msgspec.Struct, frozen=True):
    """What the mentions are."""

    entities: tuple[AnsweredEntity, ...]


class RelationsAnswer(msgspec.Struct, frozen=True):
    """What the text says about the entities."""

    relations: tuple[AnsweredRelation, ...]


class JointAnswer(msgspec.Struct, frozen=True):
    """What the text says, all at once."""

    entities: tuple[JointEntity, ...]
    relations: tuple[AnsweredRelation, ...]


class ProbeAnswer(msgspec.Struct, frozen=True):
    """Yes."""

    ok: bool


Answer = MentionsAnswer | EntitiesAnswer | RelationsAnswer | JointAnswer | ProbeAnswer


def prompt_in(content: str) -> Prompt | None:
    """Return the prompt that a message holds, None when it is no JSON object with one of our tasks.

    Raises `InputError` when it has one of them and is not of its shape.
    """
    if not content.startswith("{"):
        return None
    try:
        return _DECODER.decode(content)
    except msgspec.ValidationError as error:
        if _task_in(content) in TASKS:
            raise InputError(f"not a prompt of its task: {error}") from error
        return None
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _task_in(content: str) -> object:
    decoded: object = msgspec.json.decode(content)
    return decoded.get("task") if isinstance(decoded, dict) else None


def task_of(prompt: Prompt) -> str:
    """Return the name of a prompt's task."""
    return str(prompt.__struct_config__.tag)


def text_of(prompt: Prompt) -> str:
    """Return the part of the document that a prompt is about."""
    match prompt:
        case EntitiesPrompt():
            return "\n".join(prompt.sentences)
        case ProbePrompt():
            return ""
        case _:
            return prompt.text
