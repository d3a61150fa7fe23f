"""The response cache: answers that were paid for, by the hash of everything that was asked."""

from typing import Protocol

import anyio.to_thread
from sqlalchemy import func, select

from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import CacheRow, Owner, Write
from lithograph.storage.open import Storage
from lithograph.storage.schema import response_cache


class ResponseCache(Protocol):
    """Keeps answers, as JSON, of one organisation."""

    async def get(self, key: str) -> str | None:
        """Return the answer under `key`, or None."""
        ...

    def put(self, key: str, response: str) -> None:
        """Keep an answer; it is durable no later than the result of the activity that paid for it."""
        ...


class StoredResponses:
    """A `ResponseCache` in the database. An answer is committed in the transaction of the next result, or before."""

    def __init__(self, storage: Storage, writer: JournalWriter, owner: Owner) -> None:
        self._storage, self._writer, self._owner = storage, writer, owner

    async def get(self, key: str) -> str | None:
        """Return the answer under `key`, or None."""
        return await anyio.to_thread.run_sync(self._get, key)

    def _get(self, key: str) -> str | None:
        c = response_cache.c
        response = func.json(c.response) if self._storage.dialect == "sqlite" else c.response
        mine = (c.organization_id == self._owner.organization_id) & (c.key == key)
        with self._storage.read() as connection:
            found: str | None = connection.execute(select(response).where(mine)).scalar()
        return found

    def put(self, key: str, response: str) -> None:
        """Keep an answer."""
        self._writer.later(f"cache/{key}", Write(self._owner, cached=(CacheRow(key, response),)))
