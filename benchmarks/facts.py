"""The corpus of `benchmarks.extraction`: prose in which every paragraph states one fact that no other one does."""

import random
from collections.abc import Iterator
from pathlib import Path

DOCUMENTS, PARAGRAPHS, CHARACTERS = 20, 10, 1_185
"""200 paragraphs of about 1,185 characters, each of which becomes one chunk."""

_SYLLABLES = ("Bel", "Cor", "Dar", "Fen", "Gal", "Hob", "Kel", "Lor", "Mer", "Nor", "Pol", "Quil", "Ros", "Sel", "Tor")
_ENDINGS = ("win", "mond", "ric", "bert", "gar", "lind", "dew", "ford", "sted", "ley", "mere", "wick", "ham", "by")
_PLACES = ("Dunholm", "Bergen", "Carrick", "Edinburgh", "Leith", "Tromso", "Aberdeen", "Utrecht")
_FIRMS = ("Press", "Map Company", "Paper Mill", "Society", "Museum")
_PROSE = (
    "The winters were long there, and the harbour lay under ice until the middle of spring.",
    "Of the letters that were written in those years only a few have been kept, most of them in a tin box.",
    "Nobody could say afterwards who had begun the quarrel, or whether it had been about money at all.",
    "It rained for eleven days, the road to the mill was washed away, and the post came by boat.",
    "A good map was worth more than a horse, people used to say, and a bad one was worth less than none.",
    "They met on the first evening of every month, drank a great deal of tea, and voted on nothing.",
)


def names(seed: int) -> Iterator[str]:
    """Yield names of persons, none of them twice."""
    firsts = [syllable + ending for syllable in _SYLLABLES for ending in _ENDINGS]
    random.Random(seed).shuffle(firsts)
    for first, last in zip(firsts, reversed(firsts), strict=True):
        yield f"{first} {last}son"


def write_corpus(folder: Path, seed: int = 7) -> dict[str, list[str]]:
    """Write the documents and return whose birth each of them tells of, paragraph by paragraph."""
    chance, unique = random.Random(seed), names(seed)
    told: dict[str, list[str]] = {}
    for number in range(DOCUMENTS):
        facts = [next(unique) for _ in range(PARAGRAPHS)]
        path = folder / f"document-{number:02}.txt"
        path.write_text("\n\n".join(_paragraph(chance, name) for name in facts) + "\n", encoding="utf-8")
        told[path.name] = facts
    return told


def _paragraph(chance: random.Random, name: str) -> str:
    place, firm = chance.choice(_PLACES), f"{chance.choice(_PLACES)} {chance.choice(_FIRMS)}"
    sentences = [
        f"{name} was born in {place}, a harbour town of {chance.randint(2, 90)} hundred people.",
        f"The {firm} was founded by {name} in {chance.randint(1700, 1899)}.",
        f"Later the {firm} was based in {chance.choice(_PLACES)}, above a seedsman.",
    ]
    while sum(map(len, sentences)) < CHARACTERS - 120:
        sentences.insert(chance.randint(1, len(sentences)), chance.choice(_PROSE))
    return " ".join(sentences)
