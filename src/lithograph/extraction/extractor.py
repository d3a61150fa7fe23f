"""The seam to whatever reads text: a language model, the rules, an oracle.

An extractor is asked three kinds of question and answers with proposals. It is never trusted: the stages locate every
text that it names, hold every class and property against what was offered, and count what they turn away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Span
from lithograph.domain.facts import Literal, Mention
from lithograph.domain.ids import Iri
from lithograph.domain.usage import NOTHING, Usage
from lithograph.ontology.model import OntologyClass, OntologyProperty


@dataclass(frozen=True, slots=True)
class MentionQuestion:
    """What does this chunk name? `classes` are the kinds of thing that are looked for."""

    chunk: Chunk
    classes: Sequence[OntologyClass]


@dataclass(frozen=True, slots=True)
class ProposedMention:
    """A surface form as it stands in the chunk; where it stands is found out by alignment."""

    text: str
    confidence: float = 1.0
    hint: str = ""


@dataclass(frozen=True, slots=True)
class MentionAnswer:
    """The mentions of a chunk. The n-th proposal of one text means its n-th occurrence, if there is no sweep."""

    mentions: Sequence[ProposedMention]
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class EntityQuestion:
    """Which of `classes` is each of `mentions`? `sentences[i]` is the sentence of `mentions[i]`.

    `properties` are those that may be given as attributes.
    """

    chunk: Chunk
    mentions: Sequence[Mention]
    sentences: Sequence[Span]
    classes: Sequence[OntologyClass]
    properties: Sequence[OntologyProperty]


@dataclass(frozen=True, slots=True)
class ProposedAttribute:
    """A literal that the chunk gives for a mention; `evidence` is quoted from the chunk."""

    predicate: Iri
    value: Literal
    evidence: str


@dataclass(frozen=True, slots=True)
class ProposedEntity:
    """`mention` is an index into the question's mentions; `types[0]` is the class, the others are further types."""

    mention: int
    types: Sequence[Iri]
    confidence: float = 1.0
    attributes: Sequence[ProposedAttribute] = ()


@dataclass(frozen=True, slots=True)
class EntityAnswer:
    """One proposal for every mention of the question, in any order."""

    entities: Sequence[ProposedEntity]
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something a relation may begin or end at: a surface form in the chunk with its class.

    `mentions` are all its occurrences of that class in the chunk, in document order. `types` is its class and further
    types.
    """

    text: str
    types: tuple[Iri, ...]
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True)
class RelationQuestion:
    """Which of `properties` hold between `candidates`, or between one of them and a literal?"""

    chunk: Chunk
    candidates: Sequence[Candidate]
    properties: Sequence[OntologyProperty]


@dataclass(frozen=True, slots=True)
class ProposedRelation:
    """`subject` and an integer `object` are indices into the question's candidates; `evidence` is quoted verbatim."""

    subject: int
    predicate: Iri
    object: int | Literal
    evidence: Sequence[str]
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class RelationAnswer:
    """The relations of a chunk."""

    relations: Sequence[ProposedRelation]
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class JointQuestion:
    """What does this chunk say, in terms of `classes` and `properties`?"""

    chunk: Chunk
    classes: Sequence[OntologyClass]
    properties: Sequence[OntologyProperty]


@dataclass(frozen=True, slots=True)
class JointEntity:
    """A surface form in the chunk with its class, `types[0]`, and further types: all its occurrences are meant."""

    text: str
    types: Sequence[Iri]
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class JointAnswer:
    """Everything at once; the ends of relations are indices into `entities`."""

    entities: Sequence[JointEntity]
    relations: Sequence[ProposedRelation]
    usage: Usage = NOTHING


@dataclass(frozen=True, slots=True)
class Identity:
    """What decides an extractor's answers besides the question: anything different here may answer differently.

    `metered` says that an answer costs something, so that it is worth keeping for the next time it is asked for.
    """

    name: str
    revision: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    metered: bool = True


class Extractor(Protocol):
    """Answers questions about chunks. Safe to ask about many chunks at once.

    An answer that cannot be had raises a `LithographError`: transient when asking again may help.
    """

    @property
    def identity(self) -> Identity:
        """Return what makes this extractor's answers its own."""
        ...

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        """Return the mentions of a chunk."""
        ...

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        """Return the classes of some mentions of a chunk."""
        ...

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        """Return the relations of a chunk."""
        ...


@runtime_checkable
class JointExtractor(Extractor, Protocol):
    """An extractor that can also answer everything about a chunk at once."""

    async def joint(self, question: JointQuestion) -> JointAnswer:
        """Return the entities and relations of a chunk."""
        ...
