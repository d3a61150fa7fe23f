"""What a prompt about a text may offer: the classes and properties that are worth asking for."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cached_property
from math import log
from typing import TYPE_CHECKING

from lithograph.domain.ids import Iri
from lithograph.ontology.fitting import Constraint
from lithograph.ontology.model import Kind, Ontology, OntologyClass, OntologyProperty
from lithograph.ontology.ranking import Ranking, best
from lithograph.ontology.tokens import Tokens

if TYPE_CHECKING:
    from lithograph.ontology.ranking import Mask, Places, Scores

_RESERVED = 3
"""One place in so many goes to a class that is important in the ontology, whatever the text says."""
_LARGEST_CACHE = 4_096
_TIE_BREAK = 1e-6
"""Far below any score that a shared word gives."""
_LAST = -1e6
"""What is deprecated is offered when there is room for everything."""


class Candidates:
    """Retrieves classes and properties for a text: BM25 over names and comments, narrowed by domains and ranges.

    Everything that does not depend on the text is computed when the object is made, or once per set of types. The same
    question always has the same answer. One object may be asked from several threads.
    """

    def __init__(self, ontology: Ontology) -> None:
        import numpy as np

        self._ontology = ontology
        self._classes = tuple(ontology.classes[iri] for iri in sorted(ontology.classes))
        self._properties = tuple(ontology.properties[iri] for iri in sorted(ontology.properties))
        prominence = _prominence(ontology, self._classes, self._properties)
        self._by_prominence: Places = np.argsort(-prominence, kind="stable")
        self._class_prior = np.array(list(map(_class_prior, self._classes, prominence)), dtype=np.float64)
        self._literal: Mask = np.array([p.kind is not Kind.OBJECT for p in self._properties], dtype=np.bool_)
        self._attribute: Mask = np.array([p.kind is Kind.DATATYPE for p in self._properties], dtype=np.bool_)
        self._property_prior = np.array(list(map(_property_prior, self._properties)), dtype=np.float64)
        self._domains = Constraint(ontology, self._properties, lambda known: known.domain)
        self._ranges = Constraint(ontology, self._properties, lambda known: known.range)
        self._fitting: dict[tuple[frozenset[Iri], bool], Places] = {}

    @cached_property
    def _class_ranking(self) -> Ranking:
        """Made when there is something to choose: small ontologies are offered as a whole."""
        return Ranking(self._classes, Tokens())

    @cached_property
    def _property_ranking(self) -> Ranking:
        return Ranking(self._properties, Tokens())

    def classes(self, text: str, *, limit: int = 60) -> tuple[OntologyClass, ...]:
        """Return at most `limit` classes that the text may hold instances of, in order of IRI.

        All classes, where there are no more. Else a third of the places goes to the classes that matter most in the
        ontology (see `_prominence`), because a text about a firm need not say "organization", and the others to
        those that BM25 finds closest to the text.
        """
        import numpy as np

        if len(self._classes) <= limit:
            return self._classes
        reserved = self._by_prominence[: limit // _RESERVED]
        scores = self._class_ranking.scores(text) + self._class_prior
        scores[reserved] = np.inf
        chosen = best(scores, np.arange(len(self._classes)), limit)
        return tuple(self._classes[place] for place in chosen)

    def properties(self, text: str, types: Iterable[Iri], *, limit: int = 60) -> tuple[OntologyProperty, ...]:
        """Return at most `limit` properties that may hold between things of `types`, in order of IRI.

        The domain of each fits at least one of `types`, and so does its range, unless it takes a literal; what fits a
        class fits its subclasses. Where more than `limit` fit, BM25 chooses.
        """
        return self._chosen(text, self._fitting_places(frozenset(types), attributes=False), limit)

    def attributes(self, text: str, types: Iterable[Iri], *, limit: int = 60) -> tuple[OntologyProperty, ...]:
        """Return at most `limit` datatype properties whose domain fits at least one of `types`, as `properties` does.

        Properties that take a literal or an entity are not among them: they are offered as relations.
        """
        return self._chosen(text, self._fitting_places(frozenset(types), attributes=True), limit)

    def _chosen(self, text: str, fitting: "Places", limit: int) -> tuple[OntologyProperty, ...]:
        if len(fitting) > limit:
            fitting = best(self._property_ranking.scores(text) + self._property_prior, fitting, limit)
        return tuple(self._properties[place] for place in fitting)

    def _fitting_places(self, types: frozenset[Iri], *, attributes: bool) -> "Places":
        import numpy as np

        known = self._fitting.get((types, attributes))
        if known is not None:
            return known
        domain, range_ = np.zeros((2, len(self._properties)), dtype=np.bool_)
        for iri in types:
            domain |= self._domains.fitted_by(iri)
            range_ |= self._ranges.fitted_by(iri)
        fitting = np.flatnonzero(domain & (self._attribute if attributes else range_ | self._literal))
        if len(self._fitting) >= _LARGEST_CACHE:
            self._fitting.clear()
        self._fitting[types, attributes] = fitting
        return fitting


def _prominence(
    ontology: Ontology, classes: tuple[OntologyClass, ...], properties: tuple[OntologyProperty, ...]
) -> "Scores":
    """Return how much each class matters in its ontology: (links + 0.1) * log(descendants + 2).

    A link is a place in a domain or range, shared with the other classes of a union. In schema.org this puts
    CreativeWork, Organization, Place, Thing, Person, Event and Product first, out of a thousand.
    """
    import numpy as np

    links: dict[Iri, float] = defaultdict(float)
    for known in properties:
        for union in (*known.domain, *known.range):
            for iri in union:
                links[iri] += 1 / len(union)
    below = Counter(above for iri in ontology.classes for above in ontology.ancestors(iri) if above != iri)
    return np.array([(links[c.iri] + 0.1) * log(below[c.iri] + 2) for c in classes], dtype=np.float64)


def _class_prior(known: OntologyClass, prominence: float) -> float:
    return _LAST if known.deprecated else _TIE_BREAK * prominence


def _property_prior(known: OntologyProperty) -> float:
    """Among properties that a text says nothing about, those come first of which the ontology says most.

    Vocabularies declare foreign terms by name only, to compare them with their own: these are seldom meant.
    """
    if known.deprecated:
        return _LAST
    described = bool(known.comment) + bool(known.domain) + bool(known.range or known.datatypes)
    return _TIE_BREAK * (described + (known.kind is not Kind.DATATYPE))
