"""Vocabulary: the words by which an ontology's classes and properties show themselves in a text."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from lithograph.domain.ids import Iri
from lithograph.extraction.rules.lexicon import CONCEPTS, CUES, KIND_WORDS
from lithograph.ontology.model import Ontology, OntologyProperty

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")
_SHORTEST_CUE = 3


@dataclass(frozen=True, slots=True)
class Cue:
    """A phrase at `start` to `end` of a text that states some of `properties`: `(iri, whether the ends are
    exchanged)`.
    """

    start: int
    end: int
    properties: tuple[tuple[Iri, bool], ...]


def words_of(label: str) -> tuple[str, ...]:
    """Return the words of a label in lower case: `birthPlace` and `birth place` alike."""
    return tuple(_CAMEL.sub(" ", label).lower().replace(".", "").split())


class Vocabulary:
    """What the rules know of one ontology; made once, then only read."""

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self._phrases: dict[tuple[str, ...], Iri] = {}
        for iri in sorted(ontology.classes, key=lambda iri: (len(ontology.ancestors(iri)), iri), reverse=True):
            known = ontology.classes[iri]
            for name in (known.label, *known.alternatives):
                self._phrases.setdefault(words_of(name), iri)
        self._longest = max((len(phrase) for phrase in self._phrases), default=0)
        own = {word for phrase in self._phrases if len(phrase) == 1 for word in phrase}
        self.kinds: Set[str] = frozenset(own.union(*KIND_WORDS.values()))
        self._cues: defaultdict[str, list[tuple[Iri, bool]]] = defaultdict(list)
        for iri in sorted(ontology.properties):
            for phrase in _cues_of(ontology.properties[iri]):
                meaning = (iri, phrase.startswith("<"))
                if meaning not in self._cues[phrase.lstrip("<")]:
                    self._cues[phrase.lstrip("<")].append(meaning)
        longest_first = sorted(self._cues, key=lambda phrase: (-len(phrase), phrase))
        pattern = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in longest_first)
        self._pattern = re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE) if pattern else None

    def kind_of(self, words: Sequence[str], offered: Set[Iri]) -> Iri | None:
        """Return the offered class that `words`, in lower case, are a name of."""
        found = self._phrases.get(tuple(words))
        return found if found in offered else None

    def last_kind(self, words: Sequence[str], offered: Set[Iri]) -> Iri | None:
        """Return the class that the last words are a name of, the longest such name first."""
        starts = range(max(0, len(words) - self._longest), len(words))
        return next((kind for start in starts if (kind := self.kind_of(words[start:], offered))), None)

    def first_kind(self, words: Sequence[str], offered: Set[Iri]) -> Iri | None:
        """Return the class that the first words are a name of, the longest such name first."""
        ends = range(min(len(words), self._longest), 0, -1)
        return next((kind for end in ends if (kind := self.kind_of(words[:end], offered))), None)

    def concept(self, name: str, offered: Set[Iri]) -> Iri | None:
        """Return the offered class for one of the built-in concepts, by the names that such a class goes by."""
        return next((kind for label in CONCEPTS[name] if (kind := self.kind_of(label.split(), offered))), None)

    def cues_in(self, text: str, offered: Set[Iri]) -> Iterator[Cue]:
        """Yield the cues of offered properties, in order; of overlapping ones the first, of those the longest."""
        for match in self._pattern.finditer(text) if self._pattern else ():
            meanings = self._cues[" ".join(match[0].lower().split())]
            properties = tuple(meaning for meaning in meanings if meaning[0] in offered)
            if properties:
                yield Cue(match.start(), match.end(), properties)


def _cues_of(known: OntologyProperty) -> Iterator[str]:
    """Yield the phrases for a property: its own names when they can stand in a sentence, then those that the lexicon
    has.
    """
    for name in (known.label, *known.alternatives):
        words = words_of(name)
        if words and (len(words) > 1 or len(words[0]) >= _SHORTEST_CUE):
            yield " ".join(words)
        yield from CUES.get("".join(words), ())
