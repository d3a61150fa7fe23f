"""A result as RDF triples: the graph itself, and beside it where each part of it comes from.

The graph is plain: an entity has its classes, a label, aliases and attributes, and a relation is one triple. What backs
a statement hangs on nodes of their own: an `rdf:Statement` for each relation and attribute, and for each mention and
evidence a span (Web Annotation's text selectors) that PROV-O ties to what was derived from it and to its document.

Every node has an IRI made of its deterministic id, so there are no blank nodes, and two runs of one input give the same
triples: identifiers of executions, calls and times are left out. `docs/reference/rdf.md` describes the vocabulary.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from pyoxigraph import Literal as RdfLiteral
from pyoxigraph import NamedNode, Triple

from lithograph.domain.document import Span
from lithograph.domain.facts import XSD, Attribute, Literal
from lithograph.domain.graph import Entity, Relation
from lithograph.domain.ids import OrganizationId, digest
from lithograph.domain.result import ExtractionResult, ResultDocument
from lithograph.errors import UsageError
from lithograph.graph.terms import RDF, iri, literal, percent, plain

LITH = "urn:lithograph:vocabulary#"
OA = "http://www.w3.org/ns/oa#"
PROV = "http://www.w3.org/ns/prov#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
DCTERMS = "http://purl.org/dc/terms/"
DEFAULT_BASE = "urn:lithograph:"

_TYPE = NamedNode(RDF + "type")
_LABEL = NamedNode(RDFS + "label")
_DERIVED = NamedNode(PROV + "wasDerivedFrom")
_CONFIDENCE = NamedNode(LITH + "confidence")


def namespace(organization: OrganizationId, base: str = DEFAULT_BASE) -> str:
    """Return what the IRIs of an organisation's nodes begin with: `base`, the percent-encoded name and a separator.

    The separator is `:` where `base` ends with one, and `/` elsewhere. Raises `UsageError` when `base` is no IRI.
    """
    try:
        NamedNode(base)
    except ValueError as error:
        raise UsageError(f"{base!r} cannot be the base of IRIs: {error}") from error
    return f"{base}{percent(organization)}{':' if base.endswith(':') else '/'}"


def triples(result: ExtractionResult, base: str = DEFAULT_BASE) -> list[Triple]:
    """Return the triples of `result`, each once, sorted by subject, with a subject's types before its properties."""
    describe = _Describer(namespace(result.organization_id, base))
    found: set[Triple] = set()
    for document in result.documents:
        found.update(describe.document(document))
    for entity in result.graph.entities:
        found.update(describe.entity(entity))
    for relation in result.graph.relations:
        found.update(describe.relation(relation))
    return sorted(found, key=_order)


def _order(triple: Triple) -> tuple[str, bool, str, str]:
    return str(triple.subject), triple.predicate != _TYPE, str(triple.predicate), str(triple.object)


def _count(value: int) -> RdfLiteral:
    return RdfLiteral(str(value), datatype=NamedNode(XSD + "nonNegativeInteger"))


def _confidence(value: float) -> RdfLiteral:
    # An xsd:decimal has no exponent, which Python's shortest form of a small number has.
    return RdfLiteral(f"{Decimal(str(float(value))):f}", datatype=NamedNode(XSD + "decimal"))


class _Describer:
    """Turns one domain value after the other into triples, with IRIs of one namespace."""

    def __init__(self, names: str) -> None:
        self._names = names

    def node(self, name: str) -> NamedNode:
        return NamedNode(self._names + percent(name))

    def document(self, document: ResultDocument) -> Iterator[Triple]:
        node = self.node(document.id)
        yield Triple(node, _TYPE, NamedNode(LITH + "Document"))
        yield Triple(node, _TYPE, NamedNode(PROV + "Entity"))
        yield Triple(node, _LABEL, plain(document.source))
        yield Triple(node, NamedNode(DCTERMS + "format"), plain(document.media_type))
        yield Triple(node, NamedNode(LITH + "sha256"), plain(document.sha256))
        yield Triple(node, NamedNode(LITH + "characters"), _count(document.characters))

    def entity(self, entity: Entity) -> Iterator[Triple]:
        node = self.node(entity.id)
        yield Triple(node, _TYPE, NamedNode(LITH + "Entity"))
        for name in entity.types:
            yield Triple(node, _TYPE, iri(name))
        yield Triple(node, _LABEL, plain(entity.label))
        for alias in entity.aliases:
            yield Triple(node, NamedNode(SKOS + "altLabel"), plain(alias))
        yield Triple(node, _CONFIDENCE, _confidence(entity.confidence))
        for mention in entity.mentions:
            spot = self.node(mention.id)
            yield Triple(node, _DERIVED, spot)
            yield Triple(spot, _TYPE, NamedNode(LITH + "Mention"))
            yield Triple(spot, _CONFIDENCE, _confidence(mention.confidence))
            yield from self.selector(spot, mention.span)
        for attribute in entity.attributes:
            yield from self.attribute(entity, attribute)

    def attribute(self, entity: Entity, attribute: Attribute) -> Iterator[Triple]:
        value = attribute.value
        name = digest("attribute", entity.id, attribute.predicate, value.value, value.datatype, value.language)
        fact = Triple(self.node(entity.id), iri(attribute.predicate), literal(value))
        yield from self.statement(self.node(name), fact, attribute.evidence)

    def relation(self, relation: Relation) -> Iterator[Triple]:
        node, target = self.node(relation.id), relation.object
        end = literal(target) if isinstance(target, Literal) else self.node(target)
        fact = Triple(self.node(relation.subject), iri(relation.predicate), end)
        yield from self.statement(node, fact, relation.evidence)
        yield Triple(node, _TYPE, NamedNode(LITH + "Relation"))
        yield Triple(node, _CONFIDENCE, _confidence(relation.confidence))
        for flag in relation.flags:
            yield Triple(node, NamedNode(LITH + "flag"), plain(flag.value))

    def statement(self, node: NamedNode, fact: Triple, evidence: Iterable[Span]) -> Iterator[Triple]:
        yield fact
        yield Triple(node, _TYPE, NamedNode(RDF + "Statement"))
        yield Triple(node, NamedNode(RDF + "subject"), fact.subject)
        yield Triple(node, NamedNode(RDF + "predicate"), fact.predicate)
        yield Triple(node, NamedNode(RDF + "object"), fact.object)
        for span in evidence:
            spot = self.node(digest("span", span.document, span.start, span.end))
            yield Triple(node, _DERIVED, spot)
            yield from self.selector(spot, span)

    def selector(self, node: NamedNode, span: Span) -> Iterator[Triple]:
        yield Triple(node, _TYPE, NamedNode(OA + "TextPositionSelector"))
        yield Triple(node, _TYPE, NamedNode(OA + "TextQuoteSelector"))
        yield Triple(node, NamedNode(OA + "start"), _count(span.start))
        yield Triple(node, NamedNode(OA + "end"), _count(span.end))
        yield Triple(node, NamedNode(OA + "exact"), plain(span.text))
        yield Triple(node, NamedNode(PROV + "wasQuotedFrom"), self.node(span.document))
