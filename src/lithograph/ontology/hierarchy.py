"""Which IRIs are classes, properties and datatypes, and what stands above each.

A class is an IRI that is declared one (`owl:Class`, `rdfs:Class`, `owl:DeprecatedClass`), or that RDFS says is one
because it stands at either end of `rdfs:subClassOf`, in a domain, or in the range of a property that is not declared an
`owl:DatatypeProperty`. So `org:memberOf rdfs:domain foaf:Agent` makes `foaf:Agent` something to look for, although ORG
declares no such class; `OntologyClass.declared` tells the two apart.

A property is an IRI that is declared one, or that has a domain or range and is not declared an annotation property. An
`owl:AnnotationProperty` alone is about the ontology and is not extracted.

Neither are the terms of RDF, RDFS, OWL and XSD, blank nodes, or datatypes: what is declared `rdfs:Datatype` or
`schema:DataType`, and schema.org's `Text`, `Number`, `Date` and so on with everything below them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lithograph.domain.facts import XSD
from lithograph.domain.ids import Iri
from lithograph.ontology import terms
from lithograph.ontology.triples import Text, Triples

_DOMAINS = (terms.DOMAIN, *terms.DOMAIN_INCLUDES)
_RANGES = (terms.RANGE, *terms.RANGE_INCLUDES)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The terms of an ontology: those declared, those only referred to, and its datatypes."""

    classes: frozenset[Iri]
    declared_classes: frozenset[Iri]
    properties: frozenset[Iri]
    declared_properties: frozenset[Iri]
    datatypes: frozenset[str]


def vocabulary(triples: Triples) -> Vocabulary:
    """Return what an ontology is about; see the module for what counts."""
    datatypes = _datatypes(triples)
    declared_classes = _extractable(triples.instances(terms.CLASS_TYPES), datatypes)
    declared_properties = _extractable(triples.instances(terms.PROPERTY_TYPES), datatypes)
    annotations = triples.instances(frozenset((terms.ANNOTATION_PROPERTY,))) - declared_properties
    constrained = {subject for predicate in (*_DOMAINS, *_RANGES) for subject in triples.subjects(predicate)}
    properties = declared_properties | _extractable(constrained - annotations, datatypes)
    classes = declared_classes | _extractable(_referred(triples, properties), datatypes)
    return Vocabulary(classes, declared_classes, properties, declared_properties, datatypes)


def _datatypes(triples: Triples) -> frozenset[str]:
    found = triples.instances(terms.DATATYPE_TYPES) | terms.DATATYPES.keys()
    below: dict[str, set[str]] = {}
    for subject in triples.subjects(terms.SUBCLASS):
        for parent in triples.nodes(subject, terms.SUBCLASS):
            below.setdefault(parent, set()).add(subject)
    waiting = list(found)
    while waiting:
        fresh = below.get(waiting.pop(), set()) - found
        found |= fresh
        waiting.extend(fresh)
    return frozenset(iri for iri in found if not terms.is_blank(iri))


def _extractable(iris: Iterable[str], datatypes: frozenset[str]) -> frozenset[Iri]:
    return frozenset(Iri(iri) for iri in iris if not (terms.is_blank(iri) or terms.is_builtin(iri) or iri in datatypes))


def _referred(triples: Triples, properties: Iterable[Iri]) -> set[str]:
    found: set[str] = set()
    for subject in triples.subjects(terms.SUBCLASS):
        above = triples.nodes(subject, terms.SUBCLASS)
        found |= above
        # A subclass of an anonymous restriction alone may be any kind of thing that a careless file describes.
        if any(not terms.is_blank(parent) for parent in above):
            found.add(subject)
    literal = triples.instances(frozenset((terms.DATATYPE_PROPERTY,)))
    for iri in properties:
        for end in triples.nodes(iri, *_DOMAINS, *(() if iri in literal else _RANGES)):
            found |= named_in(triples, end)
    return found


def named_in(triples: Triples, node: str) -> set[str]:
    """Return `node` itself when it is an IRI, else the IRIs in its unions and intersections, however deep."""
    found, seen, waiting = set[str](), set[str](), [node]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if not terms.is_blank(current):
            found.add(current)
            continue
        for predicate in (terms.UNION, terms.INTERSECTION):
            waiting.extend(m for m in triples.members(current, predicate) if not isinstance(m, Text))
    return found


def class_parents(triples: Triples, classes: frozenset[Iri]) -> dict[Iri, frozenset[Iri]]:
    """Return the classes directly above each class.

    Above stand its superclasses, what it is equivalent to (mutually), the classes that it is an intersection of, and
    the classes that are unions with it as a member.
    """
    above: dict[str, set[str]] = {iri: set() for iri in classes}

    def place(child: str, parent: str) -> None:
        if child != parent and child in above and not terms.is_builtin(parent):
            above[child].add(parent)

    for iri in classes:
        equals = {iri} | triples.nodes(iri, terms.EQUIVALENT)
        for node in equals | triples.nodes(iri, terms.SUBCLASS):
            for named in _intersected(triples, node):
                place(iri, named)
        for node in equals:
            for member in (node, *_united(triples, node)):
                place(member, iri)
    return {iri: frozenset(Iri(parent) for parent in above[iri]) for iri in classes}


def _intersected(triples: Triples, node: str) -> set[str]:
    """Return the IRIs that stand above everything that is a `node`: itself, and what it is an intersection of."""
    found, seen, waiting = set[str](), set[str](), [node]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if terms.is_blank(current) or current == node:
            waiting.extend(m for m in triples.members(current, terms.INTERSECTION) if not isinstance(m, Text))
        if not terms.is_blank(current):
            found.add(current)
    return found


def _united(triples: Triples, node: str) -> set[str]:
    members = triples.members(node, terms.UNION) | triples.members(node, terms.DISJOINT_UNION)
    return {member for member in members if not isinstance(member, Text) and not terms.is_blank(member)}


def property_parents(triples: Triples, iri: str) -> frozenset[Iri]:
    """Return the properties directly above a property; RDF's own, such as `rdfs:label`, are left out."""
    return frozenset(
        Iri(parent)
        for parent in triples.nodes(iri, terms.SUBPROPERTY)
        if parent != iri and not terms.is_blank(parent) and not parent.startswith((*terms.BUILTIN, XSD))
    )
