"""EML to text: the headers that matter, the body, and what can be read of the attachments."""

import contextlib
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, Message, MIMEPart
from typing import Final

from lithograph.documents.html import declared_encoding, html_text
from lithograph.documents.kind import Kind, detect
from lithograph.documents.text import decode, tidy
from lithograph.errors import DocumentError

HEADERS: Final = ("From", "To", "Cc", "Date", "Subject")
MOST_NESTED: Final = 4
"""How deep mails attached to mails are followed."""

# What the standard library's parser is known to raise for malformed mail, beside what it documents.
_PARSER_ERRORS: Final = (
    MessageError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
)

ReadAttachment = Callable[[bytes, str, Kind], str]
"""Takes bytes, a file name and a kind; returns text or raises `DocumentError`."""


def mail_text(data: bytes, source: str, read: ReadAttachment, *, depth: int = 0) -> str:
    """Return From, To, Cc, Date and Subject, a line each, then the body, then each attachment after its file name.

    What is said as plain text and as HTML is given once, as plain text. An attachment for which `read` raises
    `DocumentError` is left out. Raises `DocumentError` when the mail is so malformed that the standard library's parser
    gives up.
    """
    try:
        message = message_from_bytes(data, policy=policy.default)
        leaves = list(_leaves(message, source))
        body = next((leaf for leaf in leaves if _is_text(leaf)), None)
        parts = [_headers(message), "" if body is None else _inline(body, source)]
        parts += [_attachment(leaf, source, read, depth) for leaf in leaves if leaf is not body]
    except _PARSER_ERRORS as error:
        raise DocumentError(f"{source} is not a mail that can be parsed; save it again as EML and try again") from error
    return "\n\n".join(part for part in parts if part)


def _headers(message: EmailMessage) -> str:
    given = [(name.lower(), value) for name, value in message.raw_items()]
    return "\n".join(
        f"{wanted}: {_header(wanted, value)}" for wanted in HEADERS for name, value in given if name == wanted.lower()
    )


def _header(name: str, value: str) -> str:
    # A malformed address must not cost the mail; as it stands there it still says who wrote.
    with contextlib.suppress(*_PARSER_ERRORS):
        value = str(policy.default.header_fetch_parse(name, value))
    return " ".join(_clean(value).split())


def _leaves(part: MIMEPart, source: str) -> Iterator[MIMEPart]:
    """Yield the parts that hold something, however deep; of what is said in several ways only the best one."""
    if part.get_content_maintype() != "multipart" or not part.is_multipart():
        yield part
        return
    leaves = (leaf for inner in part.iter_parts() for leaf in _leaves(inner, source))
    if part.get_content_subtype() != "alternative":
        yield from leaves
        return
    said = [part.get_body((subtype,)) for subtype in ("plain", "html")]
    chosen = next((one for one in said if one is not None and _inline(one, source).strip()), None)
    yield from (leaf for leaf in leaves if leaf is chosen or not _is_rendering(leaf))


def _is_rendering(leaf: MIMEPart) -> bool:
    return _is_text(leaf) and not leaf.get_filename()


def _is_text(leaf: MIMEPart) -> bool:
    return leaf.get_content_maintype() == "text" and not leaf.is_attachment()


def _inline(part: MIMEPart, source: str) -> str:
    return _text_of(part, _bytes_of(part), source, Kind.HTML if part.get_content_subtype() == "html" else Kind.TEXT)


def _attachment(part: MIMEPart, source: str, read: ReadAttachment, depth: int) -> str:
    try:
        name = _clean(part.get_filename() or "")
        text = _text_of_attachment(part, name, source, read, depth)
    except (DocumentError, *_PARSER_ERRORS):
        return ""
    return f"{name}\n\n{text}" if name and text.strip() else text.strip()


def _text_of_attachment(part: MIMEPart, name: str, source: str, read: ReadAttachment, depth: int) -> str:
    media_type = part.get_content_type()
    if media_type.endswith("-signature"):
        return ""
    data = _bytes_of(part)
    # A sender's programs label what they do not know in many ways; the part's own name and the bytes say more.
    kind = detect(data, name, media_type if media_type in set(Kind) else None)
    if kind is Kind.MAIL and part.get_content_maintype() == "multipart":
        kind = Kind.TEXT  # without its boundaries it is what stands there
    if kind is Kind.MAIL:
        return mail_text(data, name or source, read, depth=depth + 1) if depth < MOST_NESTED else ""
    if kind in (Kind.PDF, Kind.DOCX):
        return read(data, name or source, kind)
    return _text_of(part, data, name or source, kind)


def _text_of(part: MIMEPart, data: bytes, name: str, kind: Kind) -> str:
    charset = part.get_content_charset()
    if kind is Kind.HTML:
        return html_text(decode(data, name, declared=charset or declared_encoding(data)))
    return tidy(decode(data, name, declared=charset)).strip("\n")


def _bytes_of(part: MIMEPart) -> bytes:
    if part.get_content_type() == Kind.MAIL:
        attached = part.get_payload()
        if isinstance(attached, list) and attached and isinstance(attached[0], Message):
            return attached[0].as_bytes()
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _clean(value: str) -> str:
    # The parser keeps bytes that it could not decode as lone surrogates.
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "")
