import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lithograph.documents.limits import DEFAULT_LIMITS
from lithograph.documents.read import document_from_bytes, read_document
from lithograph.domain.ids import OrganizationId
from lithograph.errors import DocumentError

FOUND = {
    "eml_with_attachment.eml": "Subject: Email with Attachment\n\nHello Bob,",
    "example_01.html": "Background\n\nSome background information here.\n\nFirst item",
    "fake-email-header.eml": "Date: Fri, 16 Dec 2022 17:04:16 -0500\nSubject: Test Email\n\nThis is a test email",
    "layout-parser-paper-fast.pdf": "an open-source\nlibrary for streamlining the usage of DL in DIA research",
    "reliance.pdf": "RIL has been driving inclusion, \ndemocratising connectivity",
    # One page of it is damaged: the others are given, as every viewer does.
    "testPDF_bad_page_303226.pdf": "§ 1307.22  Disposal of controlled sub-\nstances by the Administration.",
    "wiki.md": "# IBM\n\nInternational Business Machines Corporation (using the trademark IBM)",
    "word_sample.docx": "Swimming in the lake\n\nDuck\n\nFigure 1",
    "word_tables.docx": "Test with tables\n\nA uniform table\n\nHeader 0.0\tHeader 0.1\tHeader 0.2\nCell 1.0",
}


@pytest.mark.parametrize("name", FOUND)
def test_real_files_give_their_text(shared_data: Path, name: str) -> None:
    path = shared_data / "documents" / name
    document = read_document(path)
    assert FOUND[name] in document.text
    assert document.source == str(path)
    assert document.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for noise in ("style_name", "<w:", "[Image", "](", "\r", "\f", "\x00"):
        assert noise not in document.text or name.endswith(".md")


def test_a_real_encrypted_pdf_is_said_to_be(shared_data: Path) -> None:
    with pytest.raises(DocumentError, match=r"libreoffice-writer-password.pdf is encrypted with a password"):
        read_document(shared_data / "documents" / "libreoffice-writer-password.pdf")


@pytest.mark.parametrize("name", ["word_sample.docx", "reliance.pdf", "fake-email-header.eml", "example_01.html"])
def test_the_same_bytes_give_the_same_text(shared_data: Path, name: str) -> None:
    path = shared_data / "documents" / name
    assert read_document(path) == read_document(path)


def test_markdown_stays_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"# T\r\n\r\n*a*  \r\n| x | y |\r\n")
    document = read_document(path, organization_id=OrganizationId("acme"))
    assert document.text == "# T\n\n*a*  \n| x | y |\n"
    assert (document.media_type, document.organization_id) == ("text/markdown", "acme")


def test_the_text_of_a_page_does_not_depend_on_its_line_ends() -> None:
    page = b"<p>one\r\ntwo<pre>a\r\nb</pre>"
    assert document_from_bytes(page, source="a.html").text == "one two\n\na\nb"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "a.txt is empty; give a file with text in it"),
        (b" \r\n\t", "a.txt holds no text; give a document with words in it"),
        (b"\xef\xbb\xbf", "a.txt holds no text; give a document with words in it"),
    ],
)
def test_a_file_without_text_is_an_error(data: bytes, sentence: str) -> None:
    with pytest.raises(DocumentError) as caught:
        document_from_bytes(data, source="a.txt")
    assert str(caught.value) == sentence


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"none.txt does not exist; check the path$"):
        read_document(tmp_path / "none.txt")


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="is a folder; name the files"):
        read_document(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_an_error_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DocumentError, match="is not a regular file"):
        read_document(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["a\x00b", "x" * 5000])
def test_an_impossible_path_is_an_error(name: str) -> None:
    with pytest.raises(DocumentError):
        read_document(Path(name))


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("secret")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # The tests may run as a user who may read everything, so that the file's mode says nothing.
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DocumentError, match=r"a.txt may not be read by this user; change its permissions"):
        read_document(path)


def test_a_file_over_the_limit_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 1001)
    limits = replace(DEFAULT_LIMITS, file_bytes=1000)
    with pytest.raises(DocumentError, match=r"a.txt has 1,001 bytes, over the limit of 1,000; split it"):
        read_document(path, limits=limits)
    with pytest.raises(DocumentError, match="over the limit"):
        document_from_bytes(b"x" * 1001, source="a", limits=limits)
    assert len(document_from_bytes(b"x" * 1000, source="a", limits=limits).text) == 1000


def test_a_name_with_undecodable_bytes_is_no_obstacle() -> None:
    assert document_from_bytes(b"words", source=os.fsdecode(b"caf\xe9.txt")).source.startswith("caf")


def test_reading_does_not_load_the_heavy_library_here() -> None:
    code = (
        "import sys; from lithograph.documents.read import document_from_bytes;"
        "document_from_bytes(b'<p>x', source='a.html');"
        "sys.exit('xberg' in sys.modules or 'asyncio' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
