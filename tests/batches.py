"""Folders of documents for tests of batches, short ways to run one, and what its events must say."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from sqlalchemy import select
from tests.builders import ONTOLOGY, StandIn
from tests.journals import ORGANIZATION, events, seen, worker
from tests.stories import names, neighbours

from lithograph.domain.chunk import Chunk
from lithograph.domain.fragment import Stage
from lithograph.durable.clock import timestamp
from lithograph.durable.events import Event
from lithograph.durable.executions import Execution
from lithograph.durable.run import Worker
from lithograph.errors import AnswerError
from lithograph.extraction.settings import ExtractionSettings
from lithograph.storage.open import Storage
from lithograph.storage.schema import batch_document
from lithograph.testing.gold import read_gold
from lithograph.workflow.batch.input import OnFailure
from lithograph.workflow.batch.overview import BatchOverview, batch_overview
from lithograph.workflow.batch.start import BatchPlan, start_batch
from lithograph.workflow.extractors import ModelChoice
from lithograph.workflow.runner import Part, Plan, run_one

ENDED = ("completed", "completed_with_errors", "failed", "cancelled")
BROKEN = {
    "06-empty.txt": b"",
    "06-picture.png": b"\x89PNG\r\n\x1a\n",
    "06-torn.pdf": b"%PDF-1.4 torn",
    "07-no-letter.docx": b"not a letter",
    "07-no-text.txt": b"\x00\x01\x02",
}
"""Files that no document can be read from; they stand in the middle of those of `gold_folder`."""


def gold_folder(shared_data: Path, folder: Path, documents: int = 12) -> None:
    """Write the smallest documents of one kind, and the broken files among them."""
    all_of_them = (gold for gold in read_gold(shared_data / "gold" / "dev.jsonl") if gold.ontology == "redocred")
    smallest = sorted(all_of_them, key=lambda gold: len(gold.text))[:documents]
    folder.mkdir()
    for number, gold in enumerate(smallest):
        (folder / f"{number:02}.txt").write_text(gold.text, encoding="utf-8")
    for name, data in BROKEN.items():
        (folder / name).write_bytes(data)


def story_folder(folder: Path, documents: int) -> None:
    """Write that many short documents; each names somebody of its own, and all name Person00."""
    folder.mkdir()
    for number in range(documents):
        (folder / f"{number:02}.txt").write_text(f"Witness{number:02} met Person00 at the harbour in spring.")


def ill(*who: str, times: int = 1_000_000) -> Callable[[Stage, Chunk], Awaitable[None]]:
    """Return what makes an extractor fail, so many times, on what names one of these."""
    left = Counter(dict.fromkeys(who, times))

    async def before(stage: Stage, chunk: Chunk) -> None:
        for one in who:
            if one in chunk.text and left[one]:
                left[one] -= 1
                raise AnswerError(f"{one} cannot be understood")

    return before


@dataclass(slots=True)
class Scene:
    """A folder of short documents and what understands them."""

    storage: Storage
    folder: Path
    extractor: StandIn = field(default_factory=lambda: StandIn(mentions_of=names, relations_of=neighbours))
    settings: ExtractionSettings = field(default_factory=lambda: ExtractionSettings(concurrency=1))

    def named(self, choice: ModelChoice, ontology: object) -> StandIn:
        return self.extractor

    def plan(self, on_failure: OnFailure = OnFailure.CONTINUE, *paths: Path, at_once: int = 3) -> BatchPlan:
        return BatchPlan(paths or [self.folder], Plan(ONTOLOGY, settings=self.settings), on_failure, at_once)

    async def start(self, plan: BatchPlan | None = None, at: Worker | None = None) -> Execution:
        return await start_batch(at or worker(self.storage), plan or self.plan(), ORGANIZATION, named=self.named)

    async def run(self, batch: Execution, at: Worker | None = None) -> Execution:
        part: Part = await run_one(at or worker(self.storage), batch.id, ORGANIZATION, named=self.named)
        return part.execution

    async def carry(self, plan: BatchPlan | None = None) -> Execution:
        """Start and run a batch."""
        return await self.run(await self.start(plan))

    async def overview(self, batch: Execution) -> BatchOverview:
        return await anyio.to_thread.run_sync(partial(overview_of, self.storage, batch))

    def children(self, batch: Execution) -> list[Execution]:
        """The executions of the documents that could be read, in order."""
        c = batch_document.c
        query = select(c.execution_id).where(c.batch_id == batch.id, c.execution_id.is_not(None)).order_by(c.position)
        with self.storage.read(ORGANIZATION) as connection:
            found = list(connection.execute(query).scalars())
        return [seen(self.storage, str(one)) for one in found]

    def statuses(self, batch: Execution) -> list[str]:
        return [str(child.status) for child in self.children(batch)]

    def asked(self) -> list[str]:
        """Who was asked about: the names of the documents' witnesses, once for each chunk that was read."""
        chunks = [chunk for stage, chunk in self.extractor.asked if stage is Stage.MENTIONS]
        return sorted(chunk.text.split()[0] for chunk in chunks)


def overview_of(storage: Storage, batch: Execution) -> BatchOverview:
    """Return how a batch stands now."""
    with storage.read(ORGANIZATION) as connection:
        return batch_overview(connection, seen(storage, batch.id), timestamp(worker(storage).clock.now()))


def told(storage: Storage, batch_id: str) -> list[Event]:
    """Return the events of a batch, having checked what all of them say."""
    found = events(storage, batch_id)
    check_counts(found)
    return found


def check_counts(found: Sequence[Event]) -> None:
    """Check that numbers have no gap, percent never falls, and every event's counts are what the events before it, and
    those of its own transaction, make them.
    """
    assert [event.seq for event in found] == list(range(1, len(found) + 1))
    percents = [event.payload["percent"] for event in found if "percent" in event.payload]
    assert percents == sorted(percents)
    states: dict[int, str] = {}
    for event, after in zip(found, [*found[1:], None], strict=True):
        if event.type == "execution.resumed" and event.payload.get("from") in ("failed", "completed_with_errors"):
            states = {position: state for position, state in states.items() if state == "completed"}
        ends = event.type == "activity.completed" and event.payload["activity"] != "resolve"
        if ends:
            assert after is not None, "what ended is told together with how"
            states[after.payload["position"]] = after.payload["status"]
        if "counts" in event.payload:
            _check(event, Counter(states.values()))


def _check(event: Event, ended: Counter[str]) -> None:
    counts, total = event.payload["counts"], event.payload["total"]
    assert sum(counts.values()) == total, event
    assert min(counts.values()) >= 0, event
    assert event.payload["done"] == counts["completed"] + counts["completed_with_errors"], event
    for state in ENDED:
        again = ended[state] - counts[state]
        # What is run again is told of when it has ended: until then it counts among what runs, or waits for it.
        assert 0 <= again <= (counts["running"] + counts["pending"] if state == "failed" else 0), (event, ended)
    if event.payload["stage"] == "extract":
        assert counts["failed"] == ended["failed"], (event, ended)


def positions(found: Iterable[Event], kind: str) -> list[int]:
    """Return the positions of the documents that events of a kind tell of."""
    return [event.payload["position"] for event in found if event.type == kind]


class Door:
    """Lets nobody through until it is opened; counts who waits."""

    def __init__(self) -> None:
        self.waiting = 0
        self.opened = anyio.Event()

    async def __call__(self, stage: Stage, chunk: Chunk) -> None:
        self.waiting += 1
        try:
            await self.opened.wait()
        finally:
            self.waiting -= 1
