"""An extractor whose every question is paid for: it waits as a model would, and a ledger says what was bought when."""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import anyio

from lithograph.domain.fragment import Stage
from lithograph.domain.ids import digest
from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    Extractor,
    Identity,
    MentionAnswer,
    MentionQuestion,
    RelationAnswer,
    RelationQuestion,
)

Answer = TypeVar("Answer")

BEGIN, END, PASS = "begin", "end", "pass"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a ledger: `key` is an activity's name or, of a `pass`, a crash point's; `at` is the monotonic clock."""

    what: str
    key: str
    pid: int
    at: float


class Ledger:
    """A file that is appended to, a line at a time, by any number of processes. A line outlives its writer's death."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, what: str, key: str) -> None:
        """Append a line."""
        os.write(self._descriptor, f"{what} {key} {os.getpid()} {time.monotonic():.6f}\n".encode())


def read_ledger(path: Path) -> list[Entry]:
    """Return the lines of a ledger, none when there is no file."""
    if not path.exists():
        return []
    lines = path.read_text().rpartition("\n")[0].splitlines()  # the last one may be in the middle of being written
    return [Entry(what, key, int(pid), float(at)) for what, key, pid, at in (line.split() for line in lines)]


def nothing(key: str) -> None:
    """Do nothing before a question is bought."""


class Metered:
    """Asks `extractor`, `latency` seconds after each question; `before` is called with what is about to be bought.

    A question is called like the activity that asks it, since each asks one.
    """

    def __init__(
        self, extractor: Extractor, ledger: Ledger, latency: float, before: Callable[[str], None] = nothing
    ) -> None:
        self._extractor, self._ledger, self._latency, self._before = extractor, ledger, latency, before

    @property
    def identity(self) -> Identity:
        """Return the extractor's identity, as one whose answers cost something."""
        return replace(self._extractor.identity, metered=True)

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        """Return the mentions of a chunk."""
        return await self._buy(f"{Stage.MENTIONS}/{question.chunk.id}", lambda: self._extractor.mentions(question))

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        """Return the classes of some mentions of a chunk."""
        batch = digest("batch", *(mention.id for mention in question.mentions))
        key = f"{Stage.ENTITIES}/{question.chunk.id}/{batch}"
        return await self._buy(key, lambda: self._extractor.entities(question))

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        """Return the relations of a chunk."""
        return await self._buy(f"{Stage.RELATIONS}/{question.chunk.id}", lambda: self._extractor.relations(question))

    async def _buy(self, key: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        self._before(key)
        self._ledger.write(BEGIN, key)
        await anyio.sleep(self._latency)
        answer = await ask()
        self._ledger.write(END, key)
        return answer
