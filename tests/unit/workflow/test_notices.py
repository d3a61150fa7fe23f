from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.journals import SetClock, claimed, events

from lithograph.durable.activities import current_activity
from lithograph.durable.commit import committing
from lithograph.durable.journal_thread import ThreadJournal
from lithograph.durable.writes import Owner
from lithograph.resilience.provider import Notice, NoticeKind, Provider, ProviderLimits
from lithograph.storage.open import Storage
from lithograph.workflow.notices import Notices, left_open

CLOCK = SetClock()


@asynccontextmanager
async def notices(storage: Storage, owner: Owner) -> AsyncIterator[Notices]:
    """Give what writes notices; they are in the database when it has ended."""
    with committing(storage, CLOCK) as commit, ThreadJournal(commit) as writer:
        yield Notices(writer, owner, lambda: {"percent": 50})


def told(storage: Storage, owner: Owner) -> list[tuple[str, object]]:
    return [(event.type, event.payload) for event in events(storage, owner.execution_id)[1:]]


async def test_every_notice_becomes_an_event_in_order_with_the_progress(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    async with notices(storage, owner) as write:
        current_activity.set("mentions/c1")
        write(Notice(NoticeKind.RETRYING, {"attempt": 1, "error": "down"}))
        write(Notice(NoticeKind.RETRYING, {"attempt": 2, "error": "down"}))
        write(Notice(NoticeKind.RATE_LIMITED, {"model": "openai:gpt", "retry_after": None}))
        write(Notice(NoticeKind.SLOW, {"seconds": 60.0}))
    assert told(storage, owner) == [
        ("activity.retrying", {"activity": "mentions/c1", "attempt": 1, "error": "down", "percent": 50}),
        ("activity.retrying", {"activity": "mentions/c1", "attempt": 2, "error": "down", "percent": 50}),
        ("provider.rate_limited", {"model": "openai:gpt", "retry_after": None, "percent": 50}),
        ("activity.slow", {"activity": "mentions/c1", "seconds": 60.0, "percent": 50}),
    ]


async def test_circuits_are_heard_of_only_meanwhile_and_from_each_model(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    providers = [Provider(name, ProviderLimits(threshold=1, reset_after=0.0)) for name in ("test:one", "test:two")]

    def break_and_mend() -> None:
        for provider in providers:
            provider.circuit.acquire().failed()
            provider.circuit.acquire().succeeded()

    async with notices(storage, owner) as write:
        break_and_mend()
        with write.heard_from(providers):
            break_and_mend()
        break_and_mend()
    found = [(event.type, event.payload["model"]) for event in events(storage, owner.execution_id)[1:]]
    assert found == [
        ("provider.circuit_opened", "test:one"),
        ("provider.circuit_closed", "test:one"),
        ("provider.circuit_opened", "test:two"),
        ("provider.circuit_closed", "test:two"),
    ]


async def test_a_circuit_that_closed_while_the_execution_was_suspended_is_told_of(storage: Storage) -> None:
    owner = claimed(storage, CLOCK)
    limits = ProviderLimits(threshold=1, reset_after=0.0)
    back, away, well = providers = [Provider(name, limits) for name in ("test:back", "test:away", "test:well")]
    async with notices(storage, owner) as write:
        with write.heard_from(providers):
            for provider in providers:
                provider.circuit.acquire().failed()
            well.circuit.acquire().succeeded()
    assert left_open(storage, owner) == ["test:back", "test:away"]
    back.circuit.acquire().succeeded()
    async with notices(storage, owner) as write:
        with write.heard_from(providers):
            write.are_back(providers, left_open(storage, owner))
            away.circuit.acquire().succeeded()
    closed = [event.payload["model"] for event in events(storage, owner.execution_id) if event.type.endswith("closed")]
    assert closed == ["test:well", "test:back", "test:away"]
    assert left_open(storage, owner) == []
