"""API keys: who may act for an organisation over HTTP, and what he may do.

A key is `litho_ID_SECRET`: the id is what lists show, the secret is 256 random bits. Only the HMAC-SHA256 of the whole
key is kept. A slow hash, as for passwords, would guard against guessing; here there is nothing to guess, and every
request would pay for it. The HMAC's key is the pepper of whoever runs the servers, `LITHOGRAPH_KEY_PEPPER`: with it,
somebody who can write to the database but not see the servers cannot make himself a key. Without one it is empty.
Another pepper makes all keys unknown.
"""

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, column, func, insert, select, update

from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.durable.clock import Clock, timestamp
from lithograph.durable.crashpoints import Transaction, transaction
from lithograph.errors import NotFoundError, UsageError
from lithograph.service.administration import check_organization
from lithograph.storage.columns import insert_into
from lithograph.storage.open import Storage
from lithograph.storage.schema import api_key, organization

PEPPER: Final = "LITHOGRAPH_KEY_PEPPER"
"""The environment variable that the pepper is in."""

_PREFIX: Final = "litho_"
_KEY: Final = re.compile(_PREFIX + r"[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
_LONGEST_NAME: Final = 100
_LONGEST: Final = 36_525 * 86_400.0
"""Seconds: a century."""


class KeyScope(StrEnum):
    """What a key allows; each allows what those before it do."""

    READ = "read"
    """Look at everything of the organisation."""
    WRITE = "write"
    """Upload, start, pause, cancel."""
    ADMIN = "admin"
    """Set budgets, make and revoke keys, prune."""


_ORDER: Final = tuple(KeyScope)


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret; times are ISO 8601 in UTC."""

    id: str
    name: str
    scopes: frozenset[KeyScope]
    created_at: str
    expires_at: str | None
    revoked_at: str | None


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """For whom a key acts, and what it allows."""

    organization_id: OrganizationId
    key_id: str
    scopes: frozenset[KeyScope]

    def allows(self, wanted: KeyScope) -> bool:
        """Whether the key may be used for something of that scope."""
        return any(_ORDER.index(scope) >= _ORDER.index(wanted) for scope in self.scopes)


def pepper_of(environment: Mapping[str, str]) -> bytes:
    """Return the pepper that is set, or an empty one."""
    return environment.get(PEPPER, "").encode("utf-8", "surrogateescape")


def create_key(
    storage: Storage,
    organization_id: OrganizationId,
    clock: Clock,
    *,
    name: str = "",
    scopes: Iterable[KeyScope] = (KeyScope.READ,),
    lasts: float | None = None,
    pepper: bytes = b"",
) -> tuple[Key, str]:
    """Make a key that `lasts` so many seconds, or until it is revoked; return it, and its text, which is kept nowhere.

    Raises `UsageError` for an organisation that there is not, but for the default one, for a key without a scope, and
    for a name that is too long.
    """
    allowed = frozenset(scopes)
    if not allowed:
        raise UsageError(f"a key without a scope allows nothing: give it one of {', '.join(KeyScope)}")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise UsageError(f"the name of a key is text, which {name!a} is not")
    if len(name) > _LONGEST_NAME:
        raise UsageError(f"the name of a key has at most {_LONGEST_NAME} characters, this one has {len(name)}")
    if lasts is not None and not 0 < lasts <= _LONGEST:
        raise UsageError("a key lasts for more than 0 and at most 36,525 days, or until it is revoked")
    moment = clock.now()
    number, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    text = f"{_PREFIX}{number}_{secret}"
    expires_at = None if lasts is None else timestamp(moment + lasts)
    key = Key(f"key_{number}", name, allowed, timestamp(moment), expires_at, None)
    row = {
        "organization_id": organization_id,
        "id": key.id,
        "name": name,
        "hash": _hash(text, pepper),
        "scopes": sorted(allowed, key=_ORDER.index),
        "created_at": key.created_at,
        "expires_at": expires_at,
    }
    with transaction(storage, organization_id, Transaction.CONTROL) as connection:
        if organization_id == DEFAULT_ORGANIZATION:  # which is there from the start, as far as anybody can tell
            made = {"id": organization_id, "created_at": key.created_at}
            connection.execute(insert_into(connection, organization).on_conflict_do_nothing(), made)
        check_organization(connection, organization_id)
        connection.execute(insert(api_key), row)
    return key, text


def keys_of(storage: Storage, organization_id: OrganizationId) -> list[Key]:
    """Return the keys of an organisation, oldest first, those that are revoked or have expired too."""
    c = api_key.c
    query = select(api_key).where(c.organization_id == organization_id).order_by(c.created_at, c.id)
    with storage.read(organization_id) as connection:
        return [_key(row) for row in connection.execute(query)]


def revoke_key(storage: Storage, organization_id: OrganizationId, key_id: str, clock: Clock) -> Key:
    """Refuse a key from now on, and return it; one that was revoked before stays so since then.

    Raises `NotFoundError` when the organisation has no such key.
    """
    if not key_id.isascii():
        raise NotFoundError(f"key {key_id!a}", "`litho key list` shows those there are")
    c = api_key.c
    mine = (c.organization_id == organization_id) & (c.id == key_id)
    with transaction(storage, organization_id, Transaction.CONTROL) as connection:
        connection.execute(
            update(api_key).where(mine, c.revoked_at.is_(None)).values(revoked_at=timestamp(clock.now()))
        )
        row = connection.execute(select(api_key).where(mine)).first()
    if row is None:
        raise NotFoundError(f"key {key_id}", "`litho key list` shows those there are")
    return _key(row)


def key_owner(storage: Storage, given: str, clock: Clock, *, pepper: bytes = b"") -> KeyOwner | None:
    """Return for whom a key acts; None for one that is unknown, revoked or has expired. It is the one question that is
    asked before it is known who asks.
    """
    if not _KEY.fullmatch(given):
        return None
    wanted = _hash(given, pepper)
    query: Any = select(api_key).where(api_key.c.hash == wanted)
    if storage.dialect == "postgresql":
        # A query sees one organisation's rows: this function is allowed to look among all.
        found = func.lithograph_key(wanted).table_valued(*(column(one.name, one.type) for one in api_key.c))
        query = select(*(found.c[one.name] for one in api_key.c))
    with storage.inspect() as connection:
        row = connection.execute(query).first()
    # It was found by its hash, and how long that took tells nothing about a key. Compared it is in constant time.
    if row is None or not hmac.compare_digest(row.hash, wanted):
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= timestamp(clock.now())):
        return None
    return KeyOwner(OrganizationId(row.organization_id), row.id, _scopes(row))


def _hash(text: str, pepper: bytes) -> str:
    return hmac.digest(pepper, text.encode(), "sha256").hex()


def _scopes(row: Row[Any]) -> frozenset[KeyScope]:
    return frozenset(KeyScope(scope) for scope in row.scopes)


def _key(row: Row[Any]) -> Key:
    return Key(row.id, row.name, _scopes(row), row.created_at, row.expires_at, row.revoked_at)
