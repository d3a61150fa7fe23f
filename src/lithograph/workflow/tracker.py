"""Tracker: how far an extraction is, for its events."""

from collections import Counter

import msgspec
from sqlalchemy import func, select

from lithograph.domain.fragment import Stage
from lithograph.domain.usage import Usage
from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.extraction.progress import Progress
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_event

_STAGES = (Stage.MENTIONS, Stage.ENTITIES, Stage.RELATIONS)


class Tracker:
    """Counts chunks by stage. `percent` is of all stages of all chunks, and never falls, not even over a restart."""

    def __init__(self, storage: Storage, owner: Owner) -> None:
        self._storage, self._owner = storage, owner
        self._writer: JournalWriter | None = None
        self._percent = 0.0
        self._count_anew()

    def _count_anew(self) -> None:
        self._done: Counter[Stage] = Counter()
        self._total = 0
        self._stage = Stage.CHUNK
        self._used = Usage()

    def watch(self, writer: JournalWriter) -> None:
        """Begin to count: the workflow begins, perhaps not for the first time. Stages are told of through `writer`."""
        self._count_anew()
        if not self._owner.first:
            self._percent = max(self._percent, _last_percent(self._storage, self._owner))
        self._writer = writer

    def saw(self, progress: Progress) -> None:
        """Take note of a chunk that has finished a stage."""
        first = self._done[progress.stage] == 0
        self._done[progress.stage] = progress.done
        self._total, self._stage = progress.total, progress.stage
        self._used += sum((report.usage for report in progress.found.reports), Usage())
        stages = (Stage.JOINT,) if progress.stage is Stage.JOINT else _STAGES
        whole = self._total * len(stages)
        done = sum(self._done[stage] for stage in stages)
        self._percent = max(self._percent, round(100 * done / whole, 1) if whole else 100.0)
        if first:
            self._tell("stage.started", progress.stage)
        if progress.done == progress.total:
            self._tell("stage.completed", progress.stage)

    def progress(self) -> dict[str, object]:
        """Return what every event carries: stage, chunks done and to do in it, percent of everything, tokens, cost."""
        return {
            "stage": self._stage,
            "done": self._done[self._stage],
            "total": self._total,
            "percent": self._percent,
            "tokens": self._used.input_tokens + self._used.output_tokens,
            "cost_usd": self._used.cost_usd,
        }

    def _tell(self, kind: str, stage: Stage) -> None:
        if self._writer is not None:
            event = EventRow(kind, msgspec.json.encode(self.progress()).decode())
            self._writer.later(f"{kind}/{stage}", Write(self._owner, events=(event,)))


def _last_percent(storage: Storage, owner: Owner) -> float:
    c = workflow_event.c
    highest = select(func.max(c.payload["percent"].as_float())).where(c.execution_id == owner.execution_id)
    return storage.ask(owner.organization_id, lambda connection: connection.execute(highest).scalar()) or 0.0
