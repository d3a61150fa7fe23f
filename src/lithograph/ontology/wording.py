"""What a class or property is called and how it is explained, in the languages that were asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from lithograph.ontology import terms
from lithograph.ontology.triples import Text, Triples


@dataclass(frozen=True, slots=True)
class Wording:
    """A label (never empty), further names without repetition in alphabetical order, and a comment or nothing."""

    label: str
    alternatives: tuple[str, ...]
    comment: str


class Words:
    """Chooses wordings. What the document itself says about a term comes before what its imports say."""

    def __init__(self, own: Triples, everything: Triples, languages: Sequence[str]) -> None:
        self._own = own
        self._everything = everything
        self._languages = tuple(language.lower() for language in languages)

    def of(self, iri: str) -> Wording:
        """Return the wording of a term.

        A preferred language comes before a preferred predicate: a German `rdfs:label` is a better German label than an
        English `skos:prefLabel`. What is left is settled by the alphabet, so that no order of statements matters.
        """
        names = self._texts(iri, (terms.PREFERRED, terms.LABEL))
        label = names[0][1].value if names else terms.local_name(iri)
        spoken = names[0][0][0] if names else None
        # Another label in the label's own language is another name; one in another language is a translation.
        others = {text.value for rank, text in names if rank[0] == spoken and text.value != label}
        for rank, text in self._texts(iri, terms.ALTERNATIVES):
            if text.value != label and (rank[0] <= 2 * len(self._languages) or rank[0] == spoken):
                others.add(text.value)
        comments = self._texts(iri, terms.COMMENTS)
        return Wording(label, tuple(sorted(others)), comments[0][1].value if comments else "")

    def _texts(self, iri: str, predicates: Sequence[str]) -> list[tuple[tuple[int, str, int, str], Text]]:
        """Return the texts under any of `predicates`, best first, each with what it was ranked by."""
        for source in (self._own, self._everything):
            found = [
                ((self._rank(text.language), text.language, place, text.value), text)
                for place, predicate in enumerate(predicates)
                for text in map(_tidy, source.texts(iri, predicate))
                if text.value
            ]
            if found:
                return sorted(found)
        return []

    def _rank(self, language: str) -> int:
        for place, wanted in enumerate(self._languages):
            if language == wanted:
                return 2 * place
            if language.startswith(wanted + "-"):
                return 2 * place + 1
        return 2 * len(self._languages) + bool(language)


def _tidy(text: Text) -> Text:
    return text._replace(value=" ".join(text.value.split()))
