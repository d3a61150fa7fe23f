import io
import zipfile
from collections.abc import Callable

import pytest

from lithograph.documents.docx import check_docx
from lithograph.errors import DocumentError


def packed(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


def test_a_docx_within_the_limit_passes(make_docx: Callable[..., bytes]) -> None:
    check_docx(make_docx("words"), "a.docx", unpacked_bytes=10_000)


def test_a_docx_that_would_unpack_to_too_much_is_an_error(make_docx: Callable[..., bytes]) -> None:
    bomb = make_docx(" " * 5_000_000)
    assert len(bomb) < 20_000
    with pytest.raises(DocumentError, match=r"^a.docx would unpack to 5,.* over the limit of 1,000,000"):
        check_docx(bomb, "a.docx", unpacked_bytes=1_000_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (packed("readme.txt"), "is a ZIP archive, not a DOCX"),
        (packed("[Content_Types].xml", "xl/workbook.xml"), "is an Excel workbook, not a DOCX"),
        (b"PK\x03\x04 and no more", "is broken or incomplete"),
    ],
)
def test_what_is_no_docx_is_named(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        check_docx(data, "a.docx", unpacked_bytes=10_000)


def test_encrypted_parts_are_recognised() -> None:
    data = bytearray(packed("word/document.xml"))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DocumentError, match="password"):
        check_docx(bytes(data), "a.docx", unpacked_bytes=10_000)
