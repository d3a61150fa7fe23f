import pytest

from lithograph.ontology.tokens import Tokens, stem_of


@pytest.mark.parametrize(
    "words",
    ["found founder founders founded founding founds", "employ employee employs employer employment", "city cities",
     "marry marries married", "create creator created creation", "organization organize organizations", "run running"],
)  # fmt: skip
def test_forms_of_a_word_share_a_stem(words: str) -> None:
    assert len({stem_of(word) for word in words.split()}) == 1


def test_words_that_only_look_alike_keep_apart() -> None:
    assert len({stem_of(word) for word in ("part", "party", "port", "person", "sing", "song", "bus", "his")}) == 8


def test_camel_case_acronyms_and_scripts_without_spaces_are_cut() -> None:
    assert Tokens().of("worksFor HTMLPage birth_place Émile 北京市 iPhone 12") == [
        "work", "for", "html", "pag", "birth", "plac", "émile", "北京", "京市", "phon"
    ]  # fmt: skip
