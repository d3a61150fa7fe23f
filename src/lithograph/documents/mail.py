"""EML to text: the headers that matter, the body, and what can be read of the attachments."""

import contextlib
from collections.abc import Callable
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

    The plain body is preferred to the HTML one. An attachment for which `read` raises `DocumentError` is left out.
    Raises `DocumentError` when the mail is so malformed that the standard library's parser gives up.
    """
    try:
        message = message_from_bytes(data, policy=policy.default)
        parts = [_headers(message), _body(message, source)]
        # A mail may consist of nothing but a PDF.
        bare = message.get_content_maintype() not in ("text", "multipart")
        attached = [message] if bare else message.iter_attachments()
        parts += [_attachment(part, source, read, depth) for part in attached]
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


def _body(message: MIMEPart, source: str) -> str:
    for subtype in ("plain", "html"):
        part = message.get_body((subtype,))
        if part is None:
            continue
        text = _text_of(part, _bytes_of(part), source, Kind.HTML if subtype == "html" else Kind.TEXT)
        if text.strip():
            return text
    return ""


def _attachment(part: MIMEPart, source: str, read: ReadAttachment, depth: int) -> str:
    try:
        name = _clean(part.get_filename() or "")
        text = _text_of_attachment(part, name or source, read, depth)
    except (DocumentError, *_PARSER_ERRORS):
        return ""
    return f"{name}\n\n{text}" if name and text.strip() else text.strip()


def _text_of_attachment(part: MIMEPart, name: str, read: ReadAttachment, depth: int) -> str:
    if part.is_multipart() and part.get_content_type() != Kind.MAIL:
        # Bodies beside the body, such as the HTML and the pictures of a reply.
        return _body(part, name)
    media_type = part.get_content_type()
    if media_type.endswith("-signature"):
        return ""
    data = _bytes_of(part)
    # A sender's programs label what they do not know in many ways; the name and the bytes say more.
    kind = detect(data, name, media_type if media_type in set(Kind) else None)
    if kind is Kind.MAIL:
        return mail_text(data, name, read, depth=depth + 1) if depth < MOST_NESTED else ""
    if kind in (Kind.PDF, Kind.DOCX):
        return read(data, name, kind)
    return _text_of(part, data, name, kind)


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
