"""From files to one result: every document is read, then goes through the pipeline."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lithograph.domain.document import Document
from lithograph.domain.ids import DEFAULT_ORGANIZATION, DocumentId, OrganizationId
from lithograph.domain.result import ExtractionResult, combine
from lithograph.errors import UsageError
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress, ignore
from lithograph.extraction.settings import OnMissing
from lithograph.workflow.reading import read_files, unheard, unread_results


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
    outcomes = await read_files(list(dict.fromkeys(paths)), organization_id, read, skip=skip)
    results: dict[DocumentId, ExtractionResult] = {}
    unread = await unread_results(outcomes, organization_id)
    for path, outcome in outcomes.items():
        if not isinstance(outcome, Document):
            results.setdefault(unread[path].missing[0].document, unread[path])
        elif outcome.id not in results:
            results[outcome.id] = await pipeline.run(outcome, progress=progress)
    return combine(results.values())
