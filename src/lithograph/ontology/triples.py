"""The statements of a file that say something about classes and properties, ready to be asked for."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from lithograph.ontology import terms

Objects = dict[str, dict[str, set["str | Text"]]]


class Text(NamedTuple):
    """A literal: `language` is lower-cased and empty where there is none."""

    value: str
    language: str
    datatype: str


_KEPT = frozenset(
    (
        terms.TYPE,
        terms.SUBCLASS,
        terms.SUBPROPERTY,
        terms.EQUIVALENT,
        *terms.INVERSES,
        terms.DOMAIN,
        terms.RANGE,
        *terms.DOMAIN_INCLUDES,
        *terms.RANGE_INCLUDES,
        terms.UNION,
        terms.DISJOINT_UNION,
        terms.INTERSECTION,
        terms.ONE_OF,
        terms.ON_DATATYPE,
        terms.FIRST,
        terms.REST,
        terms.LABEL,
        terms.PREFERRED,
        *terms.ALTERNATIVES,
        *terms.COMMENTS,
        terms.DEPRECATED,
        *terms.SUPERSEDED,
        terms.IMPORTS,
        terms.VERSION,
        *terms.OTHER_VERSIONS,
    )
)


class Triples:
    """Statements by predicate and subject. IRIs are plain strings, blank nodes begin with `_:`.

    Objects are sets: nothing that is read from here may depend on the order in which a file states things.
    """

    def __init__(self) -> None:
        self.size = 0
        """How many statements were seen, including those that say nothing about classes and properties."""
        self.by: Objects = {}
        """Predicate to subject to objects."""

    def add(self, subject: str, predicate: str, value: "str | Text") -> None:
        """Count a statement, and keep it when it can matter."""
        self.size += 1
        if predicate in _KEPT:
            self.by.setdefault(predicate, {}).setdefault(subject, set()).add(value)

    @classmethod
    def union(cls, parts: Iterable[Self]) -> Self:
        """Return all statements of all parts; their blank nodes must differ."""
        whole = cls()
        for part in parts:
            whole.size += part.size
            for predicate, subjects in part.by.items():
                kept = whole.by.setdefault(predicate, {})
                for subject, values in subjects.items():
                    kept.setdefault(subject, set()).update(values)
        return whole

    def nodes(self, subject: str, *predicates: str) -> set[str]:
        """Return the IRIs and blank nodes that `subject` has under any of `predicates`."""
        return {
            value
            for predicate in predicates
            for value in self.by.get(predicate, {}).get(subject, ())
            if not isinstance(value, Text)
        }

    def texts(self, subject: str, predicate: str) -> set[Text]:
        """Return the literals that `subject` has under `predicate`."""
        return {value for value in self.by.get(predicate, {}).get(subject, ()) if isinstance(value, Text)}

    def subjects(self, predicate: str) -> Iterator[str]:
        """Yield every subject of `predicate` once."""
        yield from self.by.get(predicate, {})

    def instances(self, types: frozenset[str]) -> set[str]:
        """Return the IRIs that are declared to be of one of `types`."""
        return {
            subject
            for subject, kinds in self.by.get(terms.TYPE, {}).items()
            if not terms.is_blank(subject) and not types.isdisjoint(kinds)
        }

    def members(self, subject: str, predicate: str) -> set["str | Text"]:
        """Return the members of the RDF lists that `subject` has under `predicate`; a list may run in a circle."""
        found: set[str | Text] = set()
        waiting, seen = list(self.nodes(subject, predicate)), set[str]()
        while waiting:
            cell = waiting.pop()
            if cell in seen or cell == terms.NIL:
                continue
            seen.add(cell)
            found |= self.by.get(terms.FIRST, {}).get(cell, set())
            waiting.extend(self.nodes(cell, terms.REST))
        return found
