"""Align: find where a text that a model wrote stands in a chunk. What stands nowhere is not evidence.

Three attempts, each only when the one before it finds nothing: the text as it is, wherever its lines break; the text
with white space, case, quotation marks, dashes and Unicode compatibility forms made equal; a fuzzy match above a
threshold. Whatever is found is a slice of the chunk, never the model's own words.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_ALIKE = str.maketrans({
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "´": "'",
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-",
    "\u00ad": None, "\u200b": None, "\u200c": None, "\u200d": None, "\u2060": None, "\ufeff": None,
})  # fmt: skip
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF), (0xAC00, 0xD7AF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Code points of Thai and Lao, Myanmar, Khmer, kana, the CJK ideographs, and Hangul, whose particles follow at once."""
_GAP = re.compile(r"[^\S\n]*\n[^\S\n]*|[^\S\n]{2,}|[^\S\n ]")
"""White space between words that is not a single blank: a line break among it, but no empty line."""
_SHORTEST_FUZZY = 5
"""A text shorter than this has too many near neighbours to be matched loosely."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: `start` inclusive, `end` exclusive, in characters; `score` is 1.0 unless it was fuzzy."""

    start: int
    end: int
    score: float = 1.0


@dataclass(slots=True)
class _Flat:
    """A text with single blanks for line breaks and other gaps; after `breaks[n]` characters come those of the original
    that stand `shifts[n]` further on.
    """

    text: str
    breaks: list[int]
    shifts: list[int]

    def origin(self, index: int) -> int:
        """Return the place of a character in the original."""
        return index + self.shifts[bisect_right(self.breaks, index) - 1]


@dataclass(slots=True)
class _Folded:
    """A text in its normalised form, with the place in the original that every character of it comes from."""

    text: str
    origins: list[int]


@dataclass(slots=True)
class Aligner:
    """Finds texts in one chunk's text; keeps the normalised form, so that many texts cost one normalisation.

    `threshold` is the least similarity, from 0 to 1, of a fuzzy match (rapidfuzz's normalised indel similarity).
    """

    text: str
    threshold: float = 0.9
    _flat: _Flat | None = field(default=None, init=False, repr=False)
    _folded: _Folded | None = field(default=None, init=False, repr=False)

    def occurrences(self, wanted: str) -> list[Place]:
        """Return every place where `wanted` stands as whole words, exactly or else normalised, in order; maybe none.

        Occurrences do not overlap each other. A place inside a longer word does not count, unless the text begins or
        ends with something that is not a letter or a digit, or stands in a script that writes no spaces.
        """
        return list(self._exact(wanted)) or list(self._normalised(wanted))

    def locate(self, wanted: str) -> Place | None:
        """Return the first place of `wanted`: exact, else normalised, else the best fuzzy match; None when there is
        none.
        """
        return next(iter(self.occurrences(wanted)), None) or self._anywhere(wanted) or self._fuzzy(wanted)

    def _exact(self, wanted: str) -> Iterator[Place]:
        if self._flat is None:
            self._flat = _flatten(self.text)
        sought, flat = " ".join(wanted.split()), self._flat
        found = ((start, start + len(sought)) for start in _find_all(flat.text, sought))
        return self._whole(Place(flat.origin(start), flat.origin(end - 1) + 1) for start, end in found)

    def _normalised(self, wanted: str) -> Iterator[Place]:
        return self._whole(self._folded_places(fold(wanted).text))

    def _whole(self, places: Iterable[Place]) -> Iterator[Place]:
        end = 0
        for place in places:
            if place.start >= end and is_whole(self.text, place.start, place.end):
                yield place
                end = place.end

    def _anywhere(self, quote: str) -> Place | None:
        """A quote may begin or end inside a word when it holds several: it cannot then be a chance hit."""
        if len(quote.split()) < 2:
            return None
        return next(self._folded_places(fold(quote).text), None)

    def _folded_places(self, sought: str) -> Iterator[Place]:
        folded = self._fold()
        for start in _find_all(folded.text, sought):
            place = self._origin(folded, start, start + len(sought))
            if place is not None and fold(self.text[place.start : place.end]).text == sought:
                yield place

    def _fuzzy(self, wanted: str) -> Place | None:
        from rapidfuzz import fuzz

        sought, folded = fold(wanted).text, self._fold()
        if len(sought) < _SHORTEST_FUZZY or len(sought) > len(folded.text):
            return None
        found = fuzz.partial_ratio_alignment(sought, folded.text, score_cutoff=self.threshold * 100)
        if found is None:
            return None
        start, end = _to_word_edges(folded.text, found.dest_start, found.dest_end)
        place = self._origin(folded, start, end)
        if place is None or not is_whole(self.text, place.start, place.end):
            return None
        score = fuzz.ratio(sought, fold(self.text[place.start : place.end]).text) / 100
        return Place(place.start, place.end, score) if score >= self.threshold else None

    def _fold(self) -> _Folded:
        if self._folded is None:
            self._folded = fold(self.text)
        return self._folded

    def _origin(self, folded: _Folded, start: int, end: int) -> Place | None:
        """Return the original's slice for a slice of the normalised text, its edges free of white space."""
        first, last = folded.origins[start], folded.origins[end - 1] + 1
        while last < len(self.text) and unicodedata.combining(self.text[last]):
            last += 1
        return Place(first, last) if first < last else None


def _flatten(text: str) -> _Flat:
    pieces, breaks, shifts, last = list[str](), [0], [0], 0
    for gap in _GAP.finditer(text):
        pieces += text[last : gap.start()], " "
        last = gap.end()
        shifts.append(shifts[-1] + len(gap[0]) - 1)
        breaks.append(last - shifts[-1])
    return _Flat("".join([*pieces, text[last:]]), breaks, shifts)


def fold(text: str) -> _Folded:
    """Return `text` with NFKC, case folding, equal quotes and dashes and single blanks, and each character's origin."""
    out: list[str] = []
    origins: list[int] = []
    blank = True
    for index, character in enumerate(_composed(text)):
        for simple in character:
            if simple.isspace():
                if not blank:
                    out.append(" ")
                    origins.append(index)
                blank = True
            else:
                out.append(simple)
                origins.append(index)
                blank = False
    if out and out[-1] == " ":
        del out[-1], origins[-1]
    return _Folded("".join(out), origins)


def _composed(text: str) -> Iterator[str]:
    """Yield the normalised form of each character; of a combining sequence, all of it at its first character."""
    if text.isascii():
        yield from text.lower()
        return
    held = 0
    for index, character in enumerate(text):
        if held:
            held -= 1
            yield ""
            continue
        end = index + 1
        if character.isascii() and text[end : end + 1].isascii():
            yield character.lower()
            continue
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        held = end - index - 1
        yield unicodedata.normalize("NFKC", text[index:end].translate(_ALIKE)).casefold()


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether the slice neither begins nor ends inside a word."""
    return _is_edge(text, start) and _is_edge(text, end)


def _is_edge(text: str, position: int) -> bool:
    if position <= 0 or position >= len(text):
        return True
    before, after = text[position - 1], text[position]
    if unicodedata.category(after).startswith("M"):  # an accent or a vowel sign belongs to what it stands on
        return False
    if not (before.isalnum() and after.isalnum()):
        return True
    return _unspaced(before) or _unspaced(after)


def _unspaced(character: str) -> bool:
    """Whether the script writes no spaces between words."""
    code = ord(character)
    return any(low <= code <= high for low, high in _UNSPACED)


def _find_all(text: str, wanted: str) -> Iterator[int]:
    start = text.find(wanted) if wanted else -1
    while start >= 0:
        yield start
        start = text.find(wanted, start + 1)


def _to_word_edges(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen or narrow a slice so that it begins and ends at words: a fuzzy match may stop in the middle of one."""
    while start < end and text[start] == " ":
        start += 1
    while end > start and text[end - 1] == " ":
        end -= 1
    while start > 0 and not _is_edge(text, start):
        start -= 1
    while end < len(text) and not _is_edge(text, end):
        end += 1
    return start, end
