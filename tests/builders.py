"""A small ontology, short ways to make values, and an extractor that answers what a test tells it to."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document, Span
from lithograph.domain.facts import XSD, Mention
from lithograph.domain.fragment import Fragment, Reason, Stage
from lithograph.domain.graph import Entity
from lithograph.domain.ids import EntityId, Iri, digest
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    Identity,
    MentionAnswer,
    MentionQuestion,
    ProposedEntity,
    ProposedMention,
    ProposedRelation,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.ontology.model import Kind, Ontology, OntologyClass, OntologyProperty

PERSON, SAILOR, WRITER, ORGANIZATION, PLACE, HARBOUR, HOTEL = (
    Iri(f"http://example.org/{name}")
    for name in ("Person", "Sailor", "Writer", "Organization", "Place", "Harbour", "Hotel")
)
WORKS_FOR, LIVES_IN, KNOWS, BORN, FOUNDED = (
    Iri(f"http://example.org/{name}") for name in ("worksFor", "livesIn", "knows", "born", "founded")
)
DATE = Iri(XSD + "date")

ONTOLOGY = Ontology(
    "http://example.org/",
    "test.ttl",
    "0",
    {
        HARBOUR: OntologyClass(HARBOUR, "Harbour", parents=frozenset({PLACE})),
        HOTEL: OntologyClass(HOTEL, "Hotel", parents=frozenset({PLACE})),
        ORGANIZATION: OntologyClass(ORGANIZATION, "Organization"),
        PERSON: OntologyClass(PERSON, "Person"),
        PLACE: OntologyClass(PLACE, "Place"),
        SAILOR: OntologyClass(SAILOR, "Sailor", parents=frozenset({PERSON})),
        WRITER: OntologyClass(WRITER, "Writer", parents=frozenset({PERSON})),
    },
    {
        BORN: OntologyProperty(
            BORN, "born", kind=Kind.DATATYPE, domain=(frozenset({PERSON}),), datatypes=frozenset({DATE})
        ),
        FOUNDED: OntologyProperty(FOUNDED, "founded", domain=(frozenset({ORGANIZATION}),), datatypes=frozenset({DATE})),
        KNOWS: OntologyProperty(KNOWS, "knows"),
        LIVES_IN: OntologyProperty(
            LIVES_IN, "lives in", kind=Kind.OBJECT, domain=(frozenset({PERSON}),), range=(frozenset({PLACE}),)
        ),
        WORKS_FOR: OntologyProperty(
            WORKS_FOR, "works for", kind=Kind.OBJECT, domain=(frozenset({PERSON}),), range=(frozenset({ORGANIZATION}),)
        ),
    },
)


async def at_once(stage: Stage, chunk: Chunk) -> None:
    """Do nothing before an answer."""


def nothing(question: object) -> Sequence[ProposedMention]:
    """Propose no mention."""
    return ()


def no_relations(question: object) -> Sequence[ProposedRelation]:
    """Propose no relation."""
    return ()


def persons(question: EntityQuestion) -> Sequence[ProposedEntity]:
    """Take every mention for a person."""
    return [ProposedEntity(index, (PERSON,)) for index in range(len(question.mentions))]


@dataclass(slots=True)
class StandIn:
    """An extractor that answers with what its functions return, and remembers what it was asked."""

    mentions_of: Callable[[MentionQuestion], Sequence[ProposedMention]] = nothing
    entities_of: Callable[[EntityQuestion], Sequence[ProposedEntity]] = persons
    relations_of: Callable[[RelationQuestion], Sequence[ProposedRelation]] = no_relations
    before: Callable[[Stage, Chunk], Awaitable[None]] = at_once
    """Awaited before each answer: it may wait, or raise."""
    asked: list[tuple[Stage, Chunk]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        return Identity("stand-in", "1")

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        await self._ask(Stage.MENTIONS, question.chunk)
        return MentionAnswer(self.mentions_of(question))

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        self.batches.append(len(question.mentions))
        await self._ask(Stage.ENTITIES, question.chunk)
        return EntityAnswer(self.entities_of(question))

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        await self._ask(Stage.RELATIONS, question.chunk)
        return RelationAnswer(self.relations_of(question))

    async def _ask(self, stage: Stage, chunk: Chunk) -> None:
        self.asked.append((stage, chunk))
        await self.before(stage, chunk)


def propose(*texts: str, confidence: float = 1.0) -> Callable[[MentionQuestion], Sequence[ProposedMention]]:
    """Return a function that proposes those of `texts` that the chunk holds."""
    return lambda question: [ProposedMention(text, confidence) for text in texts if text in question.chunk.text]


def chunk_of(text: str) -> Chunk:
    """Return the only chunk of a short text."""
    (chunk,) = chunk_document(Document.from_text(text))
    return chunk


def find(chunk: Chunk, text: str, occurrence: int = 0) -> Span:
    """Return where `text` stands in a chunk."""
    start = -1
    for _ in range(occurrence + 1):
        start = chunk.text.index(text, start + 1)
    return chunk.span(start, start + len(text))


def mention(chunk: Chunk, text: str, occurrence: int = 0) -> Mention:
    """Return a mention of `text`."""
    return Mention(find(chunk, text, occurrence), 1.0)


def rejections(found: Fragment) -> dict[Reason, int]:
    """Return what the only report of a fragment counted."""
    (report,) = found.reports
    return dict(report.rejected)


def named(label: str, class_iri: Iri, start: int, document: Document) -> Entity:
    """Return an entity with one mention, `start` characters into a document."""
    span = document.span(start, start + len(label))
    return Entity(
        EntityId(digest("entity", span.start, span.end)), label, (class_iri,), (), 1.0, (), (Mention(span, 1.0),)
    )


def entities_of(*names: tuple[str, Iri]) -> list[Entity]:
    """Return an entity for each name and class, mentioned one after the other in one document."""
    document = Document.from_text("; ".join(name for name, _ in names))
    found, start = [], 0
    for name, class_iri in names:
        found.append(named(name, class_iri, start, document))
        start += len(name) + 2
    return found
