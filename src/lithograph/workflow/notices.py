"""Notices: what happens on the way to a provider's answers, as events of the execution that waits for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

import msgspec
from sqlalchemy import select

from lithograph.durable.activities import current_activity
from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.resilience.breaker import State
from lithograph.resilience.provider import Notice, NoticeKind, Provider
from lithograph.storage.open import Storage
from lithograph.storage.schema import workflow_event

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

    def are_back(self, providers: Sequence[Provider], away: Sequence[str]) -> None:
        """Tell of the circuits that have closed while the execution was suspended; those of `away` were open then."""
        for provider in providers:
            if provider.name in away and provider.circuit.state is State.CLOSED:
                self(Notice(NoticeKind.CIRCUIT_CLOSED, {"model": provider.name}))


def left_open(storage: Storage, owner: Owner) -> Sequence[str]:
    """Return the models of which an execution's events say that their circuit has opened, and not that it closed."""
    c = workflow_event.c
    kinds = (NoticeKind.CIRCUIT_OPENED, NoticeKind.CIRCUIT_CLOSED)
    query = select(c.type, c.payload["model"].as_string()).where(
        c.execution_id == owner.execution_id, c.type.in_(kinds)
    )
    rows = storage.ask(owner.organization_id, lambda connection: connection.execute(query.order_by(c.seq)).all())
    last = {model: kind for kind, model in rows}
    return [model for model, kind in last.items() if kind == NoticeKind.CIRCUIT_OPENED]
