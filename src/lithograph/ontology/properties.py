"""Properties as extraction needs them: their kind, what may stand at their ends, and what they inherit."""

from dataclasses import dataclass

from lithograph.domain.ids import Iri
from lithograph.ontology import terms
from lithograph.ontology.constraints import End, Reader
from lithograph.ontology.hierarchy import Vocabulary, property_parents
from lithograph.ontology.model import Kind, OntologyProperty
from lithograph.ontology.triples import Triples
from lithograph.ontology.wording import Words


def properties_of(triples: Triples, vocabulary: Vocabulary, words: Words) -> dict[Iri, OntologyProperty]:
    """Return every property, in order of IRI."""
    stated = {iri: _Statements(triples, iri) for iri in sorted(vocabulary.properties)}
    reader = Reader(triples, vocabulary.datatypes)
    around = _Around(stated, _inverses(triples, vocabulary))
    built: dict[Iri, OntologyProperty] = {}
    for iri, said in stated.items():
        domain, range_ = _domain(reader, said, around), _range(reader, said, around)
        kind = _kind(said, range_, stated)
        wording = words.of(iri)
        built[iri] = OntologyProperty(
            iri=iri,
            label=wording.label,
            alternatives=wording.alternatives,
            comment=wording.comment,
            kind=kind,
            domain=domain.classes if domain else (),
            range=range_.classes if range_ and kind is not Kind.DATATYPE else (),
            datatypes=range_.datatypes if range_ and kind is not Kind.OBJECT else frozenset(),
            parents=said.parents,
            inverse=around.inverses.get(iri),
            functional=_functional(said, around),
            declared=iri in vocabulary.declared_properties,
            deprecated=is_deprecated(triples, iri),
        )
    return built


class _Statements:
    """What the ontology says about one property, unread."""

    def __init__(self, triples: Triples, iri: Iri) -> None:
        self.iri = iri
        self.types = triples.nodes(iri, terms.TYPE)
        self.parents = property_parents(triples, iri)
        self.domain = triples.nodes(iri, terms.DOMAIN)
        self.domain_includes = triples.nodes(iri, *terms.DOMAIN_INCLUDES)
        self.range = triples.nodes(iri, terms.RANGE)
        self.range_includes = triples.nodes(iri, *terms.RANGE_INCLUDES)


@dataclass(frozen=True, slots=True)
class _Around:
    """What is said about all properties, and which is whose inverse."""

    stated: dict[Iri, _Statements]
    inverses: dict[Iri, Iri]

    def inverse_of(self, said: _Statements) -> _Statements | None:
        inverse = self.inverses.get(said.iri)
        return self.stated[inverse] if inverse else None


def _lineage(said: _Statements, stated: dict[Iri, _Statements]) -> list[_Statements]:
    """Return the property and those above it: the nearest first, each level in order of IRI, circles cut."""
    found, seen, level = [said], set[Iri](), sorted(said.parents)
    while level:
        seen.update(level)
        fresh = [stated[iri] for iri in level if iri in stated]
        found += fresh
        level = sorted({parent for above in fresh for parent in above.parents} - seen)
    return found


def _domain(reader: Reader, said: _Statements, around: "_Around") -> End | None:
    for source in _lineage(said, around.stated):
        if source.domain or source.domain_includes:
            return _end(reader, source.domain, source.domain_includes)
    # Where only one of two inverses is described, what it says holds for the other, read backwards.
    other = around.inverse_of(said)
    return _end(reader, other.range, other.range_includes) if other and (other.range or other.range_includes) else None


def _range(reader: Reader, said: _Statements, around: "_Around") -> End | None:
    for source in _lineage(said, around.stated):
        if source.range or source.range_includes:
            return _end(reader, source.range, source.range_includes)
    other = around.inverse_of(said)
    if other and (other.domain or other.domain_includes):
        return _end(reader, other.domain, other.domain_includes)
    return None


def _end(reader: Reader, every: set[str], some: set[str]) -> End:
    if not some:
        return reader.all_of(every)
    hints = reader.any_of(some)
    if not every:
        return hints
    rule = reader.all_of(every)
    return End(
        rule.entities or hints.entities,
        rule.classes + hints.classes,
        rule.literals or hints.literals,
        rule.datatypes | hints.datatypes,
    )


def _kind(said: _Statements, range_: End | None, stated: dict[Iri, _Statements]) -> Kind:
    """Return what the nearest declaration says; where there is none, what the range says."""
    for source in _lineage(said, stated):
        entity = not source.types.isdisjoint(terms.OBJECT_TYPES)
        literal = terms.DATATYPE_PROPERTY in source.types
        if entity or literal:
            return Kind.EITHER if entity and literal else Kind.OBJECT if entity else Kind.DATATYPE
        if source is said and range_ and range_.entities != range_.literals:
            return Kind.OBJECT if range_.entities else Kind.DATATYPE
        if source is said and range_ and range_.entities:
            return Kind.EITHER
    if terms.INVERSE_FUNCTIONAL in said.types:
        return Kind.OBJECT
    return Kind.EITHER


def _inverses(triples: Triples, vocabulary: Vocabulary) -> dict[Iri, Iri]:
    found: dict[Iri, set[Iri]] = {}
    for iri in vocabulary.properties:
        for other in map(Iri, triples.nodes(iri, *terms.INVERSES)):
            if other in vocabulary.properties:
                found.setdefault(iri, set()).add(other)
                found.setdefault(other, set()).add(iri)
    return {iri: min(others) for iri, others in found.items()}


def _functional(said: _Statements, around: _Around) -> bool:
    other = around.inverse_of(said)
    return terms.FUNCTIONAL in said.types or (other is not None and terms.INVERSE_FUNCTIONAL in other.types)


def is_deprecated(triples: Triples, iri: str) -> bool:
    """Whether a term is marked as one that should no longer be used."""
    flags = {text.value for text in triples.texts(iri, terms.DEPRECATED)}
    return bool(
        flags & {"true", "1"}
        or triples.nodes(iri, terms.TYPE) & terms.DEPRECATED_TYPES
        or triples.nodes(iri, *terms.SUPERSEDED)
    )
