"""Announcements on a server that is away for a while."""

from collections.abc import Iterator
from time import monotonic

import psycopg
import pytest
from tests.journals import DEADLINE, SetClock, claimed
from tests.postgres import Server
from tests.wire import Wire

from lithograph.durable.announce import CHANNEL, Announcing, Topic, about
from lithograph.durable.commit_postgres import PostgresCommit
from lithograph.durable.writes import EventRow, Owner, Write
from lithograph.storage.open import open_storage

CLOCK = SetClock()


@pytest.fixture
def url(postgres: Server) -> Iterator[str]:
    with postgres.database() as found:
        yield found


def told(listening: psycopg.Connection) -> set[str]:
    """Return what is announced next, with what comes at the same time."""
    heard = listening.notifies(timeout=DEADLINE, stop_after=1)
    return {notice.payload for notice in heard}


def event(owner: Owner) -> Write:
    return Write(owner, events=(EventRow("event", "{}"),))


def test_what_was_committed_is_announced_again_when_the_server_is_back(url: str) -> None:
    with Wire(url) as wire, open_storage(url) as near, open_storage(wire.url) as far:
        owner = claimed(near, CLOCK)
        with psycopg.connect(url, autocommit=True) as listening:
            listening.execute(f"LISTEN {CHANNEL}")
            straight = PostgresCommit(near, CLOCK)
            with Announcing(far) as announcing:
                wire.away = 1
                wire.cut()
                assert straight([event(owner)]) == [None]  # it is committed, and nobody hears of it
                announcing.committed([event(owner)])
                wait_for_refusal(wire)
                assert straight([event(owner)]) == [None]
                announcing.committed([event(owner)])
                assert told(listening) == {about(owner.execution_id, Topic.EVENTS)}
            straight.close()


def wait_for_refusal(wire: Wire) -> None:
    """Return when the announcement was tried and could not be made."""
    end = monotonic() + DEADLINE
    while not wire.refused:
        assert monotonic() < end, "nothing was announced"
