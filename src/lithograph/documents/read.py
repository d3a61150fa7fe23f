"""The way in: a path, or bytes, to a `Document`."""

import hashlib
from pathlib import Path
from typing import Final

from lithograph.documents.isolate import read_in_child
from lithograph.documents.kind import Kind, detect
from lithograph.documents.limits import DEFAULT_LIMITS, Limits
from lithograph.documents.text import check, decode, tidy
from lithograph.domain.document import Document
from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.errors import DocumentError

_NO_TEXT: Final = "holds no text; give a document with words in it"
_NO_TEXT_LAYER: Final = "has no text layer, which is usual for a scan; run text recognition (OCR) on it and try again"


def read_document(
    path: Path, *, organization_id: OrganizationId = DEFAULT_ORGANIZATION, limits: Limits = DEFAULT_LIMITS
) -> Document:
    """Return the document that the file at `path` holds; its source is the path as given.

    Blocks while a child process reads it (`limits.seconds` at most; plain text and Markdown need none). Raises
    `DocumentError`, with a sentence that names the file, when it is missing, not a file, not permitted, empty, over a
    limit, encrypted, broken, without text or of no kind that can be read.
    """
    return document_from_bytes(
        _bytes_at(path, limits), source=str(path), organization_id=organization_id, limits=limits
    )


def document_from_bytes(
    data: bytes,
    *,
    source: str,
    organization_id: OrganizationId = DEFAULT_ORGANIZATION,
    media_type: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Document:
    """Return the document that `data` holds; `source` names it, in messages and in the document.

    `media_type` is what the sender says that it is; without it, the beginning of `data` and the suffix of `source`
    tell. The same bytes read as the same kind give the same text. Raises as `read_document` does.
    """
    # A name may hold half a character, where the file system has one; a document's text and source may not.
    source = source.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not data:
        raise DocumentError(f"{source} is empty; give a file with text in it")
    if len(data) > limits.file_bytes:
        raise DocumentError(_too_large(source, len(data), limits))
    kind = detect(data, source, media_type)
    plain = kind in (Kind.TEXT, Kind.MARKDOWN)
    text = decode(data, source) if plain else read_in_child(data, source, kind, limits)
    text = check(tidy(text), source, missing=_NO_TEXT_LAYER if kind is Kind.PDF else _NO_TEXT)
    return Document(organization_id, source, hashlib.sha256(data).hexdigest(), kind.value, text)


def _bytes_at(path: Path, limits: Limits) -> bytes:
    try:
        if path.is_dir():
            raise DocumentError(f"{path} is a folder; name the files in it, or have `litho batch start` take them all")
        if path.exists() and not path.is_file():
            raise DocumentError(f"{path} is not a regular file; copy what it gives into a file and try again")
        with path.open("rb") as file:
            # One byte more than is allowed: a file may grow between looking at its size and reading it.
            data = file.read(limits.file_bytes + 1)
            size = path.stat().st_size
    except FileNotFoundError as error:
        raise DocumentError(f"{path} does not exist; check the path") from error
    except PermissionError as error:
        raise DocumentError(f"{path} may not be read by this user; change its permissions and try again") from error
    except (OSError, ValueError) as error:
        raise DocumentError(f"{path} cannot be read ({error}); check the path and the disk") from error
    if len(data) > limits.file_bytes:
        raise DocumentError(_too_large(str(path), max(size, len(data)), limits))
    return data


def _too_large(source: str, size: int, limits: Limits) -> str:
    return f"{source} has {size:,} bytes, over the limit of {limits.file_bytes:,}; split it or raise the limit"
