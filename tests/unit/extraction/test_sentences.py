import pytest

from lithograph.extraction.sentences import split_sentences


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Smith paid $3.50 to Mr. Jones.", "He left."],
        ["Did it rain?", "It did!", "Good."],
        ["東京は首都です。", "人口は多い。"],
        ["यह एक वाक्य है।", "यह दूसरा है।"],
    ],
    ids=["abbreviations and decimals", "marks", "Japanese", "Hindi"],
)
def test_sentences_end_where_a_reader_ends_them(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert [text[s.start : s.end] for s in split_sentences(text)] == sentences


def test_white_space_around_a_sentence_belongs_to_none() -> None:
    text = "\n\t One.  \n\nTwo. "
    assert [text[s.start : s.end] for s in split_sentences(text)] == ["One.", "Two."]


def test_offsets_count_code_points() -> None:
    text = "🚂🚂 ran. Zürich waited."
    assert [text[s.start : s.end] for s in split_sentences(text)] == ["🚂🚂 ran.", "Zürich waited."]
