import pytest

from lithograph.documents.text import check, decode, tidy
from lithograph.errors import DocumentError

WORDS = "Zoë paid 20 € — in 東京 😀"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_recognised_and_loses_its_mark(encoding: str) -> None:
    assert decode(WORDS.encode(encoding), "a") == WORDS


def test_big_endian_marks_are_recognised() -> None:
    assert decode(b"\xfe\xff" + WORDS.encode("utf-16-be"), "a") == WORDS
    assert decode(b"\x00\x00\xfe\xff" + WORDS.encode("utf-32-be"), "a") == WORDS


def test_what_is_not_utf_8_is_windows_1252() -> None:
    assert decode("Zoë paid 20 €".encode("windows-1252"), "a") == "Zoë paid 20 €"


def test_a_declared_encoding_outranks_windows_1252_but_not_utf_8() -> None:
    assert decode("Привет".encode("koi8-r"), "a", declared="KOI8-R") == "Привет"
    assert decode("Привет".encode(), "a", declared="koi8-r") == "Привет"


def test_what_is_declared_as_latin_1_is_windows_1252() -> None:
    assert decode("“20 €”".encode("windows-1252"), "a", declared="iso-8859-1") == "“20 €”"


def test_an_encoding_written_in_ascii_bytes_is_decoded_when_declared() -> None:
    assert decode("東京".encode("iso-2022-jp"), "a", declared="iso-2022-jp") == "東京"


@pytest.mark.parametrize("declared", ["no-such-code", "base64", "", "a\x00b", "utf-7-"])
def test_a_declared_encoding_that_is_none_is_passed_over(declared: str) -> None:
    assert decode("é".encode("windows-1252"), "a", declared=declared) == "é"


@pytest.mark.parametrize(
    "data",
    [
        b"a\x00b",
        "no mark".encode("utf-16-le"),
        b"\xff\xfea",
        b"\xef\xbb\xbf\xff",
        b"\x81\x8d",
        b"\x01\x02\xff",
        b"\xff\xfe\x00\xd8",
    ],
)
def test_what_is_no_text_is_an_error(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"^a is not text.*save it as UTF-8"):
        decode(data, "a")


def test_line_ends_become_lf_and_a_form_feed_a_paragraph_break() -> None:
    assert tidy("a \r\nb\rc\n\nd\fe\te") == "a \nb\nc\n\nd\n\ne\te"


def test_nothing_else_is_changed() -> None:
    decomposed = "  Zoe\u0308\u00a0\u2028\u00ad  "
    assert tidy(decomposed) == decomposed


@pytest.mark.parametrize("text", ["", " \n\t\u00a0"])
def test_blank_text_is_an_error(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^a holds no text$"):
        check(text, "a", missing="holds no text")


def test_half_a_character_is_an_error() -> None:
    with pytest.raises(DocumentError, match="lone surrogate"):
        check("a\ud800", "a", missing="")
