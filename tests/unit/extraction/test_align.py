import pytest
from hypothesis import given
from hypothesis import strategies as st

from lithograph.extraction.align import Aligner, Place, is_whole


def found(text: str, wanted: str, threshold: float = 0.9) -> str | None:
    place = Aligner(text, threshold).locate(wanted)
    return None if place is None else text[place.start : place.end]


def test_an_exact_text_is_found_where_it_first_stands_as_a_word() -> None:
    assert Aligner("Adam saw Ada. Ada left.").locate("Ada") == Place(9, 12)


def test_all_occurrences_are_found_and_none_inside_a_word() -> None:
    assert Aligner("Ann met Anna, Ann's aunt; ANN").occurrences("Ann") == [Place(0, 3), Place(14, 17)]


def test_all_occurrences_are_found_wherever_their_lines_break() -> None:
    text = "The Royal Society met. The Royal\nSociety, a Royal  \n\tSociety; no Royal\n\nSociety. A Royal\u00a0Society"
    aligner = Aligner(text)
    for wanted in ("Royal Society", " Royal\nSociety"):
        places = aligner.occurrences(wanted)
        assert [text[place.start : place.end] for place in places] == [
            "Royal Society",
            "Royal\nSociety",
            "Royal  \n\tSociety",
            "Royal\u00a0Society",
        ]


def test_a_repeating_text_has_no_overlapping_occurrences() -> None:
    assert Aligner("ha ha ha ha").occurrences("ha ha") == [Place(0, 5), Place(6, 11)]


@pytest.mark.parametrize(
    ("text", "wanted", "slice_"),
    [
        ("He saw Jane \n  Smith.", "jane smith", "Jane \n  Smith"),
        ("He said “don’t”.", '"don\'t"', "“don’t”"),
        ("the years 1914–1918", "1914-1918", "1914–1918"),
        ("in the Cafe\u0301 Central", "café central", "Cafe\u0301 Central"),
        ("in the Café", "CAFE\u0301", "Café"),
        ("in the Cafe\u0301", "café", "Cafe\u0301"),
        ("the oﬃce of Weiß", "OFFICE OF WEISS", "oﬃce of Weiß"),
        ("Ｔｏｋｙｏ Bay", "tokyo bay", "Ｔｏｋｙｏ Bay"),
        ("co\u00adop\u200berate", "cooperate", "co\u00adop\u200berate"),
    ],
)
def test_case_white_space_quotes_dashes_and_compatibility_forms_do_not_matter(
    text: str, wanted: str, slice_: str
) -> None:
    place = Aligner(text).locate(wanted)
    assert place is not None
    assert (text[place.start : place.end], place.score) == (slice_, 1.0)


def test_scripts_without_spaces_have_words_inside_words() -> None:
    assert Aligner("東京都庁は東京にある").occurrences("東京") == [Place(0, 2), Place(5, 7)]


def test_particles_of_korean_follow_a_name_at_once() -> None:
    text = "삼성전자는 서울에 있다. Samsung은 회사이다."
    assert [found(text, name) for name in ("삼성전자", "서울", "Samsung")] == ["삼성전자", "서울", "Samsung"]


def test_an_accent_or_a_vowel_sign_belongs_to_its_word() -> None:
    assert Aligner("भारतीय लोग भारत में").occurrences("भारत") == [Place(11, 15)]
    assert Aligner("Andre\u0301 met Andre").occurrences("Andre") == [Place(11, 16)]
    assert Aligner("Andre\u0301 met Andre").occurrences("Andr\u00e9") == [Place(0, 6)]


def test_a_quote_of_several_words_may_stop_inside_a_word() -> None:
    assert found("She founded companies.", "founded compan") == "founded compan"
    assert found("She founded companies.", "compan") is None


def test_a_slightly_wrong_text_is_found_as_the_documents_own_words() -> None:
    text = "The Analytical Engine was never built."
    place = Aligner(text).locate("the Analytcal Engine was never built")
    assert place is not None
    assert text[place.start : place.end] == "The Analytical Engine was never built"
    assert 0.9 <= place.score < 1.0


def test_the_threshold_decides_what_is_near_enough() -> None:
    assert found("The Analytical Engine", "Analytixal Engine", 0.95) is None
    assert found("The Analytical Engine", "Analytixal Engine", 0.9) == "Analytical Engine"


def test_a_very_short_text_is_never_found_loosely() -> None:
    assert found("Anne left", "Anna", 0.5) is None


@pytest.mark.parametrize("wanted", ["", " \n", "Charles Babbage", "A text much longer than all of the chunk"])
def test_what_stands_nowhere_is_not_found(wanted: str) -> None:
    assert Aligner("Ada left").occurrences(wanted) == []
    assert found("Ada left", wanted) is None


def test_a_slice_is_whole_when_no_word_goes_on_beside_it() -> None:
    text = "Ada's C++ code"
    assert [is_whole(text, start, end) for start, end in ((0, 3), (0, 2), (6, 9), (10, 14))] == [
        True,
        False,
        True,
        True,
    ]


@given(st.text("ab \n\t\u00a0", max_size=30), st.text("ab ", min_size=1, max_size=4))
def test_an_occurrence_is_what_was_wanted_but_for_white_space(text: str, wanted: str) -> None:
    for place in Aligner(text).occurrences(wanted):
        assert text[place.start : place.end].split() == wanted.split()
        assert is_whole(text, place.start, place.end)
