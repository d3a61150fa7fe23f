import pytest

from lithograph.resolution.names import called_for_short, expands, name_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dr. Jane Smith", "jane smith"),
        ("The Ritz", "RITZ"),
        ("O’Brien", "O'Brien"),
        ("Acme, Inc.", "Acme"),
        ("Café  Central", "Cafe\u0301 central"),
        ("New-York", "new-york"),
        ("Smith's", "Smith"),
        ("U.S.A.", "USA"),
    ],
)
def test_titles_articles_case_punctuation_and_legal_forms_do_not_matter(one: str, other: str) -> None:
    assert name_of(one).key == name_of(other).key


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jane Smith", "John Smith"), ("C", "C++"), ("C#", "C"), ("Apollo 11", "Apollo 13"), ("東京", "京都")],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert name_of(one).key != name_of(other).key


@pytest.mark.parametrize("surface", ["The", "Dr.", "Mr", "Inc.", "♥", " "])
def test_a_name_is_never_empty(surface: str) -> None:
    assert name_of(surface).words
    assert name_of(surface).key


@pytest.mark.parametrize(
    ("surface", "gender"),
    [("Mr. Smith", "m"), ("Mrs Smith", "f"), ("Dr. Smith", ""), ("The Lady Mary", "f"), ("Mr", "")],
)
def test_a_title_may_say_the_gender(surface: str, gender: str) -> None:
    assert name_of(surface).gender == gender


@pytest.mark.parametrize(("surface", "numeric"), [("1815", True), ("10 December", True), ("Ada", False)])
def test_what_begins_with_a_digit_is_a_value_and_not_a_name(surface: str, numeric: bool) -> None:
    assert name_of(surface).numeric is numeric


@pytest.mark.parametrize(
    ("long", "short", "expected"),
    [
        ("World Health Organization", "WHO", True),
        ("World Health Organization", "W.H.O.", True),
        ("Bank of England", "BE", True),
        ("Bank of England", "BOE", True),
        ("World Health Organization", "who", False),
        ("World Health Organization", "WTO", False),
        ("World", "W", False),
    ],
)
def test_an_acronym_is_spelt_by_initials_with_or_without_small_words(long: str, short: str, expected: bool) -> None:
    assert expands(name_of(long), name_of(short)) is expected


@pytest.mark.parametrize(
    ("short", "long", "expected"),
    [
        ("Smith", "Jane Smith", True),
        ("Jane", "Jane Smith", True),
        ("Mrs. Smith", "Jane Smith", True),
        ("J. Smith", "Jane Smith", False),
        ("J. Smith", "Jane Mary Smith", True),
        ("Jane Smith", "Jane Mary Smith", True),
        ("Jane M. Smith", "Jane Mary Ann Smith", True),
        ("Mary", "Jane Mary Smith", False),
        ("Mr. Smith", "Mrs. Jane Smith", False),
        ("Jane Smith", "Jane Smith", False),
        ("Jane Smith", "Smith", False),
        ("of", "Joan of", False),
    ],
)
def test_a_person_goes_by_first_or_last_names_or_without_the_middle_ones(short: str, long: str, expected: bool) -> None:
    assert called_for_short(name_of(short), name_of(long)) is expected
