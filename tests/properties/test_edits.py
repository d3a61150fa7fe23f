"""Boundaries re-synchronise: an edit changes the chunks around it and no others."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from lithograph.domain.document import Document
from lithograph.extraction.chunk import chunk_document

WORDS = ["ship", "harbour", "captain", "wind", "morning", "letter", "winter", "brother", "island", "rope", "candle"]


def paragraph(random: Random) -> str:
    sentences = (" ".join(random.choices(WORDS, k=random.randrange(4, 25))).capitalize() for _ in range(9))
    return " ".join(sentence + random.choice(".!?") for sentence in list(sentences)[: random.randrange(1, 9)])


def edited(paragraphs: list[str], random: Random) -> list[str]:
    """Return the paragraphs with one of them changed, inserted or removed."""
    place = random.randrange(len(paragraphs))
    new, following = random.choice([([paragraph(random)], 1), ([paragraph(random)], 0), ([], 1)])
    return [*paragraphs[:place], *new, *paragraphs[place + following :]]


def texts(paragraphs: list[str]) -> Counter[str]:
    return Counter(chunk.text for chunk in chunk_document(Document.from_text("\n\n".join(paragraphs))))


def new_chunks(documents: list[list[str]], edits: int, random: Random) -> list[int]:
    """Return, for each of some edits of each document, how many chunks have a text that was not there before."""
    counts = []
    for paragraphs in documents:
        before = texts(paragraphs)
        counts += [(texts(edited(paragraphs, random)) - before).total() for _ in range(edits)]
    return counts


def share_of_at_most_three(counts: list[int]) -> float:
    return sum(count <= 3 for count in counts) / len(counts)


@pytest.mark.parametrize("seed", [1, 2])
def test_one_changed_paragraph_changes_at_most_three_chunks(seed: int) -> None:
    random = Random(seed)
    counts = new_chunks([[paragraph(random) for _ in range(60)] for _ in range(25)], 20, random)
    assert share_of_at_most_three(counts) >= 0.99
    assert max(counts) <= 5


def test_one_changed_paragraph_of_a_novel_changes_at_most_three_chunks(shared_data: Path) -> None:
    text = (shared_data / "novels" / "11_alices_adventures_in_wonderland.txt").read_text(encoding="utf-8")
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    counts = new_chunks([paragraphs], 150, Random(3))
    assert share_of_at_most_three(counts) >= 0.99
    assert max(counts) <= 5


def test_a_chunk_far_behind_an_edit_keeps_its_text_though_it_moved() -> None:
    random = Random(4)
    paragraphs = [paragraph(random) for _ in range(60)]
    moved = ["A new beginning.", *paragraphs]
    assert (texts(moved) - texts(paragraphs)).total() <= 3
    before, after = (chunk_document(Document.from_text("\n\n".join(each))) for each in (paragraphs, moved))
    assert before[-1].text == after[-1].text
    assert before[-1].start < after[-1].start
