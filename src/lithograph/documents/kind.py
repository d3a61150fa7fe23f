"""What a file is: decided from its first bytes, then from what the caller says, then from its name."""

import re
from enum import StrEnum
from pathlib import PurePath
from typing import Final

from lithograph.errors import DocumentError


class Kind(StrEnum):
    """The kinds that can be read, each by its media type."""

    TEXT = "text/plain"
    MARKDOWN = "text/markdown"
    HTML = "text/html"
    MAIL = "message/rfc822"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


READABLE: Final = "plain text, Markdown, HTML, PDF, DOCX or EML"

_MEDIA_TYPES: Final = {kind.value: kind for kind in Kind} | {
    "text/x-markdown": Kind.MARKDOWN,
    "application/xhtml+xml": Kind.HTML,
    "application/x-pdf": Kind.PDF,
}
_SUFFIXES: Final = {
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".xhtml": Kind.HTML,
    ".eml": Kind.MAIL,
    ".pdf": Kind.PDF,
    ".docx": Kind.DOCX,
    ".txt": Kind.TEXT,
}
_UNREADABLE: Final = (
    (b"\x89PNG\r\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!\x1a", "a RAR archive"),
    (b"{\\rtf", "an RTF document"),
    (b"SQLite format 3\x00", "a database"),
)
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM: Final = "EncryptedPackage".encode("utf-16-le")
_NO_OPINION: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/zip"})

# Readers of PDF look for the header in the first 1,024 bytes, since some senders put something before it.
_PDF_HEADER_WITHIN: Final = 1024
_MARKUP: Final = re.compile(
    rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--.{0,500}?-->\s*)?<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_HEADER: Final = re.compile(
    rb"(?:from|to|cc|date|subject|received|return-path|delivered-to|message-id|mime-version|reply-to|sender)[ \t]*:",
    re.IGNORECASE,
)
_HEADER_LINES: Final = 30
_ENOUGH_HEADERS: Final = 2


def detect(data: bytes, source: str, media_type: str | None = None) -> Kind:
    """Return what `data` is.

    A signature at the beginning outranks `media_type` (parameters such as `charset` are ignored), which outranks the
    suffix of `source`. What has none of these is mail or HTML when it begins like it, and otherwise plain text.
    Raises `DocumentError` when it is of a kind that cannot be read.
    """
    for signature, name in _UNREADABLE:
        if data.startswith(signature):
            raise DocumentError(f"{source} is {name}, which holds no text to read; give {READABLE}")
    if data.startswith(_OLE):
        raise DocumentError(_of_ole(data, source))
    if data.startswith(b"%PDF-"):
        return Kind.PDF
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Kind.DOCX
    return _of_label(data, source, media_type) or _of_content(data)


def _of_ole(data: bytes, source: str) -> str:
    if _ENCRYPTED_STREAM in data:
        return f"{source} is encrypted with a password; save it without one and try again"
    return f"{source} is in an old Office format, which cannot be read; save it as DOCX and try again"


def _of_label(data: bytes, source: str, media_type: str | None) -> Kind | None:
    said = (media_type or "").partition(";")[0].strip().lower()
    if said in _NO_OPINION:
        kind = _SUFFIXES.get(PurePath(source).suffix.lower())
    elif said in _MEDIA_TYPES:
        kind = _MEDIA_TYPES[said]
    elif said.startswith("text/"):
        kind = Kind.TEXT
    else:
        raise DocumentError(f"{source} is said to be {said}, which cannot be read; give {READABLE}")
    if kind is Kind.PDF and b"%PDF-" not in data[:_PDF_HEADER_WITHIN]:
        raise DocumentError(f"{source} is named a PDF but does not begin like one; check that it was saved completely")
    if kind is Kind.DOCX:
        raise DocumentError(f"{source} is named a DOCX but does not begin like one; check that it was saved completely")
    return kind


def _of_content(data: bytes) -> Kind:
    if _MARKUP.match(data):
        return Kind.HTML
    headers = set()
    for line in data[:8192].splitlines()[:_HEADER_LINES]:
        if not line.strip():
            break
        if found := _HEADER.match(line):
            headers.add(found[0].lower())
        elif not re.match(rb"[ \t]|[!-9;-~]+:", line):
            break
    return Kind.MAIL if len(headers) >= _ENOUGH_HEADERS else Kind.TEXT
