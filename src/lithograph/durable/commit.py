"""How a process commits groups of writes, on whatever database it has."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from lithograph.durable.clock import Clock
from lithograph.durable.group import CommitGroup
from lithograph.durable.journal import JournalWriter
from lithograph.storage.open import Storage


@contextmanager
def committing(storage: Storage, clock: Clock) -> Iterator[CommitGroup]:
    """Give what commits groups, through a connection of its own."""
    if storage.dialect == "sqlite":
        from lithograph.durable.commit_sqlite import SqliteCommit

        with closing(SqliteCommit(storage, clock)) as commit:
            yield commit
        return
    from lithograph.durable.commit_postgres import PostgresCommit

    with closing(PostgresCommit(storage, clock)) as elsewhere:
        yield elsewhere


@contextmanager
def journal(storage: Storage, clock: Clock) -> Iterator[JournalWriter]:
    """Give a writer that ends with this. To be entered on the loop that uses it."""
    if storage.dialect == "sqlite":
        from lithograph.durable.journal_thread import ThreadJournal

        with committing(storage, clock) as commit, ThreadJournal(commit, storage.writing.locked) as writer:
            yield writer
        return
    from lithograph.durable.announce import Announcing
    from lithograph.durable.commit_postgres import PostgresCommit
    from lithograph.durable.journal_loop import LoopJournal

    with (
        closing(PostgresCommit(storage, clock)) as stepped,
        Announcing(storage) as announcing,
        LoopJournal(stepped, announcing.committed) as elsewhere,
    ):
        yield elsewhere
