import pytest

from lithograph.domain.document import Document
from lithograph.errors import UsageError
from lithograph.extraction.chunk import ChunkSettings, chunk_document

FORTY = ChunkSettings(maximum=40, minimum=10)


def texts(text: str, settings: ChunkSettings = FORTY) -> list[str]:
    return [chunk.text for chunk in chunk_document(Document.from_text(text), settings)]


@pytest.mark.parametrize("text", ["", " \n\t\u3000\n"])
def test_a_document_without_text_has_no_chunks(text: str) -> None:
    assert texts(text) == []


def test_a_short_document_is_one_chunk_without_the_white_space_around_it() -> None:
    assert texts("\n\n Ada.\n\n") == ["Ada."]


def test_paragraphs_are_preferred_to_sentences() -> None:
    one, two = "Ada met Bob. They talked.", "Eve left. She ran."
    assert texts(f"{one}\n\n{two}", ChunkSettings(40, 10, overlap=False)) == [one, two]


def test_a_chunk_begins_with_the_last_sentence_of_the_one_before_it() -> None:
    found = texts("Ada met Bob. They talked.\n\nEve left. She ran.")
    assert found == ["Ada met Bob. They talked.", "They talked.\n\nEve left. She ran."]


def test_a_sentence_that_does_not_fit_is_not_repeated() -> None:
    long, following = "A sentence of some length ends.", "So does the next one."
    assert texts(f"{long}\n\n{following}") == [long, following]


def test_an_over_long_sentence_is_cut_at_white_space() -> None:
    text = " ".join(["word"] * 30)
    found = texts(text)
    assert len(found) > 3
    assert all(set(piece.split()) == {"word"} for piece in found)
    assert " ".join(found) == text


def test_an_over_long_word_is_cut_hard() -> None:
    assert "".join(texts("x" * 200)) == "x" * 200


def test_a_sentence_of_which_a_chunk_holds_a_part_is_clipped_to_it() -> None:
    for chunk in chunk_document(Document.from_text("x" * 200), FORTY):
        assert [(s.start, s.end) for s in chunk.sentences] == [(chunk.start, chunk.end)]


@pytest.mark.parametrize(("maximum", "minimum"), [(399, 100), (100, 0), (0, 0)])
def test_impossible_sizes_are_refused(maximum: int, minimum: int) -> None:
    with pytest.raises(UsageError, match="at least 4 times"):
        ChunkSettings(maximum, minimum)
