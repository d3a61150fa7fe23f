"""Hashing: a vector of any text, near those of texts that share words with it, the same everywhere and for ever.

Every feature of a text is hashed to a place and a sign, and the sum is brought to length 1 (Weinberger et al., Feature
Hashing for Large Scale Multitask Learning, 2009).
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from math import sqrt
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")


def hashed(features: Iterable[tuple[str, float]], dimensions: int, *, otherwise: str) -> list[float]:
    """Return the vector of weighted features, of length 1; that of `otherwise` when they leave nothing."""
    vector = [0.0] * dimensions
    _add(vector, features)
    if not any(vector):
        _add(vector, [(otherwise, 1.0)])
    length = sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]


def words(text: str) -> Iterator[tuple[str, float]]:
    """Yield the words of a text, in lower case, each with the weight 1."""
    return ((word, 1.0) for word in _WORD.findall(text.lower()))


def trigrams(text: str) -> Iterator[tuple[str, float]]:
    """Yield three characters after the other of every word, its ends marked.

    Those of one word weigh as much together as the word does: what two spellings of a name share is not drowned by the
    longer words around it. No word is like a trigram, since a trigram begins with a blank.
    """
    for word, weight in words(text):
        marked = f"^{word}$"
        share = weight / sqrt(len(word))
        yield from ((f" {marked[at : at + 3]}", share) for at in range(len(word)))


def _add(vector: list[float], features: Iterable[tuple[str, float]]) -> None:
    for feature, weight in features:
        number = _hash(feature)
        vector[(number >> 1) % len(vector)] += weight if number & 1 else -weight


@lru_cache(maxsize=65_536)
def _hash(feature: str) -> int:
    return int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest())
