"""The journal's writer: whatever has queued up while the last transaction ran goes into the next one.

A caller of `commit` is answered after the transaction that holds its write. `later` is for what nobody waits for:
marks that an activity runs, answers that were paid for; they ride along, and a mark is forgotten when its activity's
result comes first. All of it is written in the order in which it came.

A group is handed over when the loop has nothing more to add to it. A small one is committed where it stands while the
disk is quick: to wake a thread, and to be woken by it, takes as long as the commit.

Where a group follows another, those who wait for the first are answered when the second is written and only the disk is
waited for. Answered before, they would keep the thread from Python's lock, and the disk idle.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from itertools import islice
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Final, Self

from lithograph.durable.group import CommitGroup, Verdict, nothing
from lithograph.durable.writes import Write

_LARGEST_GROUP: Final = 1_000
"""Writes in one transaction, at most: a bound on how long a reader of the same rows can wait."""

_WHOLE_GROUP: Final = 50
"""Of more writes than this, half go into a transaction: meanwhile those of the one before add to the other half."""

_AHEAD: Final = 2
"""Groups that the thread has at once: it need not wait for the loop before it begins with the second."""

_SMALL_GROUP: Final = 8
"""Writes in a group that the loop may commit by itself, at most."""

_QUICK: Final = 0.002
"""Seconds that the loop may stand still for a commit: less than anybody notices. Above, the thread does it."""

_Group = list[tuple[object, Write | None]]
"""Writes by what they are queued under: the future of who waits, or a name. None where only the place counts."""

_Answers = Sequence[tuple["asyncio.Future[None]", Verdict]]


class JournalWriter:
    """Commits groups in a thread of its own, one transaction at a time. A context manager, used on one loop."""

    def __init__(self, commit: CommitGroup, *, on_loop: bool = True) -> None:
        """With `on_loop` small groups may be committed on the loop, where they come from."""
        self._commit, self._on_loop = commit, on_loop
        self._queue: dict[object, Write | None] = {}
        self._waited_for = 0
        """How many in the queue somebody waits for; without any, nothing is committed."""
        self._looking = False
        self._ahead = 0
        self._lasted = _QUICK
        """Seconds that the last small group took; before there was one, too many."""
        self._groups: SimpleQueue[_Group | None] = SimpleQueue()
        self._untold: _Answers | None = None
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what is queued and what rides along, then end the thread."""
        while self._queue:
            self._groups.put(self._take())
        self._groups.put(None)
        self._thread.join()

    async def commit(self, write: Write) -> None:
        """Return when `write` is durable.

        Raises `FencedError` when its epoch is over, `StorageError` when the database could not be written.
        """
        for row in write.activities:
            self._queue.pop((write.owner.execution_id, row.name), None)
        await self._put(write)

    def later(self, key: str, write: Write) -> None:
        """Put `write` into the next transaction; a later one under the same key takes its place until then."""
        name = (write.owner.execution_id, key)
        self._queue.pop(name, None)
        self._queue[name] = write

    async def flush(self) -> None:
        """Return when everything that came before is durable or fenced off, what rides along too.

        Raises `StorageError` when the database could not be written.
        """
        await self._put(None)

    def _put(self, write: Write | None) -> "asyncio.Future[None]":
        answer = self._loop.create_future()
        self._queue[answer] = write
        self._waited_for += 1
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look, len(self._queue))
        return answer

    def _look(self, before: int) -> None:
        """Hand the queue over, unless it has grown since the loop's last turn, when it had `before` writes."""
        size = len(self._queue)
        if before < size < _LARGEST_GROUP:
            self._loop.call_soon(self._look, size)
            return
        self._looking = False
        if self._on_loop and not self._ahead and size <= _SMALL_GROUP and self._lasted < _QUICK:
            _answer(self._committed(self._take()))
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        while self._waited_for and self._ahead < _AHEAD:
            self._ahead += 1
            self._groups.put(self._take())

    def _take(self) -> _Group:
        size = min(max(_WHOLE_GROUP, len(self._queue) // 2), _LARGEST_GROUP)
        group = list(islice(self._queue.items(), size))
        for key, _ in group:
            del self._queue[key]
            self._waited_for -= isinstance(key, asyncio.Future)
        return group

    def _work(self) -> None:
        while group := self._next():
            answers = self._committed(group, self._tell)
            self._tell()
            self._untold = answers

    def _next(self) -> _Group | None:
        try:
            return self._groups.get_nowait()
        except Empty:
            self._tell()
            return self._groups.get()

    def _tell(self) -> None:
        """Let the loop answer those whose group was committed before this one."""
        answers, self._untold = self._untold, None
        if answers is not None:
            self._loop.call_soon_threadsafe(self._answered, answers)

    def _answered(self, answers: _Answers) -> None:
        self._ahead -= 1
        _answer(answers)
        if not self._ahead:
            self._hand_over()
        elif self._waited_for and not self._looking:  # those who were answered may have more to add
            self._looking = True
            self._loop.call_soon(self._look, 0)

    def _committed(self, group: _Group, waiting: Callable[[], None] = nothing) -> _Answers:
        """Commit a group and return what to answer to whom."""
        told = [write for _, write in group if write is not None]
        verdicts: Sequence[Verdict] = ()
        failure: Exception | None = None
        began = time.perf_counter()
        try:
            if told:
                verdicts = self._commit(told, waiting)
        except Exception as error:  # whatever it is, it belongs to those who wait, not to whoever commits
            failure = error
        if told and len(told) <= _SMALL_GROUP:
            self._lasted = time.perf_counter() - began
        ordered = iter(verdicts)
        answers = []
        for key, write in group:
            verdict = failure if write is None or failure else next(ordered)
            if isinstance(key, asyncio.Future):
                answers.append((key, verdict))
        return answers


def _answer(answers: _Answers) -> None:
    for answer, verdict in answers:
        if answer.done():
            continue
        if verdict is None:
            answer.set_result(None)
        else:
            answer.set_exception(verdict)
