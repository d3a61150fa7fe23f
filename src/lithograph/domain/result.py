"""The result of an extraction: the graph, the documents it was read from, and what it cost and left out."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from lithograph.domain.document import Document
from lithograph.domain.fragment import Missing, Reason
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import DocumentId, ExecutionId, OrganizationId
from lithograph.domain.usage import Usage
from lithograph.errors import InvariantError

NO_EXECUTION = ExecutionId("")
"""The execution of a run without a database."""


@dataclass(frozen=True, slots=True)
class ResultDocument:
    """A document without its text: `characters` is how many code points the extracted text has."""

    id: DocumentId
    execution_id: ExecutionId
    source: str
    sha256: str
    media_type: str
    characters: int

    @classmethod
    def of(cls, document: Document, execution_id: ExecutionId = NO_EXECUTION) -> Self:
        """Return what a result says about `document`."""
        return cls(document.id, execution_id, document.source, document.sha256, document.media_type, len(document.text))


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts of what was found, what it cost, and the seconds of work (summed over documents, not the time waited)."""

    chunks: int = 0
    mentions: int = 0
    entities: int = 0
    relations: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.chunks + other.chunks,
            self.mentions + other.mentions,
            self.entities + other.entities,
            self.relations + other.relations,
            self.usage + other.usage,
            self.seconds + other.seconds,
        )


@dataclass(frozen=True, slots=True)
class ExtractionResult:
    """Everything that is known about some documents of one organisation after extraction.

    `rejected` is `(reason, count)`, in order of reason. Making a result fails when a span of its graph lies in no
    document that it lists, or when it lists a document twice.
    """

    organization_id: OrganizationId
    documents: tuple[ResultDocument, ...]
    graph: KnowledgeGraph
    missing: tuple[Missing, ...] = ()
    rejected: tuple[tuple[Reason, int], ...] = ()
    stats: Stats = Stats()

    def __post_init__(self) -> None:
        known = {document.id: document for document in self.documents}
        if len(known) != len(self.documents):
            raise InvariantError("a result lists one document twice")
        for span in self.graph.spans():
            if span.document not in known:
                raise InvariantError(f"a span points into document {span.document}, which the result does not list")
            if span.end > known[span.document].characters:
                raise InvariantError(f"a span ends at {span.end}, after its document {known[span.document].source}")

    @property
    def completed(self) -> bool:
        """Whether every chunk of every document was processed."""
        return not self.missing


def _about(result: ExtractionResult) -> frozenset[DocumentId]:
    """The documents that a result speaks of: those it lists and those that could not even be read."""
    return frozenset({d.id for d in result.documents} | {m.document for m in result.missing})


def combine(results: Iterable[ExtractionResult]) -> ExtractionResult:
    """Return the results of several documents as one, in the order given; counts, costs and seconds are summed.

    A result about documents that were all seen before adds nothing, so a document given twice appears once. Raises
    `InvariantError` when there is no result, when organisations differ, or when two results share some documents but
    not all of them, since sums cannot be taken apart again.
    """
    kept: list[ExtractionResult] = []
    seen: set[DocumentId] = set()
    for result in results:
        if kept and result.organization_id != kept[0].organization_id:
            raise InvariantError(f"organisations {kept[0].organization_id} and {result.organization_id} share no graph")
        about = _about(result)
        if about and about <= seen:
            continue
        if about & seen:
            raise InvariantError("two results share some of their documents and cannot be combined")
        seen |= about
        kept.append(result)
    if not kept:
        raise InvariantError("there is no result to combine")
    rejected: Counter[Reason] = Counter()
    for result in kept:
        rejected.update(dict(result.rejected))
    return ExtractionResult(
        organization_id=kept[0].organization_id,
        documents=tuple(document for result in kept for document in result.documents),
        graph=KnowledgeGraph(
            tuple(entity for result in kept for entity in result.graph.entities),
            tuple(relation for result in kept for relation in result.graph.relations),
        ),
        missing=tuple(missing for result in kept for missing in result.missing),
        rejected=tuple(sorted(rejected.items())),
        stats=sum((result.stats for result in kept), Stats()),
    )
