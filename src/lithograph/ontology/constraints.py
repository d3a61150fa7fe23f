"""What an `rdfs:domain` or `rdfs:range` says, as sets of classes and of datatypes.

Where something is said that sets of named classes cannot say (a restriction, a complement, an enumeration of
individuals) the reading is weaker than the statement and never stronger: nothing is ruled out that the ontology allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lithograph.domain.facts import XSD, XSD_STRING
from lithograph.domain.ids import Iri
from lithograph.ontology import terms
from lithograph.ontology.triples import Text, Triples


@dataclass(frozen=True, slots=True)
class End:
    """What may stand at one end of a property.

    `classes` is a conjunction of unions, and empty when every entity may; `datatypes` is empty when every literal may.
    """

    entities: bool = True
    classes: tuple[frozenset[Iri], ...] = ()
    literals: bool = False
    datatypes: frozenset[Iri] = frozenset()


ANY_ENTITY = End()
ANYTHING = End(literals=True)
ANY_LITERAL = End(entities=False, literals=True)


def _literals(*datatypes: Iri) -> End:
    return End(entities=False, literals=True, datatypes=frozenset(datatypes))


class Reader:
    """Reads the ends of properties; `datatypes` are the IRIs that the ontology uses as datatypes of its own."""

    def __init__(self, triples: Triples, datatypes: frozenset[str]) -> None:
        self._triples = triples
        self._datatypes = datatypes

    def read(self, node: str) -> End:
        """Return what the class, datatype or class expression `node` allows."""
        return self._read(node, frozenset())

    def any_of(self, nodes: Iterable[str]) -> End:
        """Return what at least one of `nodes` allows, as in `owl:unionOf` or `schema:rangeIncludes`."""
        return _union([self.read(node) for node in nodes])

    def all_of(self, nodes: Iterable[str]) -> End:
        """Return what all of `nodes` allow, as in several `rdfs:domain` statements or `owl:intersectionOf`."""
        return _intersection([self.read(node) for node in nodes])

    def _read(self, node: str, above: frozenset[str]) -> End:
        if node in above:
            return ANYTHING
        if not terms.is_blank(node):
            return self._named(node, above | {node})
        return self._expression(node, above | {node}) or ANY_ENTITY

    def _named(self, iri: str, above: frozenset[str]) -> End:
        if iri == terms.THING:
            return ANY_ENTITY
        if iri == terms.RESOURCE:
            return ANYTHING
        if iri == terms.LITERAL:
            return ANY_LITERAL
        if iri in terms.DATATYPES:
            return _literals(terms.DATATYPES[iri])
        if iri.startswith(XSD):
            return _literals(Iri(iri))
        if iri in self._datatypes:
            return self._datatype(iri, above)
        if terms.is_builtin(iri):
            return ANYTHING
        return End(classes=(frozenset((Iri(iri),)),))

    def _datatype(self, iri: str, above: frozenset[str]) -> End:
        """Return the XSD datatypes that a datatype of the ontology's own rests on; strings where it does not say."""
        bases = [
            self._read(node, above)
            for node in sorted(self._triples.nodes(iri, terms.EQUIVALENT, terms.SUBCLASS))
            if terms.is_blank(node) or node in self._datatypes or node.startswith(XSD)
        ]
        own = self._expression(iri, above)
        known = [end for end in (*bases, *([own] if own else ())) if end.literals and end.datatypes]
        return _union(known) if known else _literals(XSD_STRING)

    def _expression(self, node: str, above: frozenset[str]) -> End | None:
        """Return what an anonymous class or data range says; None when it says nothing that is understood."""
        if members := self._triples.members(node, terms.UNION):
            return _union([self._member(member, above) for member in members])
        if members := self._triples.members(node, terms.INTERSECTION):
            return _intersection([self._member(member, above) for member in members])
        if bases := self._triples.nodes(node, terms.ON_DATATYPE):
            return _union([self._read(base, above) for base in bases])
        members = self._triples.members(node, terms.ONE_OF)
        if any(isinstance(member, Text) for member in members):
            return _union([self._member(member, above) for member in members])
        if self._triples.nodes(node, terms.TYPE) & terms.DATATYPE_TYPES:
            return ANY_LITERAL
        return None

    def _member(self, member: str | Text, above: frozenset[str]) -> End:
        if isinstance(member, Text):
            return _literals(terms.DATATYPES.get(member.datatype, Iri(member.datatype)))
        return self._read(member, above)


def _union(ends: list[End]) -> End:
    if not ends:
        return ANYTHING
    entities = [end for end in ends if end.entities]
    literals = [end for end in ends if end.literals]
    classes: tuple[frozenset[Iri], ...] = ()
    if entities and all(end.classes for end in entities):
        # (A and B) or C is read as A or C: one class of each conjunction, chosen by its IRI.
        classes = (frozenset().union(*(min(end.classes, key=sorted) for end in entities)),)
    datatypes = frozenset[Iri]()
    if all(end.datatypes for end in literals):
        datatypes = datatypes.union(*(end.datatypes for end in literals))
    return End(bool(entities), classes, bool(literals), datatypes)


def _intersection(ends: list[End]) -> End:
    if not ends:
        return ANYTHING
    unions = {union for end in ends for union in end.classes}
    literals = [end for end in ends if end.literals]
    return End(
        entities=any(end.entities for end in ends),
        classes=tuple(sorted(unions, key=sorted)),
        literals=bool(literals),
        # Ranges that exclude each other are a slip more often than a statement: a literal may be any of them.
        datatypes=frozenset[Iri]().union(*(end.datatypes for end in literals)),
    )
