"""The journal's writer for a server: the loop sends a group, goes on while the server works, and reads its answer.

A second group, if it is large, is sent while the first is not yet answered: so the server works while this process
reads and those go on who waited. A thread is needed only to connect, which may take its time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Final, Protocol

from lithograph.durable.group import Verdict
from lithograph.durable.journal import JournalWriter, Queued, answer, answers, told
from lithograph.durable.writes import Write
from lithograph.storage.steps import OnLoop, Steps


class SteppedCommit(Protocol):
    """Commits groups of writes in steps, one at a time; otherwise as `CommitGroup` does."""

    def steps(self, writes: Sequence[Write]) -> Steps[Sequence[Verdict]]:
        """Commit a group and return a verdict on each write; raises `StorageError` when nothing was committed."""
        ...


_WORTH_IT: Final = 20
"""Writes in a group that is sent before the one ahead of it is answered, at least: a small one would only grow."""

_UNDER_WAY: Final = 2
"""Groups that are under way at once."""


class LoopJournal(JournalWriter):
    """Commits groups on the loop, one after the other."""

    def __init__(self, commit: SteppedCommit, committed: Callable[[Sequence[Write]], None]) -> None:
        """`committed` is told of every group that the database has answered for."""
        super().__init__()
        self._commit, self._committed = commit, committed
        self._elsewhere = ThreadPoolExecutor(1, "journal")
        self._under_way: dict[int, OnLoop[Sequence[Verdict]]] = {}
        self._numbers = count()
        self._closing = False

    def _settled(self) -> None:
        large = len(self._queue) >= _WORTH_IT and len(self._under_way) < _UNDER_WAY
        if self._waited_for and not self._closing and (large or not self._under_way):
            self._begin()

    def _begin(self) -> None:
        group, number = self._take(), next(self._numbers)
        steps, ended = self._commit.steps(told(group)), partial(self._ended, number, group)
        begun = OnLoop(steps, self._elsewhere, ended, first=not self._under_way)
        self._under_way[number] = begun
        first = next(iter(self._under_way.values()))
        begun.go_on()
        if first is not begun:  # they share a connection, and to send is to notice that it is lost
            self._loop.call_soon(first.look_again)

    def _ended(self, number: int, group: Queued, verdicts: Sequence[Verdict] | Exception) -> None:
        del self._under_way[number]
        if not isinstance(verdicts, Exception):
            self._committed(told(group))
        answer(answers(group, verdicts))
        if not self._closing:
            for one in list(self._under_way.values())[:1]:
                one.take_turn()
        self._settled()

    def _close(self) -> None:
        self._closing = True
        while self._under_way or self._queue:
            if not self._under_way:
                self._begin()
            for one in list(self._under_way.values())[:1]:
                one.finish()
        self._elsewhere.shutdown()
