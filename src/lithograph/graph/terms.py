"""RDF terms from text that nobody has checked: whatever an ontology or a document says becomes a legal term."""

import re
from urllib.parse import quote

from pyoxigraph import Literal as RdfLiteral
from pyoxigraph import NamedNode

from lithograph.domain.facts import Literal

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
FALLBACK = "urn:lithograph:iri#"
"""Stands before what is no absolute IRI even after percent-encoding, such as `Person`."""

_LANGUAGE_DATATYPES = frozenset({RDF + "langString", RDF + "dirLangString"})
# RFC 3987: ucschar, and the reserved and unreserved ASCII characters. Private-use characters are legal in a query only
# and are therefore encoded everywhere.
_PLANES = "".join(f"{chr(0x10000 * n)}-{chr(0x10000 * n + 0xFFFD)}" for n in range(1, 14))
_LEGAL = rf"a-zA-Z0-9\-._~:/?#\[\]@!$&'()*+,;=\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef{_PLANES}\U000e1000-\U000efffd"
_ILLEGAL = re.compile(rf"%(?![0-9A-Fa-f]{{2}})|[^%{_LEGAL}]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def percent(text: str) -> str:
    """Return `text` with everything but unreserved ASCII characters percent-encoded."""
    return quote(text, safe="", errors="surrogatepass")


def iri(text: str) -> NamedNode:
    """Return the IRI `text`, its illegal characters percent-encoded; `FALLBACK` and `text` where that is none either.

    A legal IRI is returned as it is.
    """
    try:
        return NamedNode(_ILLEGAL.sub(lambda found: percent(found.group()), text))
    except ValueError:
        return NamedNode(FALLBACK + percent(text))


def plain(text: str) -> RdfLiteral:
    """Return `text` as an `xsd:string`; a lone surrogate, which RDF cannot hold, becomes U+FFFD."""
    return RdfLiteral(_SURROGATE.sub("\ufffd", text))


def literal(value: Literal) -> RdfLiteral:
    """Return `value` as an RDF literal; a language tag that is none is left out, like a datatype that needs one."""
    text = _SURROGATE.sub("\ufffd", value.value)
    if value.language:
        try:
            return RdfLiteral(text, language=value.language)
        except ValueError:
            return RdfLiteral(text)
    if value.datatype in _LANGUAGE_DATATYPES or not value.datatype:
        return RdfLiteral(text)
    return RdfLiteral(text, datatype=iri(value.datatype))
