"""An ontology as extraction needs it: classes, properties, their hierarchy and what may stand at a property's ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from lithograph.domain.ids import Iri


class Kind(StrEnum):
    """What a property's object is."""

    OBJECT = "object"
    """An entity."""
    DATATYPE = "datatype"
    """A typed literal."""
    EITHER = "either"
    """Not declared, or both, as `schema:rangeIncludes schema:Text, schema:Person` says."""


@dataclass(frozen=True, slots=True)
class OntologyClass:
    """A class: `label` is never empty (the local name where none is given), `alternatives` are further names."""

    iri: Iri
    label: str
    alternatives: tuple[str, ...] = ()
    comment: str = ""
    parents: frozenset[Iri] = frozenset()
    declared: bool = True
    """Whether it is declared a class; else it only stands as somebody's superclass, domain or range."""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class OntologyProperty:
    """A property between an entity and an entity or a literal.

    `domain` and `range` are conjunctions of unions: something fits when, for every set, it is an instance of one of its
    classes. Several `rdfs:domain` statements give several sets, `owl:unionOf` or `schema:domainIncludes` give one
    larger set, and the empty tuple fits everything. `datatypes` are the XSD datatypes that a literal object may have
    (empty: any).
    """

    iri: Iri
    label: str
    alternatives: tuple[str, ...] = ()
    comment: str = ""
    kind: Kind = Kind.EITHER
    domain: tuple[frozenset[Iri], ...] = ()
    range: tuple[frozenset[Iri], ...] = ()
    datatypes: frozenset[Iri] = frozenset()
    parents: frozenset[Iri] = frozenset()
    inverse: Iri | None = None
    functional: bool = False
    declared: bool = True
    """Whether it is declared a property; else it only has a domain or a range."""
    deprecated: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """An `owl:imports` statement, and the local file that answered it, if one did. Nothing is ever fetched."""

    iri: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Ontology:
    """The classes and properties of one or more files, with the transitive closure of `rdfs:subClassOf`.

    `classes` and `properties` are in order of IRI; `iri` is empty where the file does not name its ontology.
    `content_hash` is the SHA-256 of what was understood (not of the bytes), so that white space changes nothing.
    """

    iri: str
    source: str
    content_hash: str
    classes: Mapping[Iri, OntologyClass]
    properties: Mapping[Iri, OntologyProperty]
    imports: tuple[Import, ...] = ()
    _ancestors: dict[Iri, frozenset[Iri]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ancestors", {iri: self._closure(iri) for iri in self.classes})

    def _closure(self, iri: Iri) -> frozenset[Iri]:
        seen, waiting = {iri}, [iri]
        while waiting:
            known = self.classes.get(waiting.pop())
            for parent in known.parents if known else ():
                if parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return frozenset(seen)

    def ancestors(self, iri: Iri) -> frozenset[Iri]:
        """Return the class itself and every class above it; just itself when it is not in the ontology."""
        return self._ancestors.get(iri) or frozenset((iri,))

    def is_a(self, iri: Iri, ancestor: Iri) -> bool:
        """Whether every instance of class `iri` is one of `ancestor`; a class is one of itself."""
        return ancestor in self.ancestors(iri)

    def compatible(self, one: Iri, other: Iri) -> bool:
        """Whether one of two classes is the other or lies above it."""
        return self.is_a(one, other) or self.is_a(other, one)

    def fits(self, types: Iterable[Iri], constraint: tuple[frozenset[Iri], ...]) -> bool:
        """Whether something of `types` satisfies a property's `domain` or `range`."""
        if not constraint:
            return True
        above = frozenset().union(*(self.ancestors(iri) for iri in types))
        return all(above & union for union in constraint)
