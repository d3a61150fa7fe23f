"""One run of the pipeline over one document, with what happened on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document
from lithograph.domain.facts import Link, Mention
from lithograph.domain.fragment import Stage
from lithograph.domain.ids import ChunkId, MentionId
from lithograph.domain.result import ExtractionResult
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    Extractor,
    Identity,
    MentionAnswer,
    MentionQuestion,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.model import Ontology
from lithograph.testing.annotations import Annotations
from lithograph.testing.gold import GoldDocument

MakeExtractor = Callable[[GoldDocument, Ontology], Extractor]


@dataclass(slots=True)
class Recorder:
    """Passes every question on to an extractor and keeps those about relations, with their answers, by chunk."""

    extractor: Extractor
    asked: dict[ChunkId, tuple[RelationQuestion, RelationAnswer]] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        return self.extractor.identity

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        return await self.extractor.mentions(question)

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        return await self.extractor.entities(question)

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        answer = await self.extractor.relations(question)
        self.asked[question.chunk.id] = question, answer
        return answer


@dataclass(slots=True)
class Observation:
    """What a run found: `spans` are the mentions before any of them was given a class."""

    annotations: Annotations
    ontology: Ontology
    settings: ExtractionSettings
    chunks: Sequence[Chunk]
    result: ExtractionResult
    spans: frozenset[tuple[int, int]]
    mentions: dict[MentionId, Mention]
    links: frozenset[Link]
    asked: dict[ChunkId, tuple[RelationQuestion, RelationAnswer]]
    inexact: int
    """Spans of the graph that do not read exactly like the document's slice."""


async def observe(
    gold: GoldDocument, ontology: Ontology, make: MakeExtractor, settings: ExtractionSettings
) -> Observation:
    """Run the pipeline over a gold document and return what it found."""
    document = Document.from_text(gold.text, source=gold.id)
    recorder = Recorder(make(gold, ontology))
    seen: list[Progress] = []
    result = await ExtractionPipeline(ontology, recorder, settings).run(document, progress=seen.append)
    mentions = [m for told in seen if told.stage is Stage.MENTIONS for m in told.found.mentions]
    return Observation(
        annotations=Annotations(gold, ontology),
        ontology=ontology,
        settings=settings,
        chunks=chunk_document(document, settings.chunks),
        result=result,
        spans=frozenset((mention.span.start, mention.span.end) for mention in mentions),
        mentions={mention.id: mention for mention in mentions},
        links=frozenset[Link]().union(*(told.found.links for told in seen)),
        asked=recorder.asked,
        inexact=sum(document.text[span.start : span.end] != span.text for span in result.graph.spans()),
    )
