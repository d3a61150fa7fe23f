"""The response cache: answers that were paid for, by the hash of everything that was asked."""

from typing import Protocol

import anyio.to_thread
from sqlalchemy import select

from lithograph.durable.journal import JournalWriter
from lithograph.durable.writes import CacheRow, Owner, Write
from lithograph.storage.columns import json_text
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
    """A `ResponseCache` in the database. An answer is committed in the transaction of the next result, or before.

    The keys are read once: most questions of a new document are new, and need no look at the database to know it.
    """

    def __init__(self, storage: Storage, writer: JournalWriter, owner: Owner) -> None:
        self._storage, self._writer, self._owner = storage, writer, owner
        self._keys: set[str] | None = None

    async def get(self, key: str) -> str | None:
        """Return the answer under `key`, or None."""
        if self._keys is None:
            self._keys = await anyio.to_thread.run_sync(self._known)
        return await anyio.to_thread.run_sync(self._get, key) if key in self._keys else None

    def _known(self) -> set[str]:
        c = response_cache.c
        with self._storage.read(self._owner.organization_id) as connection:
            mine = c.organization_id == self._owner.organization_id
            return set(connection.execute(select(c.key).where(mine)).scalars())

    def _get(self, key: str) -> str | None:
        c = response_cache.c
        mine = (c.organization_id == self._owner.organization_id) & (c.key == key)
        with self._storage.read(self._owner.organization_id) as connection:
            found: str | None = connection.execute(select(json_text(c.response)).where(mine)).scalar()
        return found

    def put(self, key: str, response: str) -> None:
        """Keep an answer."""
        self._writer.later(f"cache/{key}", Write(self._owner, cached=(CacheRow(key, response),)))
