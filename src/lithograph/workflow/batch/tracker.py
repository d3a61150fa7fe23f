"""Tracker of a batch: what every one of its events says of how far it is.

It is told of a document in the moment in which the journal is, between which nothing else happens, and what is told to
the journal is written in that order: so what an event says is what the journal says up to it.
"""

from lithograph.workflow.batch.input import EXTRACT
from lithograph.workflow.batch.journal import Ended
from lithograph.workflow.batch.tally import Tally


class BatchTracker:
    """Counts documents. `percent` is of documents with a result, and never falls."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.tally = Tally()
        self.stage = EXTRACT
        self._percent = 0.0
        self._running: set[int] = set()

    def begin(self, tally: Tally, percent: float) -> None:
        """Begin to count, perhaps not for the first time, from what the journal has; nothing is running yet."""
        self.tally, self._percent, self.stage = tally, percent, EXTRACT
        self._running = set()

    def began(self, position: int) -> None:
        """Take note that a document is being run."""
        self.tally.lift(position)
        self._running.add(position)

    def left(self, position: int) -> None:
        """Take note that a document is not run any more, and has not ended."""
        self._running.discard(position)

    def ended(self, round_: int, ended: Ended) -> None:
        """Take note that a document has ended."""
        self._running.discard(ended.position)
        self.tally.put(round_, ended)

    def progress(self) -> dict[str, object]:
        """Return what every event carries: stage, documents with a result and in all, percent, documents by state,
        tokens and cost of those that have ended.
        """
        share = 100 * self.tally.done / self.total if self.total else 100.0
        self._percent = max(self._percent, round(share, 1))
        return {
            "stage": self.stage,
            "done": self.tally.done,
            "total": self.total,
            "percent": self._percent,
            "counts": self.tally.counts(self.total, len(self._running)),
            "tokens": self.tally.usage.tokens,
            "cost_usd": self.tally.usage.cost_usd,
        }
