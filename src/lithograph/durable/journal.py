"""The journal's writer: whatever has queued up while the last transaction ran goes into the next one.

A caller of `commit` is answered after the transaction that holds its write. `later` is for what nobody waits for:
marks that an activity runs, answers that were paid for; they ride along, and a mark is forgotten when its activity's
result comes first. All of it is written in the order in which it came.
"""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

from lithograph.durable.commit import CommitGroup
from lithograph.durable.writes import Write

_LARGEST_GROUP = 5_000
"""Writes in one transaction, at most: a bound on how long a reader of the same rows can wait."""


@dataclass(slots=True)
class _Waiting:
    """A write, or none where only its place in the order counts, and who waits for it, if anybody does."""

    write: Write | None
    answer: "asyncio.Future[None] | None"


class JournalWriter:
    """Commits groups in a thread of its own, one transaction at a time. A context manager, used on one loop."""

    def __init__(self, commit: CommitGroup) -> None:
        self._commit = commit
        self._queue: dict[object, _Waiting] = {}
        self._changed = threading.Condition()
        self._wanted = self._ended = False
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what is queued and what rides along, then end the thread."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    async def commit(self, write: Write) -> None:
        """Return when `write` is durable.

        Raises `FencedError` when its epoch is over, `StorageError` when the database could not be written.
        """
        await self._put(write)

    def later(self, key: str, write: Write) -> None:
        """Put `write` into the next transaction; a later one under the same key takes its place until then."""
        name = (write.owner.execution_id, key)
        with self._changed:
            self._queue.pop(name, None)
            self._queue[name] = _Waiting(write, None)

    async def flush(self) -> None:
        """Return when everything that came before is durable or fenced off, what rides along too.

        Raises `StorageError` when the database could not be written.
        """
        await self._put(None)

    def _put(self, write: Write | None) -> "asyncio.Future[None]":
        answer = self._loop.create_future()
        with self._changed:
            if write is not None:
                for row in write.activities:
                    self._queue.pop((write.owner.execution_id, row.name), None)
            self._queue[answer] = _Waiting(write, answer)
            self._wanted = True
            self._changed.notify()
        return answer

    def _work(self) -> None:
        while group := self._next():
            self._settle(group)

    def _next(self) -> list[_Waiting]:
        """Wait until somebody waits, and return the next group; an empty one at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._ended)
            keys = list(islice(self._queue, _LARGEST_GROUP))
            group = [self._queue.pop(key) for key in keys]
            self._wanted = bool(self._queue)
            return group

    def _settle(self, group: list[_Waiting]) -> None:
        told = [waiting for waiting in group if waiting.write is not None]
        verdicts: Sequence[Exception | None]
        failure: Exception | None = None
        try:
            verdicts = self._commit([waiting.write for waiting in group if waiting.write is not None]) if told else []
        except Exception as error:  # whatever it is, it belongs to those who wait, not to this thread
            failure, verdicts = error, [error] * len(told)
        answers = [(w.answer, verdict) for w, verdict in zip(told, verdicts, strict=True) if w.answer is not None]
        answers += [(w.answer, failure) for w in group if w.write is None and w.answer is not None]
        if answers:
            self._loop.call_soon_threadsafe(_answer, answers)


def _answer(answers: "Sequence[tuple[asyncio.Future[None], Exception | None]]") -> None:
    for answer, verdict in answers:
        if answer.done():
            continue
        if verdict is None:
            answer.set_result(None)
        else:
            answer.set_exception(verdict)
