"""What people ask of a batch reaches the documents that it has in work, and no others."""

import asyncio
from collections import Counter
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from tests.batches import Door, Scene, ill, story_folder, told
from tests.journals import ORGANIZATION, kinds, seen, until, worker

from lithograph.durable import signals
from lithograph.durable.clock import SystemClock
from lithograph.durable.executions import Execution
from lithograph.durable.status import Status
from lithograph.service.workspace import Workspace
from lithograph.storage.open import Storage
from lithograph.workflow.batch.input import BatchState, OnFailure

DOCUMENTS = 8


@pytest.fixture
def scene(storage: Storage, tmp_path: Path) -> Scene:
    story_folder(tmp_path / "docs", DOCUMENTS)
    return Scene(storage, tmp_path / "docs")


class Restless(SystemClock):
    """A clock on which nobody sleeps for long; counts how often whoever does."""

    def __init__(self) -> None:
        self.slept: Counter[asyncio.Task[object]] = Counter()

    async def sleep(self, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.slept[task] += 1
        await anyio.sleep(min(seconds, 0.01))

    async def everybody_looked(self) -> None:
        """Return when all who sleep now and then have done so twice more: what there is to see they have seen."""
        before = Counter(self.slept)
        await until(lambda: all(task.done() or self.slept[task] >= times + 2 for task, times in before.items()))


async def started_and_stuck(
    scene: Scene, door: Door, clock: SystemClock | None = None
) -> tuple[Execution, "asyncio.Task[Execution]"]:
    """Run a batch until three documents are in work, at the door."""
    scene.extractor.before = door
    at = worker(scene.storage, clock=clock)
    batch = await scene.start(at=at)
    running = asyncio.create_task(scene.run(batch, at))
    await until(lambda: door.waiting == 3)
    return batch, running


async def test_a_pause_reaches_the_documents_in_work_and_all_goes_on(scene: Scene) -> None:
    door, clock = Door(), Restless()
    batch, running = await started_and_stuck(scene, door, clock)
    send = signals.send
    await anyio.to_thread.run_sync(send, scene.storage, ORGANIZATION, batch.id, signals.PAUSE, SystemClock())
    await until(lambda: all("pause" in asked(scene.storage, child) for child in scene.children(batch)[:3]))
    await clock.everybody_looked()
    door.opened.set()
    paused = await running
    assert (paused.status, paused.error) == (Status.SUSPENDED, "paused by a signal")
    assert scene.statuses(batch) == ["suspended"] * 3 + ["pending"] * 5
    found = await scene.overview(batch)
    assert (found.state, found.counts["running"], found.counts["pending"]) == (BatchState.EXTRACTING, 0, DOCUMENTS)

    scene.extractor.before = ill()
    assert (await scene.run(batch)).status is Status.COMPLETED
    stages = [stage for stage, _ in scene.extractor.asked]
    assert len(stages) == 3 * DOCUMENTS, "what was finished before the pause was paid for again"
    told(scene.storage, batch.id)


def asked(storage: Storage, child: Execution) -> list[str]:
    from lithograph.durable.writes import Owner

    with storage.read(ORGANIZATION) as connection:
        waiting = signals.waiting(connection, Owner(ORGANIZATION, child.id, child.epoch))
    return [signal.name for signal in waiting]


async def test_a_cancellation_ends_the_documents_in_work_and_keeps_the_others(scene: Scene) -> None:
    door = Door()
    batch, running = await started_and_stuck(scene, door)
    send = signals.send
    await anyio.to_thread.run_sync(send, scene.storage, ORGANIZATION, batch.id, signals.CANCEL, SystemClock())
    assert (await running).status is Status.CANCELLED
    assert scene.statuses(batch) == ["cancelled"] * 3 + ["pending"] * 5
    assert (await scene.overview(batch)).state is BatchState.CANCELLED

    scene.extractor.before = ill()
    again = await scene.carry()
    assert again.id != batch.id
    assert again.status is Status.COMPLETED
    assert scene.children(again)[3:] == [seen(scene.storage, child.id) for child in scene.children(batch)[3:]]
    told(scene.storage, again.id)


async def test_a_batch_that_nobody_runs_is_cancelled_with_what_it_has_begun(scene: Scene) -> None:
    door = Door()
    batch, running = await started_and_stuck(scene, door)
    running.cancel()
    await asyncio.wait([running])
    found = [seen(scene.storage, child.id) for child in [batch, *scene.children(batch)[:3]]]
    assert {(one.status, one.lease_owner) for one in found} == {(Status.RUNNING, None)}
    workspace = Workspace(scene.storage, ORGANIZATION)
    assert (await anyio.to_thread.run_sync(workspace.cancel, batch.id)).done
    assert scene.statuses(batch) == ["cancelled"] * 3 + ["pending"] * 5


async def test_an_interrupted_batch_goes_on_and_that_is_no_recovery(scene: Scene) -> None:
    door = Door()
    batch, running = await started_and_stuck(scene, door)
    running.cancel()
    await asyncio.wait([running])
    scene.extractor.before = ill()
    done = await scene.run(batch)
    assert (done.status, done.recovery_count) == (Status.COMPLETED, 0)
    assert "execution.recovered" not in kinds(scene.storage, batch.id)
    told(scene.storage, batch.id)


async def test_what_another_batch_needs_is_left_to_it(scene: Scene) -> None:
    door = Door()
    batch, running = await started_and_stuck(scene, door)
    running.cancel()
    await asyncio.wait([running])
    other = await scene.start(scene.plan(OnFailure.CONTINUE, scene.folder / "00.txt"))
    workspace = Workspace(scene.storage, ORGANIZATION)
    await anyio.to_thread.run_sync(workspace.cancel, batch.id)
    assert scene.statuses(batch) == ["running"] + ["cancelled"] * 2 + ["pending"] * 5
    scene.extractor.before = ill()
    assert (await scene.run(other)).status is Status.COMPLETED
