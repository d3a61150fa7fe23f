"""What a user may set about extraction, with the defaults. Values, passed down; nothing reads the environment here."""

from dataclasses import dataclass, field
from enum import StrEnum

from lithograph.errors import UsageError
from lithograph.extraction.chunk import ChunkSettings


class OnMissing(StrEnum):
    """What becomes of a run when a chunk has failed for good."""

    FAIL = "fail"
    """The run fails and says which chunk and why."""
    SKIP = "skip"
    """The run goes on; the chunk is listed in `missing`."""


class Constraint(StrEnum):
    """What becomes of a relation whose ends do not fit the property's domain or range."""

    FLAG = "flag"
    STRICT = "strict"
    """It is dropped and counted."""


class Strategy(StrEnum):
    """How a model is asked about a chunk."""

    STAGED = "staged"
    """In three calls: what is named, what each of it is, how it hangs together."""
    JOINT = "joint"
    """In one call, for cost."""


@dataclass(frozen=True, slots=True)
class ExtractionSettings:
    """Thresholds are from 0 to 1; `candidates`, `properties` and `batch` are counts; `concurrency` is chunks in work
    at once.
    """

    chunks: ChunkSettings = field(default_factory=ChunkSettings)
    least_confidence: float = 0.5
    fuzzy_threshold: float = 0.9
    sweep: bool = True
    """Whether every occurrence of an accepted surface form in its chunk is a mention, or only as many as were
    proposed.
    """
    candidates: int = 60
    """Classes that one question offers at most."""
    properties: int = 120
    """Properties that one question offers at most, of those whose domain and range fit."""
    batch: int = 40
    """Mentions whose classes are asked for at once, at most: all of a chunk's, as a rule."""
    constraint: Constraint = Constraint.FLAG
    on_missing: OnMissing = OnMissing.FAIL
    concurrency: int = 20
    strategy: Strategy = Strategy.STAGED

    def __post_init__(self) -> None:
        for name in ("least_confidence", "fuzzy_threshold"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{name} is {getattr(self, name)}: it must lie between 0 and 1")
        for name in ("candidates", "properties", "batch", "concurrency"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be at least 1")
