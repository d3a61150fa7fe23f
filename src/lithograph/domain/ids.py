"""Identifiers: deterministic, so that the same input always names the same thing.

An id is the first 128 bits of a SHA-256 over its parts, each preceded by its length, so that no two lists of parts
collide by concatenation.
"""

import hashlib
from typing import NewType

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


def digest(kind: str, *parts: str | int) -> str:
    """Return `kind_` and 32 hexadecimal digits that depend on every part and on their order."""
    pieces: list[bytes] = []
    for part in (kind, *parts):
        data = str(part).encode("utf-8", "surrogatepass")
        pieces += (len(data).to_bytes(8, "big"), data)
    return f"{kind}_{hashlib.sha256(b''.join(pieces)).hexdigest()[:32]}"
