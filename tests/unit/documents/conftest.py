"""Documents made by hand, so that the tests run on any clone."""

import io
import zipfile
from collections.abc import Callable
from xml.sax.saxutils import escape

import pytest

_OPEN_XML = "http://schemas.openxmlformats.org"
_TYPES = f"""<?xml version="1.0"?><Types xmlns="{_OPEN_XML}/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml"
ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
_RELATIONS = f"""<?xml version="1.0"?><Relationships xmlns="{_OPEN_XML}/package/2006/relationships">
<Relationship Id="r1" Type="{_OPEN_XML}/officeDocument/2006/relationships/officeDocument"
Target="word/document.xml"/></Relationships>"""

_COMMENTS = f"""<?xml version="1.0"?><Relationships xmlns="{_OPEN_XML}/package/2006/relationships">
<Relationship Id="r1" Type="{_OPEN_XML}/officeDocument/2006/relationships/comments" Target="comments.xml"/>
</Relationships>"""


def paragraph(text: str) -> str:
    properties = '<w:pPr><w:pStyle w:val="Heading1"/></w:pPr>' if text.startswith("# ") else ""
    return f'<w:p>{properties}<w:r><w:t xml:space="preserve">{escape(text.removeprefix("# "))}</w:t></w:r></w:p>'


def table(rows: list[tuple[str, ...]]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def docx(*blocks: str | list[tuple[str, ...]], xml: str = "", comments: str = "") -> bytes:
    body = "".join(paragraph(block) if isinstance(block, str) else table(block) for block in blocks) + xml
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELATIONS)
        if comments:
            archive.writestr("word/_rels/document.xml.rels", _COMMENTS)
            spaced = f'<w:comments xmlns:w="{_OPEN_XML}/wordprocessingml/2006/main">{comments}</w:comments>'
            archive.writestr("word/comments.xml", spaced)
        archive.writestr(
            "word/document.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="{_OPEN_XML}/wordprocessingml/2006/main">'
            f"<w:body>{body}</w:body></w:document>",
        )
    return packed.getvalue()


def pdf(text: str, *, encrypted: bool = False) -> bytes:
    content = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode("ascii") if text else b"72 700 100 100 re f"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources <</Font <</F1 5 0 R>> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    trailer = b"/Size %d /Root 1 0 R" % (len(objects) + 1)
    if encrypted:
        # The owner's and the user's key fit no password.
        trailer += b" /ID [<00><00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (
            b"11" * 32,
            b"22" * 32,
        )
    out = b"%PDF-1.4\n"
    starts = []
    for number, body in enumerate(objects, start=1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table_start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % start for start in starts)
    return out + b"trailer\n<< %s >>\nstartxref\n%d\n%%%%EOF\n" % (trailer, table_start)


@pytest.fixture
def make_docx() -> Callable[..., bytes]:
    """Makes a DOCX of its arguments: a paragraph of a string, a heading of one with `# `, a table of a list of rows;
    then comes `xml` as it stands, and the `comments` that it refers to.
    """
    return docx


@pytest.fixture
def make_pdf() -> Callable[..., bytes]:
    """Makes a PDF of one line; of an empty one, a page without text. `encrypted=True` locks it."""
    return pdf
