"""The response cache: answers that were paid for, by the hash of everything that was asked."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import anyio.to_thread
from sqlalchemy import select

from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import CacheRow, Owner, Write
from lithograph.storage.columns import json_text
from lithograph.storage.open import Storage
from lithograph.storage.schema import response_cache

_AT_ONCE: Final = 500
"""Keys in one look-up, at most."""


class ResponseCache(Protocol):
    """Keeps answers, as JSON, of one organisation."""

    async def get(self, key: str) -> str | None:
        """Return the answer under `key`, or None."""
        ...

    def put(self, key: str, response: str) -> None:
        """Keep an answer; it is durable no later than the result of the activity that paid for it."""
        ...


class StoredResponses:
    """A `ResponseCache` in the database. An answer is committed in the transaction of the next result, or before.

    What is asked while a look-up is under way goes into the next: however many questions are prepared at once, and
    however much an organisation has asked before, it is one query after the other, each for some keys. Used on one
    loop.
    """

    def __init__(self, storage: Storage, writer: JournalWriter, owner: Owner) -> None:
        self._storage, self._writer, self._owner = storage, writer, owner
        self._asked: dict[str, asyncio.Future[str | None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def get(self, key: str) -> str | None:
        """Return the answer under `key`, or None. Raises `StorageError`."""
        found = self._asked.get(key)
        if found is None:
            found = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._looking is None:
            # A task of its own, so that nobody waits in vain when whoever asked first is cancelled.
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(found)

    async def _look(self) -> None:
        try:
            while self._asked:
                asked = {key: self._asked.pop(key) for key in list(self._asked)[:_AT_ONCE]}
                try:
                    found = await anyio.to_thread.run_sync(self._found, list(asked))
                except Exception as error:  # it belongs to those who asked
                    for answer in asked.values():
                        answer.set_exception(error)
                        answer.exception()  # whoever asked may have been cancelled meanwhile
                else:
                    for key, answer in asked.items():
                        answer.set_result(found.get(key))
        finally:
            self._looking = None

    def _found(self, keys: Sequence[str]) -> Mapping[str, str]:
        c = response_cache.c
        mine = (c.organization_id == self._owner.organization_id) & c.key.in_(keys)
        query = select(c.key, json_text(c.response)).where(mine)
        rows = self._storage.ask(self._owner.organization_id, lambda connection: connection.execute(query).all())
        return {row[0]: row[1] for row in rows}

    def put(self, key: str, response: str) -> None:
        """Keep an answer."""
        self._writer.later(f"cache/{key}", Write(self._owner, cached=(CacheRow(key, response),)))
