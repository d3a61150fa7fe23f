"""Naming: the short, unique names by which prompts and answers call the classes and properties of an ontology."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from lithograph.domain.ids import Iri
from lithograph.ontology.model import Ontology
from lithograph.ontology.terms import local_name


class _Named(Protocol):
    @property
    def label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Names:
    """A two-way map between IRIs and names: the label where nothing else has it, else the local name, else the IRI."""

    _names: Mapping[Iri, str]
    _iris: Mapping[str, Iri] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_iris", {name: iri for iri, name in self._names.items()})

    @classmethod
    def made(cls, terms: Mapping[Iri, _Named]) -> "Names":
        """Return the names of all classes, or of all properties, of an ontology."""
        labels = Counter(known.label for known in terms.values())
        locals_ = Counter(local_name(iri) for iri in terms)
        taken = {*labels, *terms}

        def name(iri: Iri) -> str:
            label, local = terms[iri].label, local_name(iri)
            if labels[label] == 1 and (label == iri or label not in terms):
                return label
            return local if locals_[local] == 1 and local not in taken else iri

        return cls({iri: name(iri) for iri in terms})

    def of(self, iri: Iri) -> str:
        """Return the name of a term; the IRI itself when the ontology does not have it."""
        return self._names.get(iri, iri)

    def all_of(self, iris: Iterable[Iri]) -> list[str]:
        """Return the names of several terms, in alphabetical order."""
        return sorted(self.of(iri) for iri in iris)

    def iri(self, name: str) -> Iri | None:
        """Return the term that is called so; None when there is none."""
        return self._iris.get(name)


@dataclass(frozen=True, slots=True)
class Naming:
    """The names of an ontology's classes and, apart from them, of its properties."""

    classes: Names
    properties: Names

    @classmethod
    def of(cls, ontology: Ontology) -> "Naming":
        """Return the names of an ontology's terms; the same for the same ontology."""
        return cls(Names.made(ontology.classes), Names.made(ontology.properties))
