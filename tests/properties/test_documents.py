"""Arbitrary bytes are text or a `DocumentError`, never anything else."""

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lithograph.documents.html import html_text
from lithograph.documents.kind import Kind
from lithograph.documents.mail import mail_text
from lithograph.documents.read import document_from_bytes
from lithograph.domain.document import Document
from lithograph.errors import DocumentError

QUICK = settings(max_examples=50, deadline=None)
# Each example starts a process.
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MAIL_PIECES = (
    b"From: ",
    b"=?utf-8?q?",
    b"Content-Type: multipart/mixed; boundary=x\n",
    b"\n--x\n",
    b"\n",
    b"(",
    b"<",
    b"\xff",
)
MARKUP_PIECES = (
    "<",
    ">",
    "<p>",
    "<table><tr><td>",
    "</td>",
    "<!--",
    "<![CDATA[",
    "<script>",
    "&#",
    "&#xD800;",
    " ",
    "x",
    "<pre>",
)


def read(data: bytes, source: str) -> Document | None:
    try:
        document = document_from_bytes(data, source=source)
    except DocumentError as error:
        assert source in str(error)  # noqa: PT017
        return None
    assert document.text.strip()
    assert "\r" not in document.text
    assert "\x00" not in document.text
    assert document.sha256 == hashlib.sha256(data).hexdigest()
    document.text.encode("utf-8")
    return document


@QUICK
@given(st.binary(max_size=300))
def test_arbitrary_bytes(data: bytes) -> None:
    first = read(b"\xc3\xa9" + data, "a.txt")
    assert first == read(b"\xc3\xa9" + data, "a.txt")


@QUICK
@given(st.text(min_size=1).filter(str.strip))
def test_text_in_utf_8_is_kept_but_for_line_ends(text: str) -> None:
    if any(character in text for character in "\x00\r\f\ufeff"):
        return
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        return
    document = read(data, "a.md")
    assert document is not None
    assert document.text == text


@pytest.mark.parametrize(
    "magic", [b"%PDF-1.7\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"<html", b"From: a\nTo: "]
)
@FEW
@given(tail=st.binary(max_size=300))
def test_arbitrary_bytes_behind_a_signature(magic: bytes, tail: bytes) -> None:
    end = b"\n%%EOF" if magic.startswith(b"%PDF") else b""
    read(magic + tail + end, "document")


@QUICK
@given(st.lists(st.sampled_from(MARKUP_PIECES), max_size=60).map("".join))
def test_any_markup_is_a_page(markup: str) -> None:
    html_text(markup).encode("utf-8")


@QUICK
@given(st.lists(st.sampled_from(MAIL_PIECES) | st.binary(max_size=9), max_size=40).map(b"".join))
def test_any_mail_is_text_or_an_error(data: bytes) -> None:
    def refuse(part: bytes, name: str, kind: Kind) -> str:
        raise DocumentError(name)

    try:
        mail_text(data, "a.eml", refuse).encode("utf-8")
    except DocumentError as error:
        assert "a.eml" in str(error)  # noqa: PT017
