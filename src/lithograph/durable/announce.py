"""Announcements: on PostgreSQL, processes tell each other to which executions something has happened (NOTIFY).

Nothing depends on one: whoever listens also looks by himself now and then. A change of status and a signal are
announced by their own transaction. The journal's commits are not, since a transaction that announces holds a lock of
the whole server until it is on the disk: their announcements follow, many in one.
"""

import threading
from collections.abc import Sequence
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from lithograph.domain.ids import ExecutionId
from lithograph.durable.writes import Write
from lithograph.storage.open import Storage

if TYPE_CHECKING:
    from sqlalchemy import PoolProxiedConnection

CHANNEL: Final = "lithograph"

_GATHER: Final = 0.05
"""Seconds in which announcements are gathered into one."""

_ANNOUNCE = text(f"SELECT pg_notify('{CHANNEL}', :said)")
_ANNOUNCE_ALL: Final = "SELECT pg_notify(%s, said) FROM unnest(%s::text[]) AS said"


class Topic(StrEnum):
    """What there is news of."""

    EVENTS = "events"
    SIGNALS = "signals"


def about(execution_id: ExecutionId, topic: Topic) -> str:
    """Return what is announced."""
    return f"{topic}/{execution_id}"


def announce(connection: Connection, execution_id: ExecutionId, topic: Topic = Topic.EVENTS) -> None:
    """Announce an execution when the transaction of `connection` is committed; nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(_ANNOUNCE, {"said": about(execution_id, topic)})


class Announcing:
    """Announces what was committed, a little later. A context manager with a thread of its own."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._changed = threading.Condition()
        self._waiting: set[str] = set()
        self._ended = False
        self._pooled: PoolProxiedConnection | None = None
        self._thread = threading.Thread(target=self._work, name="announcements", daemon=True)

    def committed(self, writes: Sequence[Write]) -> None:
        """Have the events of `writes` announced soon."""
        told = {about(write.owner.execution_id, Topic.EVENTS) for write in writes if write.events}
        if told:
            with self._changed:
                self._waiting |= told
                self._changed.notify()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        from psycopg import Error

        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._ended:
                    self._changed.wait_for(lambda: self._ended, _GATHER)
                told, self._waiting = self._waiting, set()
                ended = self._ended
            try:
                if told:
                    self._tell(sorted(told))
            except (Error, SQLAlchemyError):
                self._drop()  # those who listen look by themselves
            if ended:
                self._drop()
                return

    def _tell(self, told: Sequence[str]) -> None:
        if self._pooled is None:
            self._pooled = self._storage.engine.raw_connection()
            driver: Any = self._pooled.driver_connection
            driver.autocommit = True
            driver.execute("SET synchronous_commit = off")  # there is nothing to keep
        driver = self._pooled.driver_connection
        driver.execute(_ANNOUNCE_ALL, (CHANNEL, list(told)))

    def _drop(self) -> None:
        if self._pooled is not None:
            self._pooled.invalidate()  # it is not as the pool gave it
            self._pooled = None
