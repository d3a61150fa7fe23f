"""Bytes to characters, for everything that is text already."""

import codecs
import re
from typing import Final

from lithograph.errors import DocumentError

# UTF-32 stands first: its little-endian mark begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FALLBACK: Final = "windows-1252"
# What is labelled Latin-1 is nearly always written in its superset; browsers read it so, too.
_LATIN_1: Final = frozenset({"iso8859-1", "ascii"})
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def decode(data: bytes, source: str, *, declared: str | None = None) -> str:
    """Return `data` as text, without its byte order mark.

    Tried in order: the byte order mark; UTF-8, strictly; `declared`, the encoding that the document itself names;
    windows-1252. There is no guessing beyond that: a guess may change with the version of the library that makes it,
    and with it every offset. Raises `DocumentError` when nothing fits or the result holds what no text holds.
    """
    for encoding in _candidates(data, declared):
        try:
            text = data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        if "\x00" in text or (encoding == _FALLBACK and _CONTROL.search(text)):
            break
        return text
    raise DocumentError(
        f"{source} is not text, or in an unknown encoding; if it is text, save it as UTF-8 and try again"
    )


def _candidates(data: bytes, declared: str | None) -> list[str]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return [encoding]
    named = _known(declared)
    # ISO-2022 and its like are written in ASCII bytes, escapes among them, and would pass for UTF-8.
    if named and b"\x1b" in data:
        return [named, "utf-8", _FALLBACK]
    return ["utf-8", *([named] if named else []), _FALLBACK]


def _known(declared: str | None) -> str | None:
    if not declared:
        return None
    try:
        name = codecs.lookup(declared.strip()).name
        "".encode(name)
    except (LookupError, ValueError, TypeError):
        return None
    return _FALLBACK if name in _LATIN_1 else name


def tidy(text: str) -> str:
    """Return `text` with line ends as LF and a form feed as a paragraph break, and not otherwise changed."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")


def check(text: str, source: str, *, missing: str) -> str:
    """Return `text`; raise `DocumentError` (`missing` says why) when it is blank, or when UTF-8 cannot hold it."""
    if not text.strip():
        raise DocumentError(f"{source} {missing}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DocumentError(f"{source} holds half a character (a lone surrogate); save it as UTF-8") from error
    return text
