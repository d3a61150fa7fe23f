"""Bytes in one of four syntaxes to statements, or to an error that says what is wrong and where."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import quote

from lithograph.errors import OntologyError
from lithograph.ontology.rdfxml import Flaw, LineByLine, as_utf8, check_entities, flaw_in_xml
from lithograph.ontology.triples import Text, Triples

if TYPE_CHECKING:
    import pyoxigraph


class Format(StrEnum):
    """A syntax that an ontology can be written in."""

    TURTLE = "Turtle"
    RDF_XML = "RDF/XML"
    JSON_LD = "JSON-LD"
    N_TRIPLES = "N-Triples"


EXTENSIONS: Mapping[str, Format | None] = {
    ".ttl": Format.TURTLE,
    ".nt": Format.N_TRIPLES,
    ".jsonld": Format.JSON_LD,
    ".json": Format.JSON_LD,
    ".rdf": Format.RDF_XML,
    ".xml": Format.RDF_XML,
    ".owl": None,
}
"""What a file name promises; `.owl` is given to several syntaxes."""

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LEADING = re.compile(rb"(?:\s+|#[^\n]*(?:\n|$))*")
_FOREIGN = (
    (re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"<(?:owl:)?Ontology\s[^>]*xmlns\s*=\s*[\"']http://www\.w3\.org/2002/07/owl#"), "OWL/XML"),
    (re.compile(rb"(?:Prefix|Ontology)\s*\("), "OWL functional syntax"),
    (re.compile(rb"(?:Prefix|Ontology):\s"), "OWL Manchester syntax"),
    (re.compile(rb"format-version:"), "OBO"),
)
_XML = re.compile(rb"<\?xml|<!DOCTYPE|<!--|<(?:[A-Za-z_][\w.-]*:)?RDF[\s>]")
_JSON = re.compile(rb"\{\s*[\"}]|\[\s*(?:[{\[\"]|\]\s*$)")
_TURTLE = re.compile(rb"@prefix\b|@base\b|(?:PREFIX|BASE)\s", re.IGNORECASE)
_STATEMENT = re.compile(rb"<[^<>\"{}|^`\\\s]*>\s|_:|\[|\(|[\w.-]*:[\w.-]*\s")
_XML_PROLOGUE = re.compile(rb"(?:<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>|\s+)*", re.DOTALL)
_REMOTE_CONTEXT = re.compile(rb"\"@(?:context|import)\"\s*:\s*(?:\[[^\]]*?)?\"")


def recognise(data: bytes, source: str) -> Format:
    """Return the syntax of a file: what its first words say, else what its name says, else Turtle.

    Raises `OntologyError` for a format that is known but not supported.
    """
    promised = EXTENSIONS.get(PurePath(source).suffix.lower())
    start = data[_leading_end(data) :][:4096]
    for pattern, name in _FOREIGN:
        place = start[_matched(_XML_PROLOGUE, start) :] if start.startswith(b"<") else start
        if pattern.match(start) or pattern.match(place):
            raise OntologyError(
                f"{source} is {name}, which is not supported; save it as Turtle, RDF/XML, JSON-LD or N-Triples"
            )
    if _XML.match(start):
        return Format.RDF_XML
    if _JSON.match(start):
        return Format.JSON_LD
    if _TURTLE.match(start):
        return Format.TURTLE
    if _STATEMENT.match(start):
        return Format.N_TRIPLES if promised is Format.N_TRIPLES else Format.TURTLE
    return promised or Format.TURTLE


def _leading_end(data: bytes) -> int:
    return _matched(_LEADING, data)


def _matched(pattern: re.Pattern[bytes], data: bytes) -> int:
    found = pattern.match(data)
    return found.end() if found else 0


def base_of(source: str) -> str:
    """Return the IRI against which relative IRIs of `source` are read.

    It holds the file's name and not its folder: the same file means the same wherever it lies.
    """
    name = PurePath(source).name or "ontology"
    return "file:///" + quote(name.encode("utf-8", "replace"))


def parse(data: bytes, source: str, syntax: Format | None = None, base: str | None = None) -> Triples:
    """Return the statements of a file. Nothing is fetched, whatever the file refers to.

    Raises `OntologyError` with the line, where it can be known, and what is wrong there.
    """
    import pyoxigraph  # heavy: `import lithograph` must not pay for it

    data = _decoded(data, source)
    chosen = syntax or recognise(data, source)
    if chosen is Format.RDF_XML:
        data = as_utf8(data, source)
        check_entities(data, source)
    base = base or base_of(source)
    found = Triples()
    try:
        for quad in pyoxigraph.parse(data, format=_oxigraph(chosen), base_iri=base, rename_blank_nodes=True):
            subject, value = quad.subject, quad.object
            node = subject.value if isinstance(subject, pyoxigraph.NamedNode) else f"_:{subject.value}"
            if isinstance(value, pyoxigraph.NamedNode):
                found.add(node, quad.predicate.value, value.value)
            elif isinstance(value, pyoxigraph.Literal):
                text = Text(value.value, (value.language or "").lower(), value.datatype.value)
                found.add(node, quad.predicate.value, text)
            elif isinstance(value, pyoxigraph.BlankNode):
                found.add(node, quad.predicate.value, f"_:{value.value}")
    except (SyntaxError, ValueError, OSError) as error:
        raise _described(error, data, source, chosen, base) from error
    if not found.size:
        raise OntologyError(f"{source} holds no statement in {chosen}; an ontology declares classes and properties")
    return found


def _decoded(data: bytes, source: str) -> bytes:
    if data.startswith(_UTF16):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise OntologyError(f"{source} begins like UTF-16 and is not; save it as UTF-8") from error
        data = re.sub(r"^<\?xml[^>]*\?>", '<?xml version="1.0"?>', text).encode("utf-8", "replace")
    data = data.removeprefix(_BOM)
    if not data.strip():
        raise OntologyError(f"{source} is empty; an ontology declares classes and properties")
    return data


def _oxigraph(syntax: Format) -> "pyoxigraph.RdfFormat":
    import pyoxigraph

    return {
        Format.TURTLE: pyoxigraph.RdfFormat.TURTLE,
        Format.RDF_XML: pyoxigraph.RdfFormat.RDF_XML,
        Format.JSON_LD: pyoxigraph.RdfFormat.JSON_LD,
        Format.N_TRIPLES: pyoxigraph.RdfFormat.N_TRIPLES,
    }[syntax]


def _described(error: Exception, data: bytes, source: str, syntax: Format, base: str) -> OntologyError:
    flaw = _flaw(error, data, syntax, base)
    place = f"{source}, line {flaw.line}," if flaw.line else source
    return OntologyError(f"{place} is not valid {syntax}: {flaw.message}")


def _flaw(error: Exception, data: bytes, syntax: Format, base: str) -> Flaw:
    message = " ".join((getattr(error, "msg", None) or str(error)).split())
    message = re.sub(r"^Parser error at line [^:]*: ", "", message).rstrip(".")
    line = getattr(error, "lineno", None)
    if syntax is Format.RDF_XML:
        return flaw_in_xml(data) or Flaw(_line_read(data, base), message)
    if "LoadDocumentCallback" in message:
        remote = _REMOTE_CONTEXT.search(data)
        line = data.count(b"\n", 0, remote.end()) + 1 if remote else None
        message = "its @context lies elsewhere, and nothing is fetched; write the context into the file itself"
    return Flaw(line, message)


def _line_read(data: bytes, base: str) -> int | None:
    import pyoxigraph

    lines = LineByLine(data)
    try:
        for _ in pyoxigraph.parse(lines, format=pyoxigraph.RdfFormat.RDF_XML, base_iri=base):
            pass
    except (SyntaxError, ValueError, OSError):
        return lines.line or None
    return None
