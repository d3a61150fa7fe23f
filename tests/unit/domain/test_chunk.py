import pytest

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document, Sentence
from lithograph.errors import InvariantError

DOCUMENT = Document.from_text("Ada met Bob.  He waved. She left.")
CHUNK = Chunk(DOCUMENT.id, 14, 33, DOCUMENT.text[14:33], (Sentence(14, 23), Sentence(24, 33)))


def test_a_chunk_must_hold_as_many_characters_as_it_spans() -> None:
    for start, end, text in ((0, 4, "Ada"), (0, 0, ""), (-1, 2, "Ada")):
        with pytest.raises(InvariantError, match="cannot hold"):
            Chunk(DOCUMENT.id, start, end, text, ())


def test_a_sentence_outside_the_chunk_is_refused() -> None:
    for sentence in (Sentence(13, 23), Sentence(14, 34), Sentence(15, 15)):
        with pytest.raises(InvariantError, match="outside its chunk"):
            Chunk(DOCUMENT.id, 14, 33, CHUNK.text, (sentence,))


def test_an_id_depends_on_document_and_offsets_alone() -> None:
    whole = Chunk(DOCUMENT.id, 0, 33, DOCUMENT.text, ())
    assert Chunk(DOCUMENT.id, 0, 33, "x" * 33, (Sentence(0, 12),)).id == whole.id
    assert Chunk(DOCUMENT.id, 0, 32, DOCUMENT.text[:32], ()).id != whole.id
    ada = Document.from_text("Ada met Bob.")
    assert Chunk(ada.id, 0, 12, ada.text, ()).id == "chunk_d2d6cda474a03a7256a690020c145b62"


def test_a_span_is_counted_from_the_chunks_beginning_and_points_into_the_document() -> None:
    assert DOCUMENT.check(CHUNK.span(3, 8)).text == "waved"
    for start, end in ((-1, 2), (3, 3), (0, 20)):
        with pytest.raises(InvariantError, match="no span of a chunk of 19"):
            CHUNK.span(start, end)


def test_the_sentence_of_a_span_is_the_one_that_it_lies_in() -> None:
    assert CHUNK.sentence_of(DOCUMENT.span(17, 22)).text == "He waved."


def test_a_span_over_two_sentences_has_both() -> None:
    assert CHUNK.sentence_of(DOCUMENT.span(17, 27)).text == "He waved. She left."


def test_a_span_that_sticks_out_of_its_sentence_is_covered_whole() -> None:
    assert CHUNK.sentence_of(DOCUMENT.span(17, 24)).text == "He waved. "


def test_a_span_in_no_sentence_has_the_whole_chunk() -> None:
    assert CHUNK.sentence_of(DOCUMENT.span(23, 24)).text == CHUNK.text
