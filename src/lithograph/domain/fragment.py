"""A fragment: what has been found out so far. Fragments form a join-semilattice under `|`.

`|` is set union, field by field, and therefore associative, commutative and idempotent: in whatever order chunks
finish, and however often a finished chunk is seen again after a crash, the union is the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self

from lithograph.domain.facts import Link, Mention, Typing
from lithograph.domain.ids import ChunkId, DocumentId
from lithograph.domain.usage import Usage


class Stage(StrEnum):
    """The stages of the pipeline, in order."""

    READ = "read"
    """Before the pipeline: bytes to text. Only ever seen in `Missing`, for a document that could not be read."""
    CHUNK = "chunk"
    MENTIONS = "mentions"
    ENTITIES = "entities"
    RELATIONS = "relations"
    JOINT = "joint"
    """Mentions, entities and relations in one."""
    ASSEMBLE = "assemble"
    RESOLVE = "resolve"


class Reason(StrEnum):
    """Why something that an extractor proposed was not kept."""

    NOT_IN_TEXT = "mention_not_in_text"
    LOW_CONFIDENCE = "mention_low_confidence"
    OVERLAPPED = "mention_overlapped"
    UNKNOWN_CLASS = "entity_unknown_class"
    UNKNOWN_MENTION = "entity_unknown_mention"
    UNTYPED = "entity_without_answer"
    UNKNOWN_ATTRIBUTE = "attribute_unknown_property"
    ATTRIBUTE_EVIDENCE = "attribute_without_evidence"
    UNKNOWN_PROPERTY = "relation_unknown_property"
    UNKNOWN_END = "relation_unknown_end"
    NO_EVIDENCE = "relation_without_evidence"
    SELF_RELATION = "relation_to_itself"
    CONSTRAINT = "relation_domain_range"


@dataclass(frozen=True, slots=True)
class Report:
    """What one activity cost and what it turned away: `rejected` is `(reason, count)`, in order of reason."""

    activity: str
    usage: Usage
    rejected: tuple[tuple[Reason, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A chunk, or a whole document (`chunk` empty, offsets 0), that could not be processed."""

    document: DocumentId
    chunk: ChunkId
    start: int
    end: int
    stage: Stage
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """Everything that some activities found. See the module for its algebra."""

    mentions: frozenset[Mention] = frozenset()
    typings: frozenset[Typing] = frozenset()
    links: frozenset[Link] = frozenset()
    reports: frozenset[Report] = frozenset()
    missing: frozenset[Missing] = frozenset()

    def __or__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) | getattr(other, f.name) for f in fields(self)))

    @classmethod
    def union(cls, fragments: Iterable[Self]) -> Self:
        """Return the fold of all of them in time linear in their size."""
        gathered = list(fragments)
        return cls(*(frozenset().union(*(getattr(part, f.name) for part in gathered)) for f in fields(cls)))
