from collections.abc import Callable

import pytest

from lithograph.documents.read import document_from_bytes
from lithograph.errors import DocumentError


def test_the_text_of_a_docx_is_its_prose_and_nothing_else(make_docx: Callable[..., bytes]) -> None:
    data = make_docx("# A & B", "Some <words>, *starred* [^1].", [("A|1", "B"), ("", "D")], "Zoë — 東京 😀")
    document = document_from_bytes(data, source="a.docx")
    assert document.text == "A & B\n\nSome <words>, *starred* [^1].\n\nA|1\tB\n\tD\n\nZoë — 東京 😀"
    assert document.media_type.endswith("wordprocessingml.document")


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def test_what_was_moved_in_a_docx_is_there_once(make_docx: Callable[..., bytes]) -> None:
    moved = run("Acme bought Globex.")
    xml = (
        f'<w:p><w:moveFromRangeStart w:id="1" w:name="m"/><w:moveFrom w:id="2" w:author="A">{moved}</w:moveFrom>'
        '<w:moveFromRangeEnd w:id="1"/></w:p>'
        f"<w:p>{run('In the middle.')}<w:moveFrom>{run(' Gone.')}</w:moveFrom></w:p>"
        f'<w:p><w:moveToRangeStart w:id="3" w:name="m"/><w:moveTo w:id="4" w:author="A">{moved}</w:moveTo></w:p>'
    )
    document = document_from_bytes(make_docx("First.", xml=xml), source="a.docx")
    assert document.text == "First.\n\nIn the middle.\n\nAcme bought Globex."


def test_where_a_comment_is_about_is_no_text(make_docx: Callable[..., bytes]) -> None:
    xml = f'<w:p>{run("Ada met Charles")}<w:r><w:commentReference w:id="0"/></w:r>{run(" in London [cmt:x].")}</w:p>'
    comments = f'<w:comment w:id="0" w:author="Z"><w:p>{run("When?")}</w:p></w:comment>'
    document = document_from_bytes(make_docx(xml=xml, comments=comments), source="a.docx")
    assert document.text == "Ada met Charles in London [cmt:x].\n\nWhen?"


def test_a_long_and_repetitive_docx_is_read_whole(make_docx: Callable[..., bytes]) -> None:
    document = document_from_bytes(make_docx(*["the same words again"] * 30_000), source="a.docx")
    assert document.text.count("the same words again") == 30_000


def test_the_text_of_a_pdf_is_its_text_layer(make_pdf: Callable[..., bytes]) -> None:
    document = document_from_bytes(make_pdf("Words on a page"), source="a.pdf")
    assert document.text == "Words on a page"
    assert document.media_type == "application/pdf"


def test_a_pdf_without_text_layer_is_said_to_need_ocr(make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(DocumentError, match=r"^scan.pdf has no text layer.*OCR"):
        document_from_bytes(make_pdf(""), source="scan.pdf")


def test_an_encrypted_pdf_is_said_to_be(make_pdf: Callable[..., bytes]) -> None:
    with pytest.raises(DocumentError, match=r"^a.pdf is encrypted with a password; save it without one"):
        document_from_bytes(make_pdf("secret", encrypted=True), source="a.pdf")


def test_a_docx_without_text_is_an_error(make_docx: Callable[..., bytes]) -> None:
    with pytest.raises(DocumentError, match=r"^a.docx holds no text"):
        document_from_bytes(make_docx(), source="a.docx")


def test_a_docx_with_broken_xml_is_an_error(make_docx: Callable[..., bytes]) -> None:
    whole = make_docx("words " * 500)
    middle = whole.index(b"word/document.xml") + 60
    with pytest.raises(DocumentError, match=r"^a.docx is broken or incomplete"):
        document_from_bytes(whole[:middle] + bytes(20) + whole[middle + 20 :], source="a.docx")


def test_a_broken_pdf_is_an_error() -> None:
    with pytest.raises(DocumentError, match=r"^a.pdf is broken or incomplete"):
        document_from_bytes(b"%PDF-1.7 and nothing else\n%%EOF", source="a.pdf")
