"""The journal's writer for a file: a thread of its own commits, and small groups are committed where they come from.

To wake a thread, and to be woken by it, takes as long as a commit on a quick disk: while it is quick, the loop commits
by itself what comes alone. Where more comes at once, it has other things to do meanwhile.

Where a group follows another, those who wait for the first are answered when the second is written and only the disk is
waited for. Answered before, they would keep the thread from Python's lock, and the disk idle.
"""

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Final

from lithograph.durable.group import CommitGroup, Verdict, nothing
from lithograph.durable.journal import Answers, JournalWriter, Queued, answer, answers, told

_AHEAD: Final = 2
"""Groups that the thread has at once: it need not wait for the loop before it begins with the second."""

_SMALL_GROUP: Final = 2
"""Writes in a group that the loop may commit by itself, at most."""

_QUICK: Final = 0.002
"""Seconds that the loop may stand still for a commit: less than anybody notices. Above, the thread does it."""


class ThreadJournal(JournalWriter):
    """Commits groups in a thread of its own, one transaction at a time."""

    def __init__(self, commit: CommitGroup, busy: Callable[[], bool] = lambda: False) -> None:
        """`busy` says whether a commit would have to wait for somebody else: then none is made on the loop."""
        super().__init__()
        self._commit, self._busy = commit, busy
        self._ahead = 0
        self._lasted = _QUICK
        """Seconds that the last small group took; before there was one, too many."""
        self._groups: SimpleQueue[Queued | None] = SimpleQueue()
        self._untold: Answers | None = None
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def _settled(self) -> None:
        small = not self._ahead and len(self._queue) <= _SMALL_GROUP
        if small and self._lasted < _QUICK and not self._busy():
            answer(self._committed(self._take()))
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        while self._waited_for and self._ahead < _AHEAD:
            self._ahead += 1
            self._groups.put(self._take())

    def _close(self) -> None:
        while self._queue:
            self._groups.put(self._take())
        self._groups.put(None)
        self._thread.join()

    def _work(self) -> None:
        while group := self._next():
            found = self._committed(group, self._tell)
            self._tell()
            self._untold = found
        self._tell()

    def _next(self) -> Queued | None:
        try:
            return self._groups.get_nowait()
        except Empty:
            self._tell()
            return self._groups.get()

    def _tell(self) -> None:
        """Let the loop answer those whose group was committed before this one."""
        found, self._untold = self._untold, None
        if found is not None:
            self._loop.call_soon_threadsafe(self._answered, found)

    def _answered(self, found: Answers) -> None:
        self._ahead -= 1
        answer(found)
        if not self._ahead:
            self._hand_over()
        elif self._waited_for:  # those who were answered may have more to add
            self._look_soon(0)

    def _committed(self, group: Queued, waiting: Callable[[], None] = nothing) -> Answers:
        """Commit a group and return what to answer to whom."""
        writes = told(group)
        verdicts: Sequence[Verdict] | Exception = ()
        began = time.perf_counter()
        try:
            if writes:
                verdicts = self._commit(writes, waiting)
        except Exception as error:  # whatever it is, it belongs to those who wait, not to whoever commits
            verdicts = error
        if 0 < len(writes) <= _SMALL_GROUP:
            self._lasted = time.perf_counter() - began
        return answers(group, verdicts)
