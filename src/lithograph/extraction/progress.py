"""What a run tells whoever watches it."""

from dataclasses import dataclass

from lithograph.domain.fragment import Fragment, Stage
from lithograph.domain.ids import DocumentId


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` chunks of a document have finished `stage`; `found` is what the last of them added."""

    document: DocumentId
    stage: Stage
    done: int
    total: int
    found: Fragment


def ignore(progress: Progress) -> None:
    """Watch nothing."""
