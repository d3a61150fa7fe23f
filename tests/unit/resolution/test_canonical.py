from dataclasses import replace
from itertools import permutations

from tests.builders import BORN, PERSON, PLACE, SAILOR, entities_of

from lithograph.domain.document import Document
from lithograph.domain.facts import Attribute, Literal
from lithograph.resolution.canonical import merge

FIRST, SECOND, THIRD = entities_of(("Smith", PERSON), ("Jane Smith", PERSON), ("Dr. Smith", SAILOR))


def test_one_member_is_returned_as_it_is() -> None:
    assert merge([FIRST]) is FIRST


def test_the_id_is_that_of_the_first_mention_and_the_label_the_longest_of_equals() -> None:
    merged = merge([THIRD, SECOND, FIRST])
    assert (merged.id, merged.label) == (FIRST.id, "Jane Smith")


def test_confidence_weighs_more_than_length() -> None:
    assert merge([FIRST, replace(SECOND, confidence=0.6)]).label == "Smith"
    assert merge([FIRST, replace(SECOND, confidence=0.9)]).label == "Jane Smith"


def test_attributes_weigh_more_than_length() -> None:
    born = Attribute(BORN, Literal("1815"), (Document.from_text("1815").span(0, 4),))
    assert merge([replace(FIRST, attributes=(born,)), SECOND]).label == "Smith"


def test_all_other_names_are_aliases_once_and_sorted() -> None:
    merged = merge([replace(FIRST, aliases=("Smithy", "Jane Smith")), SECOND, THIRD])
    assert merged.aliases == ("Dr. Smith", "Smith", "Smithy")


def test_types_are_settled_by_vote() -> None:
    assert merge([FIRST, SECOND, THIRD]).types == (PERSON, SAILOR)
    place = replace(FIRST, types=(PLACE,), confidence=0.3)
    assert merge([place, replace(SECOND, confidence=0.2), replace(THIRD, confidence=0.2)]).types[0] == PLACE


def test_every_mention_and_every_contradicting_attribute_is_kept() -> None:
    span = Document.from_text("1815 or 1816").span(0, 4)
    born = [Attribute(BORN, Literal(year), (span,)) for year in ("1815", "1816")]
    members = [replace(FIRST, attributes=(born[1],)), SECOND, replace(THIRD, attributes=(born[0], born[1]))]
    merged = merge(members)
    assert merged.mentions == (*FIRST.mentions, *SECOND.mentions, *THIRD.mentions)
    assert merged.attributes == tuple(born)
    assert {merge(order) for order in permutations(members)} == {merged}
