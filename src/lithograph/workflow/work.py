"""Work: whatever a process has the right to run, on a server beside others or alone on a file, until it is stopped."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lithograph.durable.listen import listening
from lithograph.durable.run import Worker
from lithograph.workflow.extractors import ExtractorNamed
from lithograph.workflow.kinds import kinds_of

_LOOK_EVERY: Final = 0.4
"""Seconds between two looks for signals while nothing can be heard of them."""


async def work(worker: Worker, named: ExtractorNamed, at_once: int, started: Callable[[], None] = lambda: None) -> None:
    """Run what there is to run, `at_once` extractions at the same time, until this is cancelled; then give it back.

    See `dispatch` and `reside`.
    """
    async with listening(worker.storage, _LOOK_EVERY) as listener:
        if worker.storage.dialect == "sqlite":
            from lithograph.workflow.resident import reside

            # Its runs look for signals by themselves: in a file whatever is written would wake them.
            await reside(worker, kinds_of(worker, named, at_once, listener), listener, started=started)
        else:
            from lithograph.workflow.dispatch import dispatch

            heard = replace(worker, listener=listener)
            await dispatch(heard, kinds_of(heard, named, at_once, listener), started=started)
