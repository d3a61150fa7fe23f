"""Chunks hold exactly the document's characters, all of them that matter, whatever the text is."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document
from lithograph.extraction.chunk import ChunkSettings, chunk_document

ODD = [
    ". ",
    "! ",
    "。",
    "Dr. ",
    "3.14",
    "\r\n",
    "\n\n",
    "\u3000",
    "\u2028",
    "日本語の文章。",
    "“Hi.” ",
    "🚂👩‍👩‍👧",
    "e\u0301\u0327" * 20,
    "x" * 150,
]
pieces = st.text(max_size=30) | st.sampled_from(ODD)
sizes = st.sampled_from([ChunkSettings(80, 20), ChunkSettings(80, 20, overlap=False), ChunkSettings(200, 10)])
modest = settings(max_examples=100, deadline=None)


def at_most_six_blanks(text: str) -> str:
    """Shorten every run of white space."""
    return "".join(c for i, c in enumerate(text) if not (c.isspace() and i >= 6 and text[i - 6 : i].isspace()))


texts = st.lists(pieces, min_size=8, max_size=40).map("".join).map(at_most_six_blanks)


@modest
@given(texts, sizes)
def test_every_chunk_is_a_slice_of_the_document_and_not_too_long(text: str, size: ChunkSettings) -> None:
    for chunk in chunk_document(Document.from_text(text), size):
        assert chunk.text == text[chunk.start : chunk.end]
        assert 0 < len(chunk.text) <= size.maximum
        assert chunk.text == chunk.text.strip()


@modest
@given(texts, sizes)
def test_every_character_that_is_not_white_space_lies_in_a_chunk(text: str, size: ChunkSettings) -> None:
    covered: set[int] = set()
    for chunk in chunk_document(Document.from_text(text), size):
        covered.update(range(chunk.start, chunk.end))
    assert {i for i, character in enumerate(text) if not character.isspace()} <= covered


@modest
@given(texts, sizes)
def test_each_chunk_goes_on_where_the_one_before_it_ended(text: str, size: ChunkSettings) -> None:
    for one, following in pairwise(chunk_document(Document.from_text(text), size)):
        assert one.end < following.end
        assert following.start <= one.end or not text[one.end : following.start].strip()
        if not size.overlap:
            assert one.end <= following.start


@modest
@given(texts, sizes)
def test_only_a_shorter_document_has_a_chunk_below_the_minimum(text: str, size: ChunkSettings) -> None:
    chunks = chunk_document(Document.from_text(text), size)
    for chunk in chunks if len(chunks) > 1 else ():
        assert with_white_space(chunk, text) >= size.minimum


@modest
@given(texts, sizes)
def test_sentences_lie_in_order_in_the_chunk_and_hold_all_but_white_space(text: str, size: ChunkSettings) -> None:
    for chunk in chunk_document(Document.from_text(text), size):
        assert chunk.sentences
        inside: set[int] = set()
        for sentence in chunk.sentences:
            assert chunk.start <= sentence.start < sentence.end <= chunk.end
            assert inside.isdisjoint(range(sentence.start, sentence.end))
            inside.update(range(sentence.start, sentence.end))
        assert all(i in inside or text[i].isspace() for i in range(chunk.start, chunk.end))


@modest
@given(texts, sizes)
def test_chunking_again_gives_the_same(text: str, size: ChunkSettings) -> None:
    assert chunk_document(Document.from_text(text), size) == chunk_document(Document.from_text(text), size)


def with_white_space(chunk: Chunk, text: str) -> int:
    """Return how many characters a chunk has together with the white space around it."""
    before, behind = text[: chunk.start], text[chunk.end :]
    return len(chunk.text) + len(before) - len(before.rstrip()) + len(behind) - len(behind.lstrip())
