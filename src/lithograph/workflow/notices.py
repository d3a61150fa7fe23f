"""Notices: what happens on the way to a provider's answers, as events of the execution that waits for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

import msgspec

from lithograph.durable.activities import current_activity
from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.resilience.provider import Notice, NoticeKind, Provider

_OF_AN_ACTIVITY = (NoticeKind.RETRYING, NoticeKind.SLOW)


class Notices:
    """Writes notices to a journal; nobody waits for them."""

    def __init__(self, writer: JournalWriter, owner: Owner, progress: Callable[[], Mapping[str, object]]) -> None:
        self._writer, self._owner, self._progress = writer, owner, progress
        self._numbers = count()

    def __call__(self, notice: Notice) -> None:
        """Write a notice with the next transaction."""
        about = {"activity": current_activity.get()} if notice.kind in _OF_AN_ACTIVITY else {}
        payload = msgspec.json.encode({**about, **notice.payload, **self._progress()}).decode()
        write = Write(self._owner, events=(EventRow(notice.kind, payload),))
        self._writer.later(f"notice/{next(self._numbers)}", write)

    @contextmanager
    def heard_from(self, providers: Sequence[Provider]) -> Iterator[None]:
        """Hear of circuits that open and close meanwhile."""
        for provider in providers:
            provider.listen(self)
        try:
            yield
        finally:
            for provider in providers:
                provider.forget(self)
