"""Kinds: what an ontology's own words say about how things of a class are called."""

from lithograph.domain.ids import Iri
from lithograph.ontology.model import Ontology, OntologyClass
from lithograph.resolution.names import name_of

_PERSON = frozenset(("person", "human", "humanbeing", "people", "per", "man", "woman", "naturalperson"))


class Kinds:
    """Answers from labels, alternative labels and the hierarchy; each class is looked at once."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._persons: dict[Iri, bool] = {}

    def is_person(self, class_iri: Iri) -> bool:
        """Whether the class, or one above it, is called a person."""
        if class_iri not in self._persons:
            self._persons[class_iri] = any(name_of(known.label).key in _PERSON for known in self._line(class_iri))
        return self._persons[class_iri]

    def _line(self, class_iri: Iri) -> list[OntologyClass]:
        above = sorted(self._ontology.ancestors(class_iri))
        return [self._ontology.classes[iri] for iri in above if iri in self._ontology.classes]
