"""What a run says at its end."""

from collections.abc import Sequence
from pathlib import Path

from lithograph.cli.errors import one_line
from lithograph.domain.fragment import Missing
from lithograph.domain.result import ExtractionResult

_SHOWN = 10
"""Lines about what is missing, at most: the result lists all of it."""


def counted(number: int, noun: str) -> str:
    """Return "1 chunk", "2 chunks", "1 entity", "1,000 entities"."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def summary(result: ExtractionResult, seconds: float, written: Sequence[Path]) -> list[str]:
    """Return the lines that tell what came out of a run that took `seconds`, what did not, and where it went."""
    stats = result.stats
    read = f"{counted(len(result.documents), 'document')}, {counted(stats.chunks, 'chunk')}"
    found = f"{counted(stats.entities, 'entity')}, {counted(stats.relations, 'relation')}"
    lines = [f"{read}: {found} in {seconds:.1f} s"]
    sources = {document.id: document.source for document in result.documents}
    lines += [f"missing: {_missing(one, sources.get(one.document, one.document))}" for one in result.missing[:_SHOWN]]
    if len(result.missing) > _SHOWN:
        lines.append(f"missing: {len(result.missing) - _SHOWN:,} more, which the JSON result lists")
    if result.rejected:
        rejected = ", ".join(f"{count:,} {reason.value.replace('_', ' ')}" for reason, count in result.rejected)
        lines.append(f"rejected: {rejected}")
    if written:
        lines.append(f"written: {', '.join(map(str, written))}")
    return [one_line(line) for line in lines]


def _missing(missing: Missing, source: str) -> str:
    if not missing.chunk:
        # It is the whole document, which the sentence names.
        return missing.error
    tries = counted(missing.attempts, "attempt")
    return f"{source}, characters {missing.start} to {missing.end}, at {missing.stage} after {tries}: {missing.error}"
