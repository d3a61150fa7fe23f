"""The pipeline: a document in, its knowledge graph out.

Chunk -> Mentions -> Entities -> Relations -> Assemble -> Resolve. A chunk goes on to its next stage as soon as its own
previous one is done; only Assemble waits for all of them. Under `Strategy.JOINT` the middle three are one.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import anyio

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document
from lithograph.domain.facts import Mention
from lithograph.domain.fragment import Fragment, Missing, Reason, Stage
from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId, digest
from lithograph.domain.result import ExtractionResult, ResultDocument, Stats
from lithograph.domain.usage import Usage
from lithograph.durable.activity import Activities, InlineActivities
from lithograph.errors import ActivityError, IncompleteError, UsageError, innermost
from lithograph.extraction.assemble import assemble
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.entities import type_mentions
from lithograph.extraction.extractor import Candidate, Extractor, JointExtractor
from lithograph.extraction.joint import extract_jointly
from lithograph.extraction.mentions import find_mentions
from lithograph.extraction.progress import Progress, ignore
from lithograph.extraction.questions import Questions, candidates_of
from lithograph.extraction.relations import relate
from lithograph.extraction.settings import ExtractionSettings, OnMissing, Strategy
from lithograph.ontology.model import Ontology
from lithograph.resolution.resolve import Resolution, resolve


@dataclass(frozen=True, slots=True)
class ExtractionPipeline:
    """Extracts knowledge graphs that conform to one ontology, with one extractor. Safe to run on many documents at
    once.
    """

    ontology: Ontology
    extractor: Extractor
    settings: ExtractionSettings = field(default_factory=ExtractionSettings)
    _questions: Questions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.settings.strategy is Strategy.JOINT and not isinstance(self.extractor, JointExtractor):
            raise UsageError(f"{self.extractor.identity.name} answers in stages only: use the strategy staged")
        object.__setattr__(self, "_questions", Questions(self.ontology, self.settings))

    async def run(
        self,
        document: Document | str,
        *,
        organization_id: OrganizationId = DEFAULT_ORGANIZATION,
        activities: Activities | None = None,
        progress: Callable[[Progress], None] = ignore,
    ) -> ExtractionResult:
        """Return what `document`, or a plain text, says in terms of the ontology.

        `organization_id` counts for a plain text only. `activities` runs the stages: inline when not given. `progress`
        is told of every stage that a chunk has finished. A chunk that failed for good raises `IncompleteError`, or
        under `OnMissing.SKIP` is listed in the result's `missing`.
        """
        if isinstance(document, str):
            document = Document.from_text(document, organization_id=organization_id)
        began = time.monotonic()
        chunks = chunk_document(document, self.settings.chunks)
        work = _Work(self, document, activities or InlineActivities(), progress, len(chunks))
        fragment = await work.all(chunks)
        result = result_of(document, fragment, resolve(assemble(fragment), self.ontology), len(chunks))
        return replace(result, stats=replace(result.stats, seconds=time.monotonic() - began))


_Step = Callable[[Chunk, Fragment], Awaitable[Fragment]]


class _Work:
    """One run of the pipeline over one document."""

    def __init__(
        self,
        pipeline: ExtractionPipeline,
        document: Document,
        activities: Activities,
        progress: Callable[[Progress], None],
        total: int,
    ) -> None:
        self._extractor, self._settings, self._ontology = pipeline.extractor, pipeline.settings, pipeline.ontology
        self._questions = pipeline._questions  # noqa: SLF001  # a run is a part of its pipeline
        self._document, self._activities = document, activities
        self._progress, self._total, self._done = progress, total, Counter[Stage]()
        self._steps: Sequence[tuple[Stage, _Step]] = (
            (Stage.MENTIONS, self._mentions),
            (Stage.ENTITIES, self._entities),
            (Stage.RELATIONS, self._relations),
        )
        if self._settings.strategy is Strategy.JOINT and isinstance(self._extractor, JointExtractor):
            self._steps = ((Stage.JOINT, partial(self._joint, self._extractor)),)

    async def all(self, chunks: list[Chunk]) -> Fragment:
        """Return the union of what all chunks say; at most `concurrency` of them are in work at once."""
        found: list[Fragment] = []
        waiting = iter(chunks)

        async def take() -> None:
            for chunk in waiting:
                found.append(await self._chunk(chunk))  # noqa: PERF401  # a failure keeps what was found before it

        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(min(self._settings.concurrency, len(chunks))):
                    tasks.start_soon(take)
        except ExceptionGroup as group:
            raise innermost(group) from group
        return Fragment.union(found)

    async def _chunk(self, chunk: Chunk) -> Fragment:
        found = Fragment()
        for stage, step in self._steps:
            try:
                added = await step(chunk, found)
            except ActivityError as error:
                return found | self._missing(chunk, stage, error)
            found |= added
            self._done[stage] += 1
            self._progress(Progress(self._document.id, stage, self._done[stage], self._total, added))
        return found

    async def _mentions(self, chunk: Chunk, found: Fragment) -> Fragment:  # noqa: ARG002  # nothing is known yet
        name = f"{Stage.MENTIONS}/{chunk.id}"

        async def activity(chunk: Chunk) -> Fragment:
            return await find_mentions(name, self._questions.mentions(chunk), self._extractor, self._settings)

        return await self._activities.run(name, activity, chunk)

    async def _entities(self, chunk: Chunk, found: Fragment) -> Fragment:
        typed = Fragment()
        for batch in self._questions.batches(found):
            name = f"{Stage.ENTITIES}/{chunk.id}/{digest('batch', *(mention.id for mention in batch))}"

            async def activity(given: tuple[Chunk, Sequence[Mention]], name: str = name) -> Fragment:
                return await type_mentions(name, self._questions.entities(*given), self._extractor, self._settings)

            typed |= await self._activities.run(name, activity, (chunk, batch))
        return typed

    async def _relations(self, chunk: Chunk, found: Fragment) -> Fragment:
        candidates = candidates_of(found)
        if not candidates:
            return Fragment()
        name = f"{Stage.RELATIONS}/{chunk.id}"

        async def activity(given: tuple[Chunk, Sequence[Candidate]]) -> Fragment:
            question = self._questions.relations(*given)
            return await relate(name, question, self._extractor, self._ontology, self._settings)

        return await self._activities.run(name, activity, (chunk, candidates))

    async def _joint(self, extractor: JointExtractor, chunk: Chunk, found: Fragment) -> Fragment:  # noqa: ARG002
        name = f"{Stage.JOINT}/{chunk.id}"

        async def activity(chunk: Chunk) -> Fragment:
            question = self._questions.joint(chunk)
            return await extract_jointly(name, question, extractor, self._ontology, self._settings)

        return await self._activities.run(name, activity, chunk)

    def _missing(self, chunk: Chunk, stage: Stage, error: ActivityError) -> Fragment:
        if self._settings.on_missing is OnMissing.FAIL:
            where = f"characters {chunk.start} to {chunk.end}"
            raise IncompleteError(f"{self._document.source}: {where} failed in stage {stage}: {error}") from error
        missing = Missing(chunk.document, chunk.id, chunk.start, chunk.end, stage, str(error), error.attempts)
        return Fragment(missing=frozenset({missing}))


def result_of(document: Document, fragment: Fragment, resolution: Resolution, chunks: int) -> ExtractionResult:
    """Return the result about one document: its graph with what went into it and what was left out."""
    rejected: Counter[Reason] = Counter()
    for report in fragment.reports:
        rejected.update(dict(report.rejected))
    if resolution.collapsed:
        rejected[Reason.SELF_RELATION] += resolution.collapsed
    graph = resolution.graph
    return ExtractionResult(
        organization_id=document.organization_id,
        documents=(ResultDocument.of(document),),
        graph=graph,
        missing=tuple(sorted(fragment.missing, key=lambda missing: (missing.start, missing.end, missing.stage))),
        rejected=tuple(sorted(rejected.items())),
        stats=Stats(
            chunks=chunks,
            mentions=sum(len(entity.mentions) for entity in graph.entities),
            entities=len(graph.entities),
            relations=len(graph.relations),
            usage=sum((report.usage for report in sorted(fragment.reports, key=lambda r: r.activity)), Usage()),
        ),
    )
