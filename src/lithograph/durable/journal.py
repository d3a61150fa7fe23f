"""The journal's writer: whatever has queued up while the last transaction ran goes into the next one.

A caller of `commit` is answered after the transaction that holds its write. `later` is for what nobody waits for:
marks that an activity runs, answers that were paid for; they ride along, and a mark is forgotten when its activity's
result comes first; when nothing else comes, they are committed by themselves after a moment. All of it is written in
the order in which it came.

A group is begun when the loop has nothing more to add to it. Who commits it is a matter of the database: see
`journal_thread` for a file, `journal_loop` for a server.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import islice
from types import TracebackType
from typing import Final, Self

from lithograph.durable.group import Verdict
from lithograph.durable.writes import Write

_LARGEST_GROUP: Final = 1_000
"""Writes in one transaction, at most: a bound on how long a reader of the same rows can wait."""

_WHOLE_GROUP: Final = 50
"""Of more writes than this, half go into a transaction: meanwhile those of the one before add to the other half."""

_ALONE: Final = 0.05
"""Seconds after which what nobody waits for is committed by itself: then it is not in the way when answers come."""

Queued = list[tuple[object, Write | None]]
"""Writes by what they are queued under: the future of who waits, or a name. None where only the place counts."""

Answers = Sequence[tuple["asyncio.Future[None]", Verdict]]
"""Who waits, and what they are told."""


class JournalWriter(ABC):
    """Gathers writes into groups and answers who waits for them. A context manager, used on one loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: dict[object, Write | None] = {}
        self._waited_for = 0
        """How many in the queue somebody waits for; without any, nothing is committed."""
        self._looking = False
        self._reminder: asyncio.TimerHandle | None = None
        self._lost: BaseException | None = None
        """Why something that nobody waited for was not written, when nobody has heard of it yet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what is queued and what rides along."""
        if self._reminder is not None:
            self._reminder.cancel()
        self._close()

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
        if self._reminder is None:
            self._reminder = self._loop.call_later(_ALONE, self._remind)

    async def flush(self) -> None:
        """Return when everything that came before is durable or fenced off, what rides along too.

        Raises `StorageError` when the database could not be written.
        """
        await self._put(None)

    def _remind(self) -> None:
        """See to it that what nobody waits for is written."""
        self._reminder = None
        if self._queue and not self._waited_for:
            self._queued(None).add_done_callback(self._written)

    def _written(self, nobody: "asyncio.Future[None]") -> None:
        if not nobody.cancelled():
            self._lost = nobody.exception() or self._lost

    def _put(self, write: Write | None) -> "asyncio.Future[None]":
        if self._lost is not None:
            lost, self._lost = self._lost, None
            raise lost
        return self._queued(write)

    def _queued(self, write: Write | None) -> "asyncio.Future[None]":
        answer = self._loop.create_future()
        self._queue[answer] = write
        self._waited_for += 1
        self._look_soon(len(self._queue))
        return answer

    def _look_soon(self, before: int) -> None:
        if not self._looking:
            self._looking = True
            self._loop.call_soon(self._look, before)

    def _look(self, before: int) -> None:
        """Begin with the queue, unless it has grown since the loop's last turn, when it had `before` writes."""
        self._looking = False
        size = len(self._queue)
        if before < size < _LARGEST_GROUP:
            self._look_soon(size)
        else:
            self._settled()

    @abstractmethod
    def _settled(self) -> None:
        """Begin with what is queued, if it can be begun with; the loop has nothing to add to it for now."""

    @abstractmethod
    def _close(self) -> None:
        """Commit all that is queued, and end."""

    def _take(self) -> Queued:
        """Return the next group."""
        size = min(max(_WHOLE_GROUP, len(self._queue) // 2), _LARGEST_GROUP)
        group = list(islice(self._queue.items(), size))
        for key, _ in group:
            del self._queue[key]
            self._waited_for -= isinstance(key, asyncio.Future)
        return group


def told(group: Queued) -> list[Write]:
    """Return what is to be written of a group."""
    return [write for _, write in group if write is not None]


def answers(group: Queued, verdicts: Sequence[Verdict] | Exception) -> Answers:
    """Return what to answer to whom, where `verdicts` are on what was told; a failure is that of all who wait."""
    failure = verdicts if isinstance(verdicts, Exception) else None
    ordered = iter(()) if isinstance(verdicts, Exception) else iter(verdicts)
    found = []
    for key, write in group:
        verdict = failure if failure or write is None else next(ordered)
        if isinstance(key, asyncio.Future):
            found.append((key, verdict))
    return found


def answer(all_of_them: Answers) -> None:
    """Answer those who still wait."""
    for waiting, verdict in all_of_them:
        if waiting.done():
            continue
        if verdict is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(verdict)
