"""Alignment never points at a text that is not what it claims to have found."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from lithograph.extraction.align import Aligner, fold, is_whole

ODD = st.sampled_from(list("abcAB .,-–'’“\"\n\t日本ßİıé²ⅷ½ﬁǰﷺ\u0301\u0308\u200b\u00ad\u00a0一ก…\ufe0f\u200d👩ᄒ"))
PLAIN = st.sampled_from(list("abcdeAB .,-–'’“\n日本é²"))
"""Characters that the normalised form writes as one character each."""


@st.composite
def cases(draw: st.DrawFn, characters: st.SearchStrategy[str]) -> tuple[str, str]:
    """Return a text, and something to look for in it: mostly a slice of it, a little damaged."""
    text = draw(st.text(characters, min_size=1, max_size=40))
    start = draw(st.integers(0, len(text) - 1))
    wanted = text[start : draw(st.integers(start + 1, len(text)))]
    for _ in range(draw(st.integers(0, 2))):
        place, left_out = draw(st.integers(0, len(wanted))), draw(st.integers(0, 1))
        wanted = wanted[:place] + draw(st.text(characters, max_size=1)) + wanted[place + left_out :]
    return text, draw(st.sampled_from([wanted, wanted.upper(), wanted.replace(" ", " \n")]))


anything = cases(ODD) | cases(st.characters()) | st.tuples(st.text(max_size=30), st.text(max_size=12))
modest = settings(max_examples=200, deadline=None)


@modest
@given(anything)
def test_occurrences_are_whole_words_that_do_not_overlap_and_read_the_same(case: tuple[str, str]) -> None:
    text, wanted = case
    end = 0
    for place in Aligner(text).occurrences(wanted):
        assert end <= place.start < place.end <= len(text)
        end = place.end
        assert is_whole(text, place.start, place.end)
        assert fold(text[place.start : place.end]).text == fold(wanted).text
        assert place.score == 1.0


@modest
@given(anything)
def test_when_the_exact_text_is_a_whole_word_only_exact_slices_are_found(case: tuple[str, str]) -> None:
    text, wanted = case
    sought = wanted.strip()
    starts = [i for i in range(len(text)) if sought and text.startswith(sought, i)]
    if any(is_whole(text, start, start + len(sought)) for start in starts):
        found = Aligner(text).occurrences(wanted)
        assert found
        assert {text[place.start : place.end] for place in found} == {sought}


@modest
@given(anything, st.sampled_from([0.5, 0.8, 0.9, 1.0]))
def test_a_located_place_is_a_slice_that_is_not_empty(case: tuple[str, str], threshold: float) -> None:
    text, wanted = case
    aligner = Aligner(text, threshold)
    place = aligner.locate(wanted)
    if place is None:
        assert aligner.occurrences(wanted) == []
    else:
        assert 0 <= place.start < place.end <= len(text)
        assert threshold <= place.score <= 1.0
        assert text[place.start : place.end].strip()


@modest
@given(cases(PLAIN), st.sampled_from([0.5, 0.8, 0.9]))
def test_a_score_is_the_similarity_of_what_was_found(case: tuple[str, str], threshold: float) -> None:
    text, wanted = case
    place = Aligner(text, threshold).locate(wanted)
    if place is not None:
        slice_, sought = fold(text[place.start : place.end]).text, fold(wanted).text
        assert abs(place.score - fuzz.ratio(sought, slice_) / 100) < 1e-9
        assert (place.score == 1.0) == (slice_ == sought)


@modest
@given(st.text(ODD | st.characters(), max_size=40))
def test_folding_keeps_an_origin_for_every_character_in_order(text: str) -> None:
    folded = fold(text)
    assert len(folded.origins) == len(folded.text)
    assert folded.origins == sorted(folded.origins)
    assert all(0 <= origin < len(text) for origin in folded.origins)
