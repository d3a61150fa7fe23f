"""PDF and DOCX to text, through xberg. Runs in the child process only: see `isolate`.

This takes the plain text of a PDF, but the structure of a DOCX: its plain text carries notes on styles, which no option
turns off and no offset should count.
"""

import asyncio
import json
import re
import zlib
from collections.abc import Iterable
from io import BytesIO
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Final, TypedDict
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from lithograph.documents.kind import Kind
from lithograph.documents.limits import Limits
from lithograph.errors import DocumentError

if TYPE_CHECKING:
    from xberg import ExtractedDocument

_LAYERS: Final = frozenset(("body", "footnote"))
_MARKS: Final = {"footnote": re.compile(r"\[\^\d+\]"), "comment": re.compile(r"\[cmt:\d+\]")}
"""What stands in the text for a node of a kind."""
_MOVED_PARTS: Final = frozenset(("word/document.xml", "word/footnotes.xml", "word/endnotes.xml"))
_MOVED: Final = re.compile(rb"<w:moveFrom(?:\s[^>]*)?(?<!/)>")
_MOVED_END: Final = b"</w:moveFrom>"
_SECRET: Final = re.compile(r"password|encrypt", re.IGNORECASE)
# The unpacked size has been checked already; a long, repetitive text packs better than any fixed ratio allows.
_ANY_RATIO: Final = 1_000_000


class _Cell(TypedDict):
    content: str
    row: int
    col: int


class _Grid(TypedDict):
    rows: int
    cols: int
    cells: list[_Cell]


class _Node(TypedDict, total=False):
    node_type: str
    text: str
    grid: _Grid


def rich_text(data: bytes, source: str, kind: Kind, limits: Limits) -> str:
    """Return the text of a PDF (its text layer, page by page) or of a DOCX (without its headers and footers).

    Raises `DocumentError` when it is encrypted or broken.
    """
    settled = _without_moved(data) if kind is Kind.DOCX else data
    document = asyncio.run(_extract(settled, source, kind, limits))
    # A damaged font can map a glyph to NUL, which no database column of text can hold.
    text = document.content if kind is Kind.PDF else _of_structure(document)
    return text.replace("\x00", "")


def _without_moved(data: bytes) -> bytes:
    """Return a DOCX without what tracked changes have moved: xberg leaves out what is deleted, but gives this twice."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            parts = {name: archive.read(name) for name in _MOVED_PARTS.intersection(archive.namelist())}
            moved = {name: rest for name, part in parts.items() if (rest := _cut(part)) != part}
            if not moved:
                return data
            with BytesIO() as written:
                with ZipFile(written, "w", ZIP_DEFLATED) as rewritten:
                    for info in archive.infolist():
                        rewritten.writestr(info, moved.get(info.filename) or archive.read(info))
                return written.getvalue()
    except (BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, zlib.error):
        return data  # what is wrong with it is said by whoever reads it


def _cut(part: bytes) -> bytes:
    kept, end = [], 0
    while (begin := _MOVED.search(part, end)) and (close := part.find(_MOVED_END, begin.end())) >= 0:
        kept.append(part[end : begin.start()])
        end = close + len(_MOVED_END)
    return b"".join([*kept, part[end:]])


async def _extract(data: bytes, source: str, kind: Kind, limits: Limits) -> "ExtractedDocument":
    import xberg  # takes 0.3 s and 60 MB

    config = xberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,
        enable_quality_processing=False,  # it rewrites what it takes for mistakes
        max_archive_depth=0,
        include_document_structure=kind is Kind.DOCX,
        postprocessor=xberg.PostProcessorConfig(enabled=False),
        pdf_options=xberg.PdfConfig(extract_tables=False, extract_metadata=False, extract_form_fields=False),
        security_limits=xberg.SecurityLimits(
            max_archive_size=limits.unpacked_bytes,
            max_content_size=limits.unpacked_bytes,
            max_compression_ratio=_ANY_RATIO,
        ),
        concurrency=xberg.ConcurrencyConfig(max_threads=1),
    )
    try:
        answer = await xberg.extract(xberg.ExtractInput(kind="bytes", bytes=data, mime_type=kind.value), config)
    except (xberg.XbergError, RuntimeError, ValueError) as error:
        raise DocumentError(_sentence(source, str(error))) from error
    if not answer.results:
        raise DocumentError(_sentence(source, " ".join(item.message for item in answer.errors)))
    return answer.results[0]


def _sentence(source: str, said: str) -> str:
    # xberg has no error of its own for this.
    if _SECRET.search(said):
        return f"{source} is encrypted with a password; save it without one and try again"
    return f"{source} is broken or incomplete; open it in its program and save it again"


def _of_structure(document: "ExtractedDocument") -> str:
    if document.document is None:
        return document.content
    nodes: list[_Node] = [
        json.loads(str(node.content)) for node in document.document.nodes if str(node.content_layer) in _LAYERS
    ]
    blocks = [(node["node_type"], text) for node in nodes if (text := _of_node(node)).strip()]
    text = _join(blocks)
    for kind in _MARKS.keys() & {node["node_type"] for node in nodes}:
        text = _MARKS[kind].sub("", text)
    return text


def _of_node(node: _Node) -> str:
    if node["node_type"] == "table":
        return _of_table(node["grid"])
    # A picture's alternative text is not on the page; a group repeats the heading that follows it.
    return "" if node["node_type"] in ("image", "group") else node.get("text", "")


def _of_table(grid: _Grid) -> str:
    by_row = groupby(sorted(grid["cells"], key=lambda cell: (cell["row"], cell["col"])), key=lambda cell: cell["row"])
    rows = (_of_row(list(cells), grid["cols"]) for _, cells in by_row)
    return "\n".join(row for row in rows if row.strip())


def _of_row(cells: list[_Cell], columns: int) -> str:
    by_column = {cell["col"]: " ".join(cell["content"].split()) for cell in cells}
    return "\t".join(by_column.get(column, "") for column in range(columns))


def _join(blocks: Iterable[tuple[str, str]]) -> str:
    pieces = []
    for (before, _), (kind, text) in pairwise([("", ""), *blocks]):
        if before:
            pieces.append("\n" if before == kind == "list_item" else "\n\n")
        pieces.append(text)
    return "".join(pieces)
