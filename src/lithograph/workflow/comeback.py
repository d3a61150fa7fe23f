"""Comeback: whether a provider is back that executions are suspended for, asked seldom and once for all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
import anyio.to_thread

from lithograph.durable.executions import Execution
from lithograph.errors import TransientError
from lithograph.storage.open import Storage
from lithograph.workflow.extraction_input import input_of
from lithograph.workflow.extractors import ExtractorNamed, ModelChoice, RemoteExtractor
from lithograph.workflow.materials import ontology_of

PROBE_EVERY: Final = 30.0
"""Seconds between two questions whether a provider is back."""


@dataclass(slots=True)
class Comeback:
    """Asks the models of a process."""

    storage: Storage
    named: ExtractorNamed
    now: Callable[[], float] = time.monotonic
    _refused: dict[ModelChoice, float] = field(default_factory=dict)
    _asking: anyio.Lock = field(default_factory=anyio.Lock)

    async def __call__(self, suspended: Execution) -> bool:
        """Return whether the model of an extraction answers again; False for a while after it did not.

        Raises what keeps it from answering that no waiting changes.
        """
        given = input_of(suspended)
        async with self._asking:
            refused = self._refused.get(given.choice)
            if refused is not None and self.now() - refused < PROBE_EVERY:
                return False
            load = partial(ontology_of, self.storage, suspended.organization_id, given.ontology)
            extractor = self.named(given.choice, await anyio.to_thread.run_sync(load))
            if not isinstance(extractor, RemoteExtractor):
                return True
            try:
                await extractor.probe()
            except TransientError:
                self._refused[given.choice] = self.now()
                return False
            self._refused.pop(given.choice, None)
            return True
