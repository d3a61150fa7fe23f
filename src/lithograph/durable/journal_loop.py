"""The journal's writer for a server: the loop sends a group, goes on while the server works, and reads its answer.

What has queued up meanwhile is sent before those are answered who wait for the group: so the server works while they
do. A thread is needed only to connect, which may take its time.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol

from lithograph.durable.group import Verdict
from lithograph.durable.journal import JournalWriter, Queued, answer, answers, told
from lithograph.durable.writes import Write
from lithograph.storage.steps import OnLoop, Steps


class SteppedCommit(Protocol):
    """Commits groups of writes in steps, one at a time; otherwise as `CommitGroup` does."""

    def steps(self, writes: Sequence[Write]) -> Steps[Sequence[Verdict]]:
        """Commit a group and return a verdict on each write; raises `StorageError` when nothing was committed."""
        ...


class LoopJournal(JournalWriter):
    """Commits groups on the loop, one transaction at a time."""

    def __init__(self, commit: SteppedCommit, committed: Callable[[Sequence[Write]], None]) -> None:
        """`committed` is told of every group that the database has answered for."""
        super().__init__()
        self._commit, self._committed = commit, committed
        self._elsewhere = ThreadPoolExecutor(1, "journal")
        self._under_way: OnLoop[Sequence[Verdict]] | None = None
        self._closing = False

    def _settled(self) -> None:
        if self._under_way is None and self._waited_for:
            self._begin()

    def _begin(self) -> None:
        group = self._take()
        self._under_way = OnLoop(self._commit.steps(told(group)), self._elsewhere, partial(self._ended, group))
        self._under_way.go_on()

    def _ended(self, group: Queued, verdicts: Sequence[Verdict] | Exception) -> None:
        self._under_way = None
        if not isinstance(verdicts, Exception):
            self._committed(told(group))
        if not self._closing:
            self._settled()
        answer(answers(group, verdicts))

    def _close(self) -> None:
        self._closing = True
        while self._under_way is not None or self._queue:
            if self._under_way is None:
                self._begin()
            else:
                self._under_way.finish()
        self._elsewhere.shutdown()
