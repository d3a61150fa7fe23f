"""The journal's writer: whatever has queued up while the last transaction ran goes into the next one.

A caller of `commit` is answered after the transaction that holds its write. `later` is for what nobody waits for:
marks that an activity runs, answers that were paid for; they ride along, and a mark is forgotten when its activity's
result comes first. All of it is written in the order in which it came.

A group is handed over when the loop has nothing more to add to it. A small one is committed where it stands while the
disk is quick: to wake a thread, and to be woken by it, takes as long as the commit.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Self

from lithograph.durable.group import CommitGroup
from lithograph.durable.writes import Write

_LARGEST_GROUP = 1_000
"""Writes in one transaction, at most: a bound on how long a reader of the same rows can wait."""

_WHOLE_GROUP = 50
"""Of more writes than this, half go into a transaction: meanwhile those of the one before add to the other half."""

_SMALL_GROUP = 8
"""Writes in a group that the loop may commit by itself, at most."""

_QUICK = 0.002
"""Seconds that the loop may stand still for a commit: less than anybody notices. Above, the thread does it."""


@dataclass(slots=True)
class _Waiting:
    """A write, or none where only its place in the order counts, and who waits for it, if anybody does."""

    write: Write | None
    answer: "asyncio.Future[None] | None"


class JournalWriter:
    """Commits groups in a thread of its own, one transaction at a time. A context manager, used on one loop."""

    def __init__(self, commit: CommitGroup, *, on_loop: bool = True) -> None:
        """With `on_loop` small groups may be committed on the loop, where they come from."""
        self._commit, self._on_loop = commit, on_loop
        self._queue: dict[object, _Waiting] = {}
        self._changed = threading.Condition()
        self._wanted = self._ended = self._busy = self._looking = False
        self._lasted = _QUICK
        """Seconds that the last small group took; before there was one, too many."""
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
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look, 0)
        return answer

    def _look(self, before: int) -> None:
        """Hand the queue over, unless it has grown since the loop's last turn, when it had `before` writes."""
        with self._changed:
            size = len(self._queue)
            if before < size < _LARGEST_GROUP:
                self._loop.call_soon(self._look, size)
                return
            self._looking = False
            idle = self._on_loop and not (self._busy or self._wanted)
            if not (idle and size <= _SMALL_GROUP and self._lasted < _QUICK):
                self._wanted = True
                self._changed.notify()
                return
            group = self._take()
        _answer(self._committed(group))

    def _work(self) -> None:
        while group := self._next():
            answers = self._committed(group)
            with self._changed:
                self._busy = False
            if answers:
                self._loop.call_soon_threadsafe(_answer, answers)

    def _next(self) -> list[_Waiting]:
        """Wait until somebody waits, and return the next group; an empty one at the end."""
        with self._changed:
            self._changed.wait_for(lambda: (self._wanted and self._queue) or self._ended)
            group = self._take()
            self._busy, self._wanted = True, bool(self._queue)
            return group

    def _take(self) -> list[_Waiting]:
        size = min(max(_WHOLE_GROUP, len(self._queue) // 2), _LARGEST_GROUP)
        return [self._queue.pop(key) for key in list(islice(self._queue, size))]

    def _committed(self, group: list[_Waiting]) -> "_Answers":
        """Commit a group and return what to answer to whom."""
        told = [waiting.write for waiting in group if waiting.write is not None]
        verdicts: Sequence[Exception | None] = ()
        failure: Exception | None = None
        began = time.perf_counter()
        try:
            if told:
                verdicts = self._commit(told)
        except Exception as error:  # whatever it is, it belongs to those who wait, not to whoever commits
            failure = error
        if told and len(told) <= _SMALL_GROUP:
            self._lasted = time.perf_counter() - began
        ordered = iter(verdicts)
        answers = []
        for waiting in group:
            verdict = failure if waiting.write is None or failure else next(ordered)
            if waiting.answer is not None:
                answers.append((waiting.answer, verdict))
        return answers


_Answers = Sequence[tuple["asyncio.Future[None]", Exception | None]]


def _answer(answers: _Answers) -> None:
    for answer, verdict in answers:
        if answer.done():
            continue
        if verdict is None:
            answer.set_result(None)
        else:
            answer.set_exception(verdict)
