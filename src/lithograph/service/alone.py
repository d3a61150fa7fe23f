"""Whether anybody works on a database: for a file its lock says so, for a server nothing does."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lithograph.durable.clock import SystemClock
from lithograph.errors import UsageError
from lithograph.storage.lock import WorkerLock
from lithograph.storage.open import Storage


def lock_of(database: Path, lease_seconds: float) -> WorkerLock:
    """Return the lock of an SQLite file; its holder counts as dead after `lease_seconds` of silence."""
    return WorkerLock(database, lease=lease_seconds, clock=SystemClock().now)


@contextmanager
def nobody_works(storage: Storage, lease_seconds: float) -> Iterator[bool]:
    """Give whether no process works on the database, and see to it that none begins to meanwhile.

    On a server nobody can say: what an execution's own lease says counts.
    """
    if storage.path is None:
        yield False
        return
    lock = lock_of(storage.path, lease_seconds)
    try:
        lock.acquire()
    except UsageError:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
