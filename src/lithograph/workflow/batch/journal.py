"""The journal of a batch: what became of each document, and what was found to be one across them."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from lithograph.domain.ids import EntityId, ExecutionId
from lithograph.domain.usage import NOTHING, Usage
from lithograph.durable.status import Status
from lithograph.resolution.across import Cluster
from lithograph.workflow.batch.input import EXTRACT, RETRY

_EVENT_OF: Final = {
    Status.COMPLETED: "batch.document_completed",
    Status.COMPLETED_WITH_ERRORS: "batch.document_completed",
    Status.FAILED: "batch.document_failed",
    Status.CANCELLED: "batch.document_cancelled",
}


class Listed(msgspec.Struct, frozen=True):
    """A document of a batch, by its place in it: its execution, or else why the file could not be read."""

    position: int
    source: str
    execution: ExecutionId | None
    error: str | None


class Ended(msgspec.Struct, frozen=True, tag="document"):
    """How the extraction of a document ended; `usage` is what it has taken since the batch was made.

    `completed_at` is when its execution ended, so that one that was run again is told from what it was before.
    """

    position: int
    source: str
    status: Status
    execution: ExecutionId | None = None
    error: str | None = None
    completed_at: str | None = None
    usage: Usage = NOTHING

    @property
    def well(self) -> bool:
        """Whether there is nothing left to be done about it."""
        return self.status is Status.COMPLETED

    @property
    def retriable(self) -> bool:
        """Whether another round may make it better."""
        return self.status is Status.FAILED and self.execution is not None


class Resolved(msgspec.Struct, frozen=True, tag="clusters"):
    """What was found to be one thing across documents."""

    clusters: tuple[tuple[EntityId, tuple[tuple[ExecutionId, EntityId], ...]], ...]

    @classmethod
    def of(cls, clusters: tuple[Cluster, ...]) -> "Resolved":
        """Return clusters as the journal keeps them."""
        return cls(tuple((cluster.id, cluster.members) for cluster in clusters))

    def found(self) -> tuple[Cluster, ...]:
        """Return the clusters."""
        return tuple(Cluster(cluster_id, members) for cluster_id, members in self.clusters)


class BatchCodec:
    """The `Codec` of every activity of a batch."""

    def encode(self, result: Ended | Resolved) -> str:
        """Return a result as JSON."""
        return msgspec.json.encode(result).decode()

    def decode(self, result: str) -> Ended | Resolved:
        """Return the result that was encoded."""
        return msgspec.json.decode(result, type=Ended | Resolved)

    def usage(self, result: Ended | Resolved) -> str | None:
        """Return what a document took, as JSON; None for what takes nothing."""
        return msgspec.json.encode(result.usage).decode() if isinstance(result, Ended) else None

    def events(self, name: str, result: Ended | Resolved) -> Iterator[tuple[str, Mapping[str, object]]]:  # noqa: ARG002
        """Yield that a document has ended, and how; or how many clusters there are."""
        if isinstance(result, Resolved):
            yield "batch.resolved", {"clusters": len(result.clusters)}
            return
        about = {
            "position": result.position,
            "document": result.source,
            "child_id": result.execution,
            "status": result.status,
        }
        yield _EVENT_OF[result.status], about | ({} if result.error is None else {"error": result.error})


def activity_of(position: int, round_: int = 0) -> str:
    """Return the name of the activity that carries a document to its end, for the first time or in a round."""
    return f"{RETRY}/{round_}/{position}" if round_ else f"{EXTRACT}/{position}"


def place_of(activity: str) -> tuple[int, int]:
    """Return the position and the round in the name of such an activity."""
    stage, *round_, position = activity.split("/")
    return int(position), int(round_[0]) if stage == RETRY else 0
