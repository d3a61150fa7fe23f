"""The corpus of `benchmarks.extraction`: texts in which every paragraph states one fact that no other one does."""

import random
from collections.abc import Iterator
from pathlib import Path

from lithograph.testing.corpus import generated_text

DOCUMENTS, PARAGRAPHS = 20, 10
"""200 paragraphs of about 1,185 characters, each of which becomes one chunk."""

_SYLLABLES = ("Bel", "Cor", "Dar", "Fen", "Gal", "Hob", "Kel", "Lor", "Mer", "Nor", "Pol", "Quil", "Ros", "Sel", "Tor")
_ENDINGS = ("win", "mond", "ric", "bert", "gar", "lind", "dew", "ford", "sted", "ley", "mere", "wick", "ham", "by")
_PLACES = ("Dunholm", "Bergen", "Carrick", "Edinburgh", "Leith", "Tromso", "Aberdeen", "Utrecht")


def names(seed: int) -> Iterator[str]:
    """Yield names of persons, none of them twice."""
    chance = random.Random(seed)
    firsts = [syllable + ending for syllable in _SYLLABLES for ending in _ENDINGS]
    chance.shuffle(firsts)
    for number, first in enumerate(firsts):
        yield f"{first} {firsts[-1 - number]}son"


def write_corpus(folder: Path, seed: int = 7) -> dict[str, list[str]]:
    """Write the documents and return whose birth each of them tells of, paragraph by paragraph."""
    chance, unique = random.Random(seed), names(seed)
    told: dict[str, list[str]] = {}
    for number in range(DOCUMENTS):
        paragraphs = generated_text(PARAGRAPHS, seed=seed + number).strip().split("\n\n")
        facts = [next(unique) for _ in paragraphs]
        stated = [
            f"{name} was born in {chance.choice(_PLACES)}. {text}" for name, text in zip(facts, paragraphs, strict=True)
        ]
        path = folder / f"document-{number:02}.txt"
        path.write_text("\n\n".join(stated) + "\n", encoding="utf-8")
        told[path.name] = facts
    return told
