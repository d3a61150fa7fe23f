import anyio.to_thread
from tests.journals import SetClock, claimed, events, kinds

from lithograph.domain.fragment import Fragment, Report, Stage
from lithograph.domain.ids import DocumentId
from lithograph.domain.usage import Usage
from lithograph.durable.commit import committing
from lithograph.durable.journal_thread import ThreadJournal
from lithograph.extraction.progress import Progress
from lithograph.storage.open import Storage
from lithograph.workflow.tracker import Tracker

CLOCK = SetClock()


def steps(upto: int) -> list[Progress]:
    """The first of two chunks' mentions, each of which cost ten tokens."""
    reports = [Fragment(reports=frozenset({Report(f"mentions/{n}", Usage(1, 8, 2, 0.5))})) for n in range(upto)]
    return [Progress(DocumentId("d"), Stage.MENTIONS, n, 2, found) for n, found in enumerate(reports, start=1)]


async def test_a_workflow_that_begins_again_is_counted_anew_and_its_percent_never_falls(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    tracker = Tracker(storage, owner)
    with committing(storage, CLOCK) as commit, ThreadJournal(commit) as writer:
        tracker.watch(writer)
        for step in steps(2):
            tracker.saw(step)
        whole = tracker.progress()
        assert (whole["done"], whole["percent"], whole["tokens"], whole["cost_usd"]) == (2, 33.3, 20, 1.0)
        await writer.flush()

        tracker.watch(writer)
        assert (tracker.progress()["done"], tracker.progress()["percent"]) == (0, 33.3)
        for step in steps(1):
            tracker.saw(step)
        begun = tracker.progress()
        assert (begun["done"], begun["percent"], begun["tokens"], begun["cost_usd"]) == (1, 33.3, 10, 0.5)
        for step in steps(2)[1:]:
            tracker.saw(step)
        assert tracker.progress() == whole
    told = await anyio.to_thread.run_sync(events, storage, owner.execution_id)
    assert [event.payload.get("percent") for event in told] == [None, 16.7, 33.3, 33.3, 33.3]
    assert kinds(storage, owner.execution_id)[1:] == ["stage.started", "stage.completed"] * 2
