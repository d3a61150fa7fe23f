"""What extraction says about a document: mentions, their types, attributes and relations, each with its evidence.

These are observations, one per chunk and stage. They may repeat or contradict each other; `Fragment` keeps all of them
and `assemble` settles them.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from lithograph.domain.document import Span
from lithograph.domain.ids import ChunkId, Iri, MentionId, digest
from lithograph.errors import InvariantError

XSD = "http://www.w3.org/2001/XMLSchema#"
XSD_STRING = Iri(XSD + "string")


class Flag(StrEnum):
    """Why a relation that was kept deserves a second look."""

    DOMAIN = "domain"
    """No type of the subject fits the property's domain."""
    RANGE = "range"
    """The object fits none of the property's ranges."""


def check_confidence(value: float) -> None:
    """Raise `InvariantError` unless `value` lies in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise InvariantError(f"a confidence of {value} is not between 0 and 1")


@dataclass(frozen=True, slots=True, order=True)
class Literal:
    """A value with its XSD datatype, or a language-tagged string (`language` as in BCP 47, else empty)."""

    value: str
    datatype: Iri = XSD_STRING
    language: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A place in a document that names something. Its id is its span: two chunks that see it name it alike."""

    span: Span
    confidence: float
    hint: str = ""
    """What kind of thing the extractor took it for, in its own words; empty when it did not say."""
    id: MentionId = field(init=False)

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        object.__setattr__(self, "id", MentionId(digest("mention", self.span.document, self.span.start, self.span.end)))


@dataclass(frozen=True, slots=True, order=True)
class Attribute:
    """A literal that the text gives for something, and where it says so."""

    predicate: Iri
    value: Literal
    evidence: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Typing:
    """One chunk's opinion of what a mention is: `types[0]` is its class, the others are further types."""

    mention: MentionId
    chunk: ChunkId
    types: tuple[Iri, ...]
    confidence: float
    attributes: tuple[Attribute, ...] = ()

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        if not self.types:
            raise InvariantError(f"mention {self.mention} was given no class")


@dataclass(frozen=True, slots=True)
class Link:
    """A relation as one chunk states it: between two mentions, or from a mention to a literal."""

    subject: MentionId
    predicate: Iri
    object: MentionId | Literal
    confidence: float
    evidence: tuple[Span, ...]
    flags: tuple[Flag, ...] = ()

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        if not self.evidence:
            raise InvariantError(f"a relation {self.predicate} without evidence")
