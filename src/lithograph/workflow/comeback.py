"""Comeback: whether a provider is back that executions are suspended for: asked seldom, and once for all of them, or
waited for by a process that has nothing else to do.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
import anyio.to_thread

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.durable import executions, signals
from lithograph.durable.executions import Execution
from lithograph.durable.run import Worker
from lithograph.durable.signals import Signal
from lithograph.durable.status import Status
from lithograph.durable.writes import Owner
from lithograph.errors import TransientError
from lithograph.extraction.extractor import Extractor
from lithograph.storage.open import Storage
from lithograph.workflow.extraction_input import input_of
from lithograph.workflow.extractors import ExtractorNamed, ModelChoice, RemoteExtractor, asked_again_after
from lithograph.workflow.materials import ontology_of

_LOOK_EVERY: Final = 0.4
"""Seconds between two looks whether somebody wants something else with an execution meanwhile."""


@dataclass(slots=True)
class Comeback:
    """Asks the models of a process."""

    storage: Storage
    named: ExtractorNamed
    now: Callable[[], float] = time.monotonic
    _not_before: dict[ModelChoice, float] = field(default_factory=dict)
    _asking: defaultdict[ModelChoice, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock))

    async def __call__(self, suspended: Execution) -> bool:
        """Return whether the model of an extraction answers again; False for a while after it did not.

        Raises what keeps it from answering that no waiting changes.
        """
        choice = input_of(suspended).choice
        async with self._asking[choice]:
            if self.now() < self._not_before.get(choice, -math.inf):
                return False
            extractor = await _extractor_of(self.storage, suspended, self.named)
            if not isinstance(extractor, RemoteExtractor):
                return True
            try:
                await extractor.probe()
            except TransientError:
                self._not_before[choice] = self.now() + asked_again_after(extractor)
                return False
            self._not_before.pop(choice, None)
            return True


async def until_back(worker: Worker, execution: Execution, named: ExtractorNamed) -> bool:
    """Wait until the provider of an execution answers again, and return True; False when somebody has paused or ended
    the execution meanwhile. Raises what keeps the provider from answering that no waiting changes.
    """
    extractor = await _extractor_of(worker.storage, execution, named)
    back = False
    async with anyio.create_task_group() as tasks:

        async def watch() -> None:
            while not await anyio.to_thread.run_sync(_let_be, worker.storage, execution):
                await worker.clock.sleep(_LOOK_EVERY)
            tasks.cancel_scope.cancel()

        tasks.start_soon(watch)
        while isinstance(extractor, RemoteExtractor) and not back:
            try:
                await extractor.probe()
                back = True
            except TransientError:
                await worker.clock.sleep(asked_again_after(extractor))
        tasks.cancel_scope.cancel()
    return back


async def _extractor_of(storage: Storage, execution: Execution, named: ExtractorNamed) -> Extractor:
    given = input_of(execution)
    load = partial(ontology_of, storage, execution.organization_id, given.ontology)
    return named(given.choice, await anyio.to_thread.run_sync(load))


def _let_be(storage: Storage, suspended: Execution) -> bool:
    """Whether an execution is not to go on by itself any more."""
    now, asked = standing(storage, suspended.organization_id, suspended.id)
    return now.status is not Status.SUSPENDED or any(signal.name == signals.PAUSE for signal in asked)


def standing(
    storage: Storage, organization_id: OrganizationId, execution_id: ExecutionId
) -> tuple[Execution, Sequence[Signal]]:
    """Return an execution, and the signals that nobody has acted on."""
    with storage.read(organization_id) as connection:
        found = executions.get(connection, organization_id, execution_id)
        return found, signals.waiting(connection, Owner(organization_id, execution_id, found.epoch))
