"""HTML to what a reader of the page sees, with the standard library's tokenizer.

Blocks are separated by blank lines, list items and rows stand on lines of their own, cells are separated by tabs.
"""

import re
from html.parser import HTMLParser
from typing import Final

# fmt: off
_BLOCKS: Final = frozenset((
    "address", "article", "aside", "blockquote", "body", "center", "details", "dialog", "div", "dl", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr",
    "html", "main", "menu", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead",
    "ul",
))
_LINES: Final = frozenset((
    "br", "caption", "dd", "dt", "legend", "li", "option", "tr",
))
_TABLE: Final = frozenset((
    "table", "tbody", "tfoot", "thead", "tr",
))
_UNSEEN: Final = frozenset((
    "audio", "canvas", "iframe", "noembed", "noframes", "object", "script", "style", "svg", "template", "title",
    "video",
))
# fmt: on
_CELLS: Final = frozenset(("td", "th"))
_PARAGRAPH: Final = 2
# No-break space is a character of the text; these are layout of the source.
_WHITE: Final = re.compile(r"[ \t\n\r\f]+")
_DECLARED: Final = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})"
    rb"|<\?xml[^>]{0,80}encoding=[\"']([\w.:-]{1,40})",
    re.IGNORECASE,
)
_DECLARED_WITHIN: Final = 1024


def declared_encoding(data: bytes) -> str | None:
    """Return the encoding that the page names in its first 1,024 bytes, or `None`."""
    found = _DECLARED.search(data[:_DECLARED_WITHIN])
    return (found[1] or found[2]).decode("ascii", "replace") if found else None


def html_text(markup: str) -> str:
    """Return the visible text of a page. Any string is a page: what is not well-formed is read as browsers read it."""
    page = _Page()
    page.feed(markup)
    page.close()
    return page.text()


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._breaks = 0
        """Line ends owed before the next word."""
        self._space = False
        self._unseen: list[str] = []
        self._preformatted = 0
        self._cells = 0
        """Cells begun in the row."""
        self._cell_is_blank = False
        self._row_is_blank = False

    def text(self) -> str:
        return "".join(self._pieces).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _UNSEEN:
            self._unseen.append(tag)
        elif tag in _CELLS:
            self._begin_cell()
        else:
            if tag == "tr":
                self._begin_row()
            self._break(tag)
            if tag == "pre":
                self._preformatted += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # In HTML, `<div/>` opens; only for what is unseen (as in `<iframe/>`) does XHTML's reading lose less.
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            while self._unseen.pop() != tag:
                pass
        elif tag in _CELLS:
            self._end_cell()
        elif tag != "br":
            if tag in _TABLE:
                self._cell_is_blank = False
            self._break(tag)
            if tag == "pre":
                self._preformatted = max(0, self._preformatted - 1)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._preformatted:
            self._write(data.lstrip("\r\n") if self._breaks else data)
            return
        words = _WHITE.sub(" ", data)
        if words.startswith(" "):
            self._space = True
        if word := words.strip(" "):
            self._write(word)
            self._space = words.endswith(" ")

    def _begin_row(self) -> None:
        self._cells = 0
        self._cell_is_blank = False
        self._row_is_blank = True

    def _begin_cell(self) -> None:
        if self._cells:
            self._end_cell()
            self._owe_nothing()
            self._pieces.append("\t")
            self._row_is_blank = False
        self._cells += 1
        # A paragraph that opens a cell must not push the cell to a line of its own.
        self._cell_is_blank = True

    def _end_cell(self) -> None:
        self._cell_is_blank = False
        if not self._row_is_blank:
            self._breaks = 0
            self._space = False

    def _owe_nothing(self) -> None:
        if self._pieces:
            self._pieces.append("\n" * self._breaks or " " * self._space)
        self._breaks = 0
        self._space = False

    def _break(self, tag: str) -> None:
        if self._cell_is_blank:
            return
        if tag in _BLOCKS:
            self._breaks = _PARAGRAPH
        elif tag == "br":
            self._breaks = min(self._breaks + 1, _PARAGRAPH)
        elif tag in _LINES:
            self._breaks = max(self._breaks, 1)

    def _write(self, words: str) -> None:
        if words:
            self._owe_nothing()
            self._pieces.append(words)
            self._cell_is_blank = False
            self._row_is_blank = False
