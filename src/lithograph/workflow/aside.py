"""Work aside: a worker on a thread and an event loop of its own, so that it keeps nobody else waiting."""

import asyncio
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

import anyio

from lithograph.durable.run import Worker
from lithograph.errors import LithographError, innermost
from lithograph.workflow.models import Models
from lithograph.workflow.work import work


class WorkAside:
    """Runs what there is to run from when this is entered until it is left. `ended`, which may be set before, is called
    when it ends, from its own thread; `error` then says why, if that was not asked for.
    """

    def __init__(self, worker: Worker, models: Callable[[], Models], at_once: int) -> None:
        self.error: BaseException | None = None
        self.ended: Callable[[], object] = lambda: None
        self._worker, self._models, self._at_once = worker, models, at_once
        self._thread = Thread(target=self._run, name="worker")
        self._up = Event()
        self._cancel: Callable[[], object] = lambda: None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Have it give back what it runs; it ends within moments."""
        self._up.wait()
        self._cancel()

    def _run(self) -> None:
        try:
            anyio.run(self._work)
        except LithographError as error:
            self.error = error
        except BaseExceptionGroup as group:
            self.error = innermost(group)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self._up.set()
            self._cancel = lambda: None
            self.ended()

    async def _work(self) -> None:
        models, loop = self._models(), asyncio.get_running_loop()
        models.share(self._worker.storage)
        try:
            with anyio.CancelScope() as scope:
                self._cancel = lambda: loop.call_soon_threadsafe(scope.cancel)
                self._up.set()
                await work(self._worker, models, self._at_once)
        finally:
            with anyio.CancelScope(shield=True):
                await models.aclose()
