"""A batch that is interrupted, anywhere, is given back with what it has begun, and goes on as if nothing had been."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.batches import Scene, ill, story_folder, told
from tests.journals import AtCrashPoints, activities, seen

from lithograph.durable.crashpoints import Moment, Transaction
from lithograph.durable.status import Status
from lithograph.storage.open import Storage
from lithograph.workflow.batch.input import OnFailure

DOCUMENTS = 4
AT_ONCE = 2
PLACES = [
    (f"{Transaction.CLAIM}.{Moment.BEFORE}", 1),
    (f"{Transaction.CLAIM}.{Moment.AFTER}", 1),
    (f"{Transaction.CLAIM}.{Moment.INSIDE}", 3),
    (f"{Transaction.JOURNAL}.{Moment.INSIDE}", 7),
    (f"{Transaction.JOURNAL}.{Moment.AFTER}", 7),
    (f"{Transaction.FINISH}.{Moment.INSIDE}", 2),
    (f"{Transaction.FINISH}.{Moment.INSIDE}", DOCUMENTS + 1),
]
"""Crash points and which passing of them: the batch is claimed first and finishes last."""


@pytest.fixture
def scene(storage: Storage, tmp_path: Path) -> Scene:
    story_folder(tmp_path / "docs", DOCUMENTS)
    (tmp_path / "docs" / "01-torn.pdf").write_bytes(b"%PDF-1.4 torn")
    return Scene(storage, tmp_path / "docs")


def once(point: str, passing: int, action: Callable[[], object]) -> Callable[[str], None]:
    """Return what does something at the given passing of a crash point, from whatever thread passes it."""
    loop, passed = asyncio.get_running_loop(), Counter[str]()

    def hook(passed_now: str) -> None:
        passed[passed_now] += 1
        if passed_now == point and passed[point] == passing:
            loop.call_soon_threadsafe(action)

    return hook


@pytest.mark.parametrize(("point", "passing"), PLACES)
async def test_interrupted_at_any_point_it_goes_on(
    scene: Scene, at_crash_points: AtCrashPoints, point: str, passing: int
) -> None:
    scene.extractor.before = ill("Witness02")
    batch = await scene.start(scene.plan(OnFailure.CONTINUE, at_once=AT_ONCE))
    running = asyncio.create_task(scene.run(batch))
    at_crash_points(once(point, passing, running.cancel))
    await asyncio.wait([running])
    at_crash_points(lambda point: None)

    begun = [seen(scene.storage, one.id) for one in (batch, *scene.children(batch))]
    assert all(one.lease_owner is None for one in begun)
    assert running.cancelled() or seen(scene.storage, batch.id).status.terminal
    if seen(scene.storage, batch.id).status is not Status.COMPLETED_WITH_ERRORS:
        await scene.run(batch)
    done = seen(scene.storage, batch.id)
    assert (done.status, done.recovery_count) == (Status.COMPLETED_WITH_ERRORS, 0)
    assert (await scene.overview(batch)).counts == {
        "completed": 3, "completed_with_errors": 0, "failed": 2, "cancelled": 0, "running": 0, "pending": 0,
    }  # fmt: skip
    told(scene.storage, batch.id)
    assert activities(scene.storage, batch.id) == {
        "extract/0": "completed",
        "extract/1": "failed",
        "extract/2": "completed",
        "extract/3": "failed",
        "extract/4": "completed",
        "resolve": "completed",
    }
    bought = Counter((stage, chunk.id) for stage, chunk in scene.extractor.asked)
    assert sum(times - 1 for times in bought.values()) <= AT_ONCE


async def test_what_failed_before_the_batch_could_say_so_is_not_run_again(
    scene: Scene, at_crash_points: AtCrashPoints
) -> None:
    scene.extractor.before = ill("Witness00")
    batch = await scene.start(scene.plan(OnFailure.CONTINUE, at_once=1))
    running = asyncio.create_task(scene.run(batch))
    at_crash_points(once(f"{Transaction.FINISH}.after", 1, running.cancel))
    await asyncio.wait([running])
    at_crash_points(lambda point: None)
    assert scene.statuses(batch)[0] == "failed"
    assert activities(scene.storage, batch.id) == {"extract/0": "pending"}

    assert (await scene.run(batch)).status is Status.COMPLETED_WITH_ERRORS
    assert scene.asked().count("Witness00") == 1
