"""From files to one result: every document is read, then goes through the pipeline."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from lithograph.documents.limits import DEFAULT_LIMITS
from lithograph.documents.read import read_document
from lithograph.domain.document import Document
from lithograph.domain.fragment import Missing, Stage
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import DEFAULT_ORGANIZATION, ChunkId, DocumentId, OrganizationId, digest
from lithograph.domain.result import ExtractionResult, combine
from lithograph.errors import DocumentError, UsageError
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress, ignore
from lithograph.extraction.settings import OnMissing


def unheard(document: Document) -> None:
    """Watch no reading."""


async def extract_files(
    paths: Sequence[Path],
    pipeline: ExtractionPipeline,
    *,
    organization_id: OrganizationId = DEFAULT_ORGANIZATION,
    progress: Callable[[Progress], None] = ignore,
    read: Callable[[Document], None] = unheard,
) -> ExtractionResult:
    """Return what the documents at `paths` say, as one result in the order given; a document given twice counts once.

    All documents are read before the first is processed, so that their texts are in memory together. `read` is told of
    each as it is read, `progress` of every stage that a chunk has finished. What cannot be read or processed raises
    `DocumentError` or `IncompleteError`; under `OnMissing.SKIP` it is listed in the result's `missing` instead. Raises
    `UsageError` when there is no path.
    """
    if not paths:
        raise UsageError("no document is given; name at least one file")
    skip = pipeline.settings.on_missing is OnMissing.SKIP
    outcomes = await _read_all(list(dict.fromkeys(paths)), organization_id, read, skip=skip)
    readable = frozenset(one.id for one in outcomes.values() if isinstance(one, Document))
    results: dict[DocumentId, ExtractionResult] = {}
    for path, outcome in outcomes.items():
        if isinstance(outcome, DocumentError):
            identity = await anyio.to_thread.run_sync(_identity, path, organization_id, readable)
            results.setdefault(identity, _unread(identity, outcome, organization_id))
        elif outcome.id not in results:
            results[outcome.id] = await pipeline.run(outcome, progress=progress)
    return combine(results.values())


async def _read_all(
    paths: Sequence[Path], organization_id: OrganizationId, read: Callable[[Document], None], *, skip: bool
) -> dict[Path, Document | DocumentError]:
    """Return what became of each path, in order. Without `skip` the first that cannot be read ends it and is raised."""
    if not skip:
        await anyio.to_thread.run_sync(_glance, paths)
    outcomes: dict[Path, Document | DocumentError] = {}
    waiting = iter(paths)

    async def take() -> None:
        for path in waiting:
            try:
                reading = partial(read_document, path, organization_id=organization_id)
                # A reader that is interrupted is left behind: its process ends by itself.
                document = await anyio.to_thread.run_sync(reading, abandon_on_cancel=True)
            except DocumentError as error:
                outcomes[path] = error
                if not skip:
                    tasks.cancel_scope.cancel()
            else:
                outcomes[path] = document
                read(document)

    async with anyio.create_task_group() as tasks:
        for _ in range(min(os.cpu_count() or 1, len(paths))):
            tasks.start_soon(take)
    ordered = {path: outcomes[path] for path in paths if path in outcomes}
    if not skip:
        _raise_first(ordered.values())
    return ordered


def _glance(paths: Iterable[Path]) -> None:
    """Raise `DocumentError` for what can be told without reading, before the time has gone into reading the others."""
    for path in paths:
        try:
            hopeless = not path.is_file() or path.stat().st_size == 0
        except (OSError, ValueError):
            hopeless = True
        if hopeless:
            read_document(path)


def _raise_first(outcomes: Iterable[Document | DocumentError]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, DocumentError):
            raise outcome


def _identity(path: Path, organization_id: OrganizationId, readable: Set[DocumentId]) -> DocumentId:
    """Return the id that an unreadable document would have if it could be read: that of its bytes.

    It is made from the path where there are no such bytes, or where another file of the same bytes was `readable`.
    """
    with contextlib.suppress(OSError, ValueError):
        if path.is_file() and 0 < path.stat().st_size <= DEFAULT_LIMITS.file_bytes:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            identity = DocumentId(digest("document", organization_id, sha256))
            if identity not in readable:
                return identity
    return DocumentId(digest("document", organization_id, "path", str(path)))


def _unread(identity: DocumentId, error: DocumentError, organization_id: OrganizationId) -> ExtractionResult:
    missing = Missing(identity, chunk=ChunkId(""), start=0, end=0, stage=Stage.READ, error=str(error), attempts=1)
    return ExtractionResult(organization_id, documents=(), graph=KnowledgeGraph(), missing=(missing,))
