"""An extraction that is interrupted, anywhere, is given back: the next run continues it, and that is no recovery."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from tests.builders import ONTOLOGY, StandIn
from tests.journals import AtCrashPoints, SetClock, kinds, seen, worker
from tests.stories import DOCUMENT, stand_in

from lithograph.durable.crashpoints import CRASH_POINTS, Transaction
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.extraction.settings import ExtractionSettings
from lithograph.storage.open import Storage
from lithograph.workflow.extraction import run_extraction, start_extraction
from lithograph.workflow.extraction_input import ExtractionInput

CLOCK = SetClock()
OF_A_RUN = (Transaction.CLAIM, Transaction.JOURNAL, Transaction.FINISH)
PLACES = [(point, 1) for point in CRASH_POINTS if point.startswith(OF_A_RUN)]
PLACES += [(point, 3) for point in CRASH_POINTS if point.startswith(Transaction.JOURNAL)]
"""Crash points and which passing of them."""
CONCURRENCY = 4


@pytest.fixture
def execution(storage: Storage) -> Execution:
    settings = ExtractionSettings(concurrency=CONCURRENCY)
    given = ExtractionInput(DOCUMENT.id, DOCUMENT.source, ONTOLOGY.content_hash, "stand-in", settings)
    return start_extraction(storage, DOCUMENT, ONTOLOGY, stand_in(), given, CLOCK)


async def run(storage: Storage, execution: Execution, extractor: StandIn) -> Status:
    return await run_extraction(worker(storage), execution, named=lambda model, ontology: extractor)


def once(point: str, passing: int, action: Callable[[], object]) -> Callable[[str], None]:
    """Return what does something at the given passing of a crash point, from whatever thread passes it."""
    loop, passed = asyncio.get_running_loop(), Counter[str]()

    def hook(passed_now: str) -> None:
        passed[passed_now] += 1
        if passed_now == point and passed[point] == passing:
            loop.call_soon_threadsafe(action)

    return hook


@pytest.mark.parametrize(("point", "passing"), PLACES)
async def test_interrupted_at_any_point_it_is_given_back(
    storage: Storage, execution: Execution, at_crash_points: AtCrashPoints, point: str, passing: int
) -> None:
    first = stand_in()
    running = asyncio.create_task(run(storage, execution, first))
    at_crash_points(once(point, passing, running.cancel))
    await asyncio.wait([running])
    assert running.cancelled()
    at_crash_points(lambda point: None)

    found = seen(storage, execution.id)
    if point.startswith(Transaction.FINISH):
        assert found.status is Status.COMPLETED
    else:
        assert (found.status, found.lease_owner) == (Status.RUNNING, None)
        again = stand_in()
        assert await run(storage, execution, again) is Status.COMPLETED
        bought = Counter((stage, chunk.id) for stage, chunk in [*first.asked, *again.asked])
        assert sum(times - 1 for times in bought.values()) <= CONCURRENCY
    assert seen(storage, execution.id).recovery_count == 0
    assert "execution.recovered" not in kinds(storage, execution.id)
