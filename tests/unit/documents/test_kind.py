import pytest

from lithograph.documents.kind import Kind, detect
from lithograph.errors import DocumentError


@pytest.mark.parametrize(
    ("data", "source", "kind"),
    [
        (b"# a title", "a.md", Kind.MARKDOWN),
        (b"# a title", "a.MARKDOWN", Kind.MARKDOWN),
        (b"plain words", "a", Kind.TEXT),
        (b"plain words", "a.log", Kind.TEXT),
        (b"<p>x", "a.htm", Kind.HTML),
        (b"\n<!DOCTYPE html><p>x", "a", Kind.HTML),
        (b"<!-- saved --><HTML><p>x", "a", Kind.HTML),
        (b"<?xml version='1.0'?><html/>", "a", Kind.HTML),
        (b"body only", "a.eml", Kind.MAIL),
        (b"From: a@b.c\nX-Odd: 1\n  folded\nSubject: x\n\nhello", "a", Kind.MAIL),
        (b"From: here to there\nis a journey", "a", Kind.TEXT),
        (b"%PDF-1.7", "a.txt", Kind.PDF),
        (b"junk\n%PDF-1.7", "a.pdf", Kind.PDF),
        (b"PK\x03\x04", "a", Kind.DOCX),
    ],
)
def test_a_kind_is_told_from_content_and_name(data: bytes, source: str, kind: Kind) -> None:
    assert detect(data, source) is kind


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        ("text/html; charset=utf-8", Kind.HTML),
        ("TEXT/MARKDOWN", Kind.MARKDOWN),
        ("text/csv", Kind.TEXT),
        ("application/octet-stream", Kind.MARKDOWN),
        (None, Kind.MARKDOWN),
    ],
)
def test_a_given_media_type_outranks_the_name(media_type: str | None, kind: Kind) -> None:
    assert detect(b"some words", "a.md", media_type) is kind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\x7fELF\x02", "a program"),
        (b"{\\rtf1", "an RTF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Office format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
    ],
)
def test_what_cannot_be_read_is_named(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        detect(data, "folder/a.txt")
    assert str(caught.value).startswith("folder/a.txt is ")


@pytest.mark.parametrize("source", ["a.pdf", "a.docx"])
def test_a_name_that_the_content_belies_is_an_error(source: str) -> None:
    with pytest.raises(DocumentError, match="does not begin like one"):
        detect(b"<html>404 not found</html>", source)


def test_a_media_type_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(DocumentError, match="a is said to be video/mp4"):
        detect(b"some words", "a", "video/mp4")
