"""What RDF/XML needs around its parser: other encodings than UTF-8, a bound on entities, the line of an error."""

import codecs
import io
import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from xml.parsers import expat

from lithograph.errors import OntologyError

_DECLARATION = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"'][^>]*\?>")
_ENTITY = re.compile(rb"<!ENTITY\s+([^\s%&;\"'<>]+)\s+(?:\"([^\"]*)\"|'([^']*)')")
_REFERENCE = re.compile(rb"&([^\s#%&;\"'<>]+);")
_LARGEST_EXPANSION = 64_000_000


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with a file, and on which line where that is known."""

    line: int | None
    message: str


def as_utf8(data: bytes, source: str) -> bytes:
    """Return the file in UTF-8, whatever encoding its first line declares; `OntologyError` where that fails."""
    declaration = _DECLARATION.match(data)
    if not declaration:
        return data
    encoding = declaration[1].decode("ascii")
    try:
        if codecs.lookup(encoding).name == "utf-8":
            return data
        text = data[declaration.end() :].decode(encoding)
    except (LookupError, ValueError) as error:
        raise OntologyError(
            f"{source}, line 1, declares the encoding {encoding}, in which the file cannot be read; save it as UTF-8"
        ) from error
    return b'<?xml version="1.0"?>' + text.encode("utf-8", "replace")


def check_entities(data: bytes, source: str) -> None:
    """Raise `OntologyError` when the file's XML entities would grow beyond all measure ("billion laughs").

    The parser that follows expands entities of entities without a bound of its own.
    """
    declared = {found[1]: found[2] or found[3] or b"" for found in _ENTITY.finditer(data)}
    sizes: dict[bytes, int] = {}
    total = 0
    for name in _in_order_of_use(declared, source):
        inner = sum(sizes.get(used, 0) for used in _REFERENCE.findall(declared[name]))
        sizes[name] = len(declared[name]) + inner
    for used in _REFERENCE.findall(data):
        total += sizes.get(used, 0)
        if total > _LARGEST_EXPANSION:
            raise OntologyError(
                f"{source} holds XML entities that expand to more than {_LARGEST_EXPANSION // 1_000_000} MB; "
                "write the text out instead"
            )


def _in_order_of_use(declared: dict[bytes, bytes], source: str) -> list[bytes]:
    """Return the entities so that each stands after those that it uses."""
    uses = {name: [used for used in _REFERENCE.findall(text) if used in declared] for name, text in declared.items()}
    try:
        return list(TopologicalSorter(uses).static_order())
    except CycleError as error:
        raise OntologyError(f"{source} holds XML entities that refer to each other in a circle") from error


def flaw_in_xml(data: bytes) -> Flaw | None:
    """Return the place and kind of the first mistake in the XML itself; None when it is well-formed."""
    parser = expat.ParserCreate()
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        return Flaw(error.lineno, expat.ErrorString(error.code))
    except (ValueError, UnicodeError):
        return None
    return None


class LineByLine(io.BytesIO):
    """Hands out one line per read, so that a parser that fails has read just as far as the line that it failed on."""

    def __init__(self, data: bytes) -> None:
        self.line = 0
        """The number of the line that was handed out last."""
        self._whole = True
        super().__init__(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the rest of the current line, at most `size` bytes of it."""
        piece = self.readline(size)
        self.line += self._whole and bool(piece)
        self._whole = piece.endswith(b"\n")
        return piece
