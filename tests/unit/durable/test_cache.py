"""Answers that were paid for, looked up a batch of keys at a time."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy import event
from tests.journals import ORGANIZATION, SetClock, claimed, new

from lithograph.domain.ids import OrganizationId
from lithograph.durable.cache import StoredResponses
from lithograph.durable.commit import committing
from lithograph.durable.journal_thread import ThreadJournal
from lithograph.errors import StorageError
from lithograph.storage.open import Storage

CLOCK = SetClock()
NUMBERS = itertools.count()
OTHER = OrganizationId("other")


@asynccontextmanager
async def responses(storage: Storage, organization_id: OrganizationId = ORGANIZATION) -> AsyncIterator[StoredResponses]:
    """Give a cache; what is put is there when this has ended."""
    owner = claimed(storage, CLOCK, new(f"execution {next(NUMBERS)}", organization_id))
    with committing(storage, CLOCK) as commit, ThreadJournal(commit) as writer:
        yield StoredResponses(storage, writer, owner)


async def filled(storage: Storage, count: int, organization_id: OrganizationId = ORGANIZATION) -> None:
    async with responses(storage, organization_id) as cache:
        for number in range(count):
            cache.put(f"key/{number}", f'{{"of": {number}}}')


@contextmanager
def queries(storage: Storage) -> Iterator[list[str]]:
    """Give the statements that are sent meanwhile and look for answers."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "FROM response_cache" in statement:
            found.append(statement)

    event.listen(storage.engine, "before_cursor_execute", note)
    yield found
    event.remove(storage.engine, "before_cursor_execute", note)


async def test_an_answer_that_was_put_is_found_and_another_is_not(storage: Storage) -> None:
    await filled(storage, 2)
    async with responses(storage) as cache:
        found = [await cache.get(f"key/{number}") for number in range(3)]
    assert [answer and json.loads(answer) for answer in found] == [{"of": 0}, {"of": 1}, None]


async def test_what_is_asked_at_once_is_one_query_and_many_keys_are_a_few(storage: Storage) -> None:
    await filled(storage, 1_200)
    answers: dict[int, str | None] = {}

    async def ask(cache: StoredResponses, number: int) -> None:
        answers[number] = await cache.get(f"key/{number}")

    async with responses(storage) as cache:
        for asked, needed in ((range(400), 1), (range(2_000), 4)):
            answers.clear()
            with queries(storage) as sent:
                async with anyio.create_task_group() as tasks:
                    for number in asked:
                        tasks.start_soon(ask, cache, number)
            assert len(sent) == needed
            assert [number for number in asked if answers[number] is None] == [one for one in asked if one >= 1_200]


async def test_what_another_organisation_paid_for_is_not_found(storage: Storage) -> None:
    await filled(storage, 1, OTHER)
    async with responses(storage) as cache:
        assert await cache.get("key/0") is None


async def test_who_asked_first_may_be_cancelled_and_the_others_are_answered(storage: Storage) -> None:
    await filled(storage, 1)
    answers: list[str | None] = []

    async def ask(cache: StoredResponses) -> None:
        answers.append(await cache.get("key/0"))

    async with responses(storage) as cache, anyio.create_task_group() as tasks:
        with anyio.CancelScope() as first:
            async with anyio.create_task_group() as early:
                early.start_soon(ask, cache)
                await anyio.lowlevel.checkpoint()
                tasks.start_soon(ask, cache)
                await anyio.lowlevel.checkpoint()
                first.cancel()
    assert len(answers) == 1
    assert answers[0] is not None


async def test_an_error_reaches_everybody_who_asked_and_the_next_look_up_is_made(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(storage, 1)
    told: list[str] = []

    async def ask(cache: StoredResponses, key: str) -> None:
        try:
            await cache.get(key)
        except StorageError as error:
            told.append(str(error))

    def away(self: Storage, organization_id: OrganizationId) -> None:
        raise StorageError("the server is away")

    async with responses(storage) as cache:
        with monkeypatch.context() as patched:
            patched.setattr(Storage, "read", away)
            async with anyio.create_task_group() as tasks:
                for key in ("key/0", "key/1"):
                    tasks.start_soon(ask, cache, key)
        assert told == ["the server is away"] * 2
        assert await cache.get("key/0") is not None
