import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import chunk_of, mention

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document
from lithograph.errors import TruncatedError
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.extractor import EntityQuestion, MentionQuestion
from lithograph.extraction.split import halves, parts, split_chunk

CAUSE = TruncatedError("the answer reached its limit of tokens")


def chunk_with(*lengths: int) -> Chunk:
    """Return a chunk of one sentence of each length."""
    return chunk_of(" ".join("A" + "b" * (length - 2) + "." for length in lengths))


@given(st.lists(st.text("ab .\n漢", min_size=1, max_size=120), min_size=3, max_size=12))
def test_the_halves_are_the_whole_and_get_shorter_until_they_are_split_no_more(texts: list[str]) -> None:
    document = Document.from_text("Before. \n\n" + ". ".join(texts))
    waiting = chunk_document(document)
    while waiting:
        chunk = waiting.pop()
        try:
            first, second = split_chunk(chunk, CAUSE)
        except TruncatedError:
            assert len(chunk.text) < 200
            continue
        assert first.text + second.text == chunk.text
        assert (first.start, first.end, second.end) == (chunk.start, second.start, chunk.end)
        for part in (first, second):
            assert document.text[part.start : part.end] == part.text
        whole = {one for one in chunk.sentences if one.end <= first.end or one.start >= second.start}
        assert {*first.sentences, *second.sentences} == whole
        waiting += [first, second]


def test_it_is_cut_at_the_end_of_the_sentence_nearest_to_the_middle() -> None:
    first, second = split_chunk(chunk_with(60, 70, 80, 60, 60), CAUSE)
    assert (len(first.sentences), len(second.sentences)) == (2, 3)
    first, second = split_chunk(chunk_with(20, 300), CAUSE)
    assert len(first.text) == 20


@pytest.mark.parametrize("space", [" ", "\n", "\t", "\u3000"])
def test_a_single_sentence_is_cut_at_white_space_before_its_middle(space: str) -> None:
    chunk = chunk_of("x" * 40 + space + "y" * 70 + space + "z" * 130)
    first, second = split_chunk(chunk, CAUSE)
    assert (first.text, second.text[0]) == ("x" * 40 + space + "y" * 70, space)


def test_what_has_no_white_space_is_cut_in_its_middle() -> None:
    first, second = split_chunk(chunk_of("漢" * 250), CAUSE)
    assert (len(first.text), len(second.text)) == (125, 125)


def test_a_short_text_and_a_single_mention_are_split_no_more() -> None:
    chunk = chunk_of("Ada met Ann.")
    with pytest.raises(TruncatedError) as caught:
        parts(MentionQuestion(chunk, ()), CAUSE)
    assert caught.value is CAUSE
    one = mention(chunk, "Ada")
    for mentions in ([one], []):
        with pytest.raises(TruncatedError):
            halves(EntityQuestion(chunk, mentions, [one.span] * len(mentions), (), ()), CAUSE)


def test_of_three_mentions_the_first_goes_with_its_sentence_before_the_two_others() -> None:
    chunk = chunk_of("Ada met Ann. Ann laughed.")
    mentions = [mention(chunk, "Ada"), mention(chunk, "Ann"), mention(chunk, "Ann", 1)]
    sentences = [chunk.sentence_of(one.span) for one in mentions]
    first, second = halves(EntityQuestion(chunk, mentions, sentences, (), ()), CAUSE)
    assert (first.mentions, first.sentences) == (mentions[:1], sentences[:1])
    assert (second.mentions, second.sentences) == (mentions[1:], sentences[1:])
