"""Once: a start that is asked for again under the same key is the same start, whatever became of it meanwhile."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import select

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.errors import UsageError
from lithograph.storage.columns import insert_into
from lithograph.storage.schema import start_key

if TYPE_CHECKING:
    from sqlalchemy import Connection

_LONGEST: Final = 255


@dataclass(frozen=True, slots=True)
class Once:
    """What somebody calls a start, and a hash of all that was asked: the same key never means two things.

    Raises `UsageError` for a key that is empty or longer than 255 characters.
    """

    key: str
    fingerprint: str

    def __post_init__(self) -> None:
        if not 0 < len(self.key) <= _LONGEST:
            raise UsageError(f"an idempotency key has 1 to {_LONGEST} characters, this one has {len(self.key)}")

    @classmethod
    def of(cls, key: str | None, *asked: object) -> Self | None:
        """Return what is started under a key when this is asked; None where there is no key."""
        return None if key is None else cls(key, hashlib.sha256(repr(asked).encode()).hexdigest())


def started_under(connection: "Connection", organization_id: OrganizationId, once: Once) -> ExecutionId | None:
    """Return the execution that was started under a key; raises `UsageError` when something else was asked then."""
    c = start_key.c
    query = select(c.execution_id, c.fingerprint).where(c.organization_id == organization_id, c.key == once.key)
    found = connection.execute(query).first()
    if found is None:
        return None
    if found.fingerprint != once.fingerprint:
        raise UsageError("the idempotency key was used for another request before: take a new one for this one")
    return ExecutionId(found.execution_id)


def remember_start(
    connection: "Connection", organization_id: OrganizationId, once: Once, execution_id: ExecutionId, now: str
) -> None:
    """Remember what was started under a key, in the transaction that starts it.

    Raises `UsageError`, so that nothing is started, when the key was used for something else just now.
    """
    row = {
        "organization_id": organization_id,
        "key": once.key,
        "fingerprint": once.fingerprint,
        "execution_id": execution_id,
        "created_at": now,
    }
    connection.execute(insert_into(connection, start_key).on_conflict_do_nothing(), row)
    started_under(connection, organization_id, once)
