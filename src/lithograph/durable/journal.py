"""The journal's writer: whatever has queued up while the last transaction ran goes into the next one.

A caller of `commit` is answered after the transaction that holds its write. `later` is for what nobody waits for:
marks that an activity runs, heartbeats; they ride along, and a mark is forgotten when its activity's result comes
first.
"""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from lithograph.durable.commit import CommitGroup
from lithograph.durable.writes import Write

_LARGEST_GROUP = 5_000
"""Writes in one transaction, at most: a bound on how long a reader of the same rows can wait."""


@dataclass(slots=True)
class _Waiting:
    """A write and who waits for it."""

    write: Write
    answer: "asyncio.Future[None]"


class JournalWriter:
    """Commits groups in a thread of its own, one transaction at a time. A context manager, for one loop."""

    def __init__(self, commit: CommitGroup) -> None:
        self._commit = commit
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._marks: dict[tuple[str, str], Write] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what is queued, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    async def commit(self, write: Write) -> None:
        """Return when `write` is durable.

        Raises `FencedError` when its epoch is over, `StorageError` when the database could not be written.
        """
        answer = self._loop.create_future()
        with self._lock:
            for row in write.activities:
                self._marks.pop((write.owner.execution_id, row.name), None)
        self._queue.put(_Waiting(write, answer))
        await answer

    def later(self, key: str, write: Write) -> None:
        """Put `write` into the next transaction; a later one under the same key takes its place until then."""
        with self._lock:
            self._marks[write.owner.execution_id, key] = write

    async def flush(self) -> None:
        """Return when what rides along is durable too."""
        with self._lock:
            marks, self._marks = list(self._marks.values()), {}
        answers = [self._loop.create_future() for _ in marks]
        for write, answer in zip(marks, answers, strict=True):
            self._queue.put(_Waiting(write, answer))
        for answer in answers:
            await answer

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group, ended = [first], False
            try:
                while len(group) < _LARGEST_GROUP:
                    waiting = self._queue.get_nowait()
                    if waiting is None:
                        ended = True
                        break
                    group.append(waiting)
            except Empty:
                pass
            self._settle(group)
            if ended:
                return

    def _settle(self, group: list[_Waiting]) -> None:
        with self._lock:
            marks, self._marks = list(self._marks.values()), {}
        writes = [*marks, *(waiting.write for waiting in group)]
        verdicts: Sequence[Exception | None]
        try:
            verdicts = self._commit(writes)[len(marks) :]
        except Exception as error:  # whatever it is, it belongs to those who wait, not to this thread
            verdicts = [error] * len(group)
        answers = [waiting.answer for waiting in group]
        self._loop.call_soon_threadsafe(_answer, answers, verdicts)


def _answer(answers: "Sequence[asyncio.Future[None]]", verdicts: Sequence[Exception | None]) -> None:
    for answer, verdict in zip(answers, verdicts, strict=True):
        if answer.done():
            continue
        if verdict is None:
            answer.set_result(None)
        else:
            answer.set_exception(verdict)
