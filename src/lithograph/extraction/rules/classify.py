"""Classify: what a name stands for, judged by its own words and by those around it."""

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from lithograph.domain.ids import Iri
from lithograph.extraction.rules.lexicon import CONNECTORS, KIND_WORDS, LEGAL, MONTHS, PLACE_PREPOSITIONS, TITLES
from lithograph.extraction.rules.vocabulary import Vocabulary, words_of

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_APPOSITION = re.compile(
    r"[*_\"”’]*\s*(?:\([^)]{0,40}\)\s*)?(?:,|\bwas|\bis|\bwere|\bare|\bbecame)\s+(?:an?|the|one of the)\s+(.{0,60})",
    re.DOTALL,
)
_SPEAKS = re.compile(r"\s+(?:said|told|wrote|asked|answered|would|had|admired|went|became|married|died)\b")
_QUALIFIERS = PLACE_PREPOSITIONS | frozenset(("by", "with", "on", "who", "which", "that", "whose", "where"))
_VERSUS = ("v", "vs")
_NUMERIC = re.compile(r"[\d\W]*\d[\d\W]*")


@dataclass(frozen=True, slots=True)
class Opinion:
    """A class and how sure the rule behind it is, from 0 to 1."""

    type: Iri
    confidence: float


class Classifier:
    """Says what the names of one question are; `offered` are the classes that may be answered."""

    def __init__(self, vocabulary: Vocabulary, offered: Set[Iri]) -> None:
        self._vocabulary = vocabulary
        self._offered = offered

    def classify(self, name: str, hint: str, before: str, after: str) -> Opinion | None:
        """Return the first rule's opinion, the surest rules first; None when no offered class can be meant.

        `before` and `after` are the rest of the sentence around the name.
        """
        return next(self._opinions(name, hint, before, after), None)

    def _opinions(self, name: str, hint: str, before: str, after: str) -> Iterator[Opinion]:
        words = [word.lower().removesuffix("'s") for word in _WORD.findall(name)]
        if not words:
            return
        yield from self._by_value(name, words)
        yield from self._by_own_words(name, words)
        yield from self._by_company(before, after)
        if hint == "work":
            yield from self._as("work", 0.7)
        yield from self._by_shape(name, words, before, after)

    def _as(self, concept: str, confidence: float) -> Iterator[Opinion]:
        kind = self._vocabulary.concept(concept, self._offered)
        if kind:
            yield Opinion(kind, confidence)

    def _by_value(self, name: str, words: list[str]) -> Iterator[Opinion]:
        if words[0] in MONTHS or (len(words) > 1 and words[1] in MONTHS) or re.fullmatch(r"[12]\d{3}s?", name):
            yield from self._as("time", 0.9)
        elif _NUMERIC.fullmatch(name):
            yield from self._as("number", 0.9)

    def _by_own_words(self, name: str, words: list[str]) -> Iterator[Opinion]:
        """Titles of persons and forms of firms, then the ontology's own words at either end, then the built-in ones."""
        if words[0] in TITLES and len(words) > 1:
            yield from self._as("person", 0.95)
        if len(words) > 1 and (words[-1] in LEGAL or "&" in name):
            yield from self._as("company", 0.9)
        head = words[: words.index("of")] if "of" in words[1:] else words
        kind = self._vocabulary.last_kind(head, self._offered) or self._vocabulary.first_kind(words, self._offered)
        versus = next((found for word in words[1:-1] if word in _VERSUS and (found := self._named([word]))), None)
        for found in (versus, kind):
            if found and len(words) > 1:
                yield Opinion(found, 0.9)
        if len(words) > 1:
            for concept, kinds in KIND_WORDS.items():
                if head[-1] in kinds or words[0] in kinds:
                    yield from self._as(concept, 0.8)

    def _by_company(self, before: str, after: str) -> Iterator[Opinion]:
        """What the sentence calls it: `Leith, a harbour town`; `the engraver Aldous Carrick`."""
        apposed = _APPOSITION.match(after)
        if apposed:
            words = _head(_WORD.findall(apposed[1])[:6])
            kind = next((k for end in range(1, len(words) + 1) if (k := self._named(words[:end]))), None)
            if kind:
                yield Opinion(kind, 0.8)
        preceding = [word.lower() for word in _WORD.findall(before)[-2:]]
        kind = self._named(preceding)
        if kind and before.rstrip(' *_"“').endswith(preceding[-1]):
            yield Opinion(kind, 0.75)

    def _named(self, words: list[str]) -> Iri | None:
        kind = self._vocabulary.last_kind(words, self._offered)
        if kind is None and words and words[-1].endswith("s"):
            return self._vocabulary.last_kind([*words[:-1], words[-1].removesuffix("s")], self._offered)
        return kind

    def _by_shape(self, name: str, words: list[str], before: str, after: str) -> Iterator[Opinion]:
        preceding = before.rsplit(None, 1)[-1].lower() if before.strip() else ""
        if name.isupper() and 2 <= len(name) <= 6:
            yield from self._as("organization", 0.55)
        if preceding in PLACE_PREPOSITIONS and len(words) <= 3:
            yield from self._as("place", 0.6)
        if _SPEAKS.match(after):
            yield from self._as("person", 0.55)
        if 2 <= len(words) <= 4 and all(part[:1].isupper() or part in ("van", "de", "von") for part in name.split()):
            yield from self._as("person", 0.6)
        yield from self._as("place" if len(words) == 1 else "organization", 0.5)
        yield from self._as("other", 0.5)
        if len(self._offered) == 1:
            yield Opinion(next(iter(self._offered)), 0.5)


def _head(words: list[str]) -> list[str]:
    """Return the words, in lower case, up to where a qualification of them begins: `an island | of sheep`."""
    lowered = [word for part in words for word in words_of(part)]
    end = next(
        (index for index, word in enumerate(lowered) if index and word in CONNECTORS | _QUALIFIERS), len(lowered)
    )
    return lowered[:end]
