"""Which properties a thing of some class can be the subject or the object of, for all properties at once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lithograph.domain.ids import Iri
from lithograph.ontology.model import Ontology, OntologyProperty

if TYPE_CHECKING:
    from lithograph.ontology.ranking import Mask


class Constraint:
    """The domains, or the ranges, of many properties: `fitted_by` answers `Ontology.fits` for each of them.

    Properties share most of their unions, so each distinct union is looked at once per class and not once per property.
    """

    def __init__(
        self,
        ontology: Ontology,
        properties: Sequence[OntologyProperty],
        end: Callable[[OntologyProperty], tuple[frozenset[Iri], ...]],
    ) -> None:
        import numpy as np

        self._ontology = ontology
        self._size = len(properties)
        places: dict[frozenset[Iri], int] = {}
        pairs = [
            (owner, places.setdefault(union, len(places)))
            for owner, known in enumerate(properties)
            for union in end(known)
        ]
        self._unions = tuple(places)
        self._owner = np.array([owner for owner, _ in pairs], dtype=np.intp)
        self._union = np.array([union for _, union in pairs], dtype=np.intp)
        self._fitted: dict[Iri, Mask] = {}

    def fitted_by(self, iri: Iri) -> "Mask":
        """Return for every property whether something of class `iri` satisfies it. The answer is remembered."""
        import numpy as np

        known = self._fitted.get(iri)
        if known is None:
            above = self._ontology.ancestors(iri)
            missed = np.array([above.isdisjoint(union) for union in self._unions], dtype=np.bool_)
            known = np.ones(self._size, dtype=np.bool_)
            known[self._owner[missed[self._union]]] = False
            self._fitted[iri] = known
        return known
