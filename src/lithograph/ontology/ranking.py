"""BM25 over the names and comments of terms."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from lithograph.ontology.terms import local_name
from lithograph.ontology.tokens import Tokens

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lithograph.ontology.model import OntologyClass, OntologyProperty

    Scores = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.intp]

_NAME_WEIGHT = 3
"""How often a term's names count against its comment, which is longer and vaguer."""
_TOO_COMMON = 0.2
"""A stem in more than this part of all terms tells none apart: articles in any language, and the common subject."""
_SMALLEST_JUDGED = 50
"""Below this many terms, how common a stem is says nothing."""


class Ranking:
    """Scores terms for a text by BM25 (Lucene's variant, k1 = 1.5, b = 0.75), each stem of the text counted once.

    `bm25s` computes all weights when the index is built, so that scoring is adding up slices of its arrays. Ids of
    stems follow the alphabet and weights are added in that order: equal texts give equal scores in every process.
    """

    def __init__(self, terms: Sequence["OntologyClass | OntologyProperty"], tokens: Tokens) -> None:
        import numpy as np
        from bm25s.stopwords import STOPWORDS_EN_PLUS

        self._size = len(terms)
        self._tokens = tokens
        documents = [_stems(term, tokens) for term in terms]
        distinct = [set(document) for document in documents]
        counts: dict[str, int] = {}
        for stems in distinct:
            for stem in stems:
                counts[stem] = counts.get(stem, 0) + 1
        most = _TOO_COMMON * self._size if self._size >= _SMALLEST_JUDGED else self._size
        function_words = {stem for word in STOPWORDS_EN_PLUS for stem in tokens.of(word)}
        telling = (stem for stem, count in counts.items() if count <= most and stem not in function_words)
        self._ids = {stem: place for place, stem in enumerate(sorted(telling))}
        self._starts = np.zeros(len(self._ids) + 1, dtype=np.intp)
        self._terms = np.zeros(0, dtype=np.intp)
        self._weights = np.zeros(0, dtype=np.float64)
        if self._ids:
            self._index([[self._ids[stem] for stem in document if stem in self._ids] for document in documents])

    def _index(self, documents: list[list[int]]) -> None:
        import bm25s
        import numpy as np

        index = bm25s.BM25(dtype="float64", auto_compile=False)
        index.index((documents, dict(self._ids)), create_empty_token=False, show_progress=False)
        self._starts = np.asarray(index.scores["indptr"], dtype=np.intp)
        self._terms = np.asarray(index.scores["indices"], dtype=np.intp)
        self._weights = np.asarray(index.scores["data"], dtype=np.float64)

    def scores(self, text: str) -> "Scores":
        """Return the score of every term, zero or more, in the order in which they were given."""
        import numpy as np

        found = sorted(self._ids[stem] for stem in self._tokens.distinct(text) if stem in self._ids)
        if not found:
            return np.zeros(self._size, dtype=np.float64)
        slices = [slice(self._starts[place], self._starts[place + 1]) for place in found]
        places = np.concatenate([self._terms[one] for one in slices])
        weights = np.concatenate([self._weights[one] for one in slices])
        return np.bincount(places, weights=weights, minlength=self._size).astype(np.float64, copy=False)


def best(scores: "Scores", among: "Places", count: int) -> "Places":
    """Return the `count` places among `among` (ascending) that score best, ascending; the first of equals wins."""
    import numpy as np

    if len(among) <= count:
        return among
    order = np.argsort(-scores[among], kind="stable")[:count]
    return np.sort(among[order])


def _stems(term: "OntologyClass | OntologyProperty", tokens: Tokens) -> list[str]:
    names: Iterable[str] = dict.fromkeys((term.label, *term.alternatives, local_name(term.iri)))
    return [stem for name in names for stem in tokens.of(name)] * _NAME_WEIGHT + tokens.of(term.comment)
