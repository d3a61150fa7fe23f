"""Arrays as PostgreSQL reads them in its binary format: no character has to be escaped here, or looked at there."""

from collections.abc import Iterable
from struct import Struct
from typing import Final

_HEAD: Final = Struct("!iiiii")
"""Dimensions, whether any element is null, the elements' type, how many there are, the number of the first."""

_LENGTH: Final = Struct("!i")
_INTEGER: Final = Struct("!iq")
_FLOAT: Final = Struct("!id")
_NULL: Final = _LENGTH.pack(-1)
_TEXT, _JSONB, _BIGINT, _DOUBLE = 25, 3802, 20, 701
_JSONB_VERSION: Final = b"\x01"


def texts(values: Iterable[str | None]) -> bytes:
    """Return `text[]`; a NUL, which the server cannot hold, becomes a replacement character."""
    return _variable(_TEXT, b"", values)


def documents(values: Iterable[str | None]) -> bytes:
    """Return `jsonb[]` of JSON."""
    return _variable(_JSONB, _JSONB_VERSION, values)


def integers(values: Iterable[int | None]) -> bytes:
    """Return `bigint[]`."""
    return _array(_BIGINT, [_NULL if value is None else _INTEGER.pack(8, value) for value in values])


def floats(values: Iterable[float | None]) -> bytes:
    """Return `double precision[]`."""
    return _array(_DOUBLE, [_NULL if value is None else _FLOAT.pack(8, value) for value in values])


def _variable(kind: int, before: bytes, values: Iterable[str | None]) -> bytes:
    elements = []
    for value in values:
        if value is None:
            elements.append(_NULL)
        else:
            encoded = before + (value.replace("\0", "\ufffd") if "\0" in value else value).encode()
            elements.append(_LENGTH.pack(len(encoded)) + encoded)
    return _array(kind, elements)


def _array(kind: int, elements: list[bytes]) -> bytes:
    if not elements:
        return _HEAD.pack(0, 0, kind, 0, 0)[:12]
    return _HEAD.pack(1, 1, kind, len(elements), 1) + b"".join(elements)
