"""Reading files: each becomes a document, or an error that names the file."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from lithograph.documents.limits import DEFAULT_LIMITS
from lithograph.documents.read import read_document
from lithograph.domain.document import Document
from lithograph.domain.fragment import Missing, Stage
from lithograph.domain.graph import KnowledgeGraph
from lithograph.domain.ids import ChunkId, DocumentId, OrganizationId, digest
from lithograph.domain.result import ExtractionResult
from lithograph.errors import DocumentError


def unheard(document: Document) -> None:
    """Watch no reading."""


async def read_files(
    paths: Sequence[Path], organization_id: OrganizationId, read: Callable[[Document], None], *, skip: bool
) -> dict[Path, Document | DocumentError]:
    """Return what became of each path, in order; `read` is told of each document as it is read.

    Without `skip` the first that cannot be read ends it and is raised.
    """
    if not skip:
        await anyio.to_thread.run_sync(glance, paths)
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


def glance(paths: Iterable[Path]) -> None:
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


async def unread_results(
    outcomes: Mapping[Path, Document | DocumentError], organization_id: OrganizationId
) -> dict[Path, ExtractionResult]:
    """Return, for each path that could not be read, a result that says so and has nothing else."""
    results: dict[Path, ExtractionResult] = {}
    for path, outcome in outcomes.items():
        if isinstance(outcome, DocumentError):
            identity = await anyio.to_thread.run_sync(_identity, path, organization_id)
            missing = Missing(identity, ChunkId(""), 0, 0, Stage.READ, error=str(outcome), attempts=1)
            results[path] = ExtractionResult(organization_id, (), KnowledgeGraph(), missing=(missing,))
    return results


def _identity(path: Path, organization_id: OrganizationId) -> DocumentId:
    """Return an id for an unreadable document, which has no text: made from its bytes, or else from the path."""
    with contextlib.suppress(OSError, ValueError):
        if path.is_file() and 0 < path.stat().st_size <= DEFAULT_LIMITS.file_bytes:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return DocumentId(digest("document", organization_id, sha256))
    return DocumentId(digest("document", organization_id, "path", str(path)))
