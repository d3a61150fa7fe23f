"""Identifiers: deterministic, so that the same input always names the same thing.

An id is the first 128 bits of a SHA-256 over its parts, each preceded by its length, so that no two lists of parts
collide by concatenation.
"""

import hashlib
import re
from typing import Final, NewType

from lithograph.errors import UsageError

OrganizationId = NewType("OrganizationId", str)
DocumentId = NewType("DocumentId", str)
ChunkId = NewType("ChunkId", str)
MentionId = NewType("MentionId", str)
EntityId = NewType("EntityId", str)
RelationId = NewType("RelationId", str)
ExecutionId = NewType("ExecutionId", str)
Iri = NewType("Iri", str)

DEFAULT_ORGANIZATION = OrganizationId("default")
"""The organisation of a run that names none."""

_ORGANIZATION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def organization_named(given: str) -> OrganizationId:
    """Return the organisation of that id; raises `UsageError` when it cannot be one.

    It becomes part of IRIs, of file names and of command lines, so it may hold nothing that means something there.
    """
    if not _ORGANIZATION.fullmatch(given):
        raise UsageError(
            f"{given!r} is no id of an organisation: it has letters (a to z, A to Z), digits, '-', '_' and '.', "
            "begins with a letter or a digit, and is at most 64 characters long"
        )
    return OrganizationId(given)


def digest(kind: str, *parts: str | int) -> str:
    """Return `kind_` and 32 hexadecimal digits that depend on every part and on their order."""
    pieces: list[bytes] = []
    for part in (kind, *parts):
        data = str(part).encode("utf-8", "surrogatepass")
        pieces += (len(data).to_bytes(8, "big"), data)
    return f"{kind}_{hashlib.sha256(b''.join(pieces)).hexdigest()[:32]}"
