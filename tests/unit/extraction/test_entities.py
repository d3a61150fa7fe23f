from collections.abc import Sequence

from tests.builders import BORN, DATE, ONTOLOGY, PERSON, PLACE, SAILOR, StandIn, chunk_of, mention, rejections

from lithograph.domain.facts import Literal
from lithograph.domain.fragment import Fragment, Reason
from lithograph.domain.ids import Iri
from lithograph.extraction.entities import type_mentions
from lithograph.extraction.extractor import EntityQuestion, ProposedAttribute, ProposedEntity
from lithograph.extraction.settings import ExtractionSettings

CHUNK = chunk_of("Ada, born on 10 December 1815, met Bob.")
ADA, BOB = mention(CHUNK, "Ada"), mention(CHUNK, "Bob")
QUESTION = EntityQuestion(
    CHUNK,
    (ADA, BOB),
    (CHUNK.sentence_of(ADA.span),) * 2,
    tuple(ONTOLOGY.classes[iri] for iri in (PERSON, PLACE, SAILOR)),
    (ONTOLOGY.properties[BORN],),
)
ELSEWHERE = Iri("http://elsewhere.example/Robot")
BIRTHDAY = Literal("1815-12-10", DATE)
BOB_IS_A_PERSON = ProposedEntity(1, (PERSON,))


async def typed(*proposals: ProposedEntity) -> Fragment:
    extractor = StandIn(entities_of=lambda _: proposals)
    return await type_mentions("entities/c/b", QUESTION, extractor, ExtractionSettings())


def types(found: Fragment) -> dict[str, Sequence[Iri]]:
    names = {ADA.id: "Ada", BOB.id: "Bob"}
    return {names[typing.mention]: typing.types for typing in found.typings}


async def test_each_mention_gets_its_class_and_further_types() -> None:
    found = await typed(BOB_IS_A_PERSON, ProposedEntity(0, (SAILOR, PERSON, SAILOR), 0.7))
    assert types(found) == {"Ada": (SAILOR, PERSON), "Bob": (PERSON,)}
    assert {typing.chunk for typing in found.typings} == {CHUNK.id}
    assert rejections(found) == {}


async def test_a_class_that_was_not_offered_leaves_the_mention_without_one() -> None:
    found = await typed(ProposedEntity(0, (ELSEWHERE, PERSON)), BOB_IS_A_PERSON)
    assert types(found) == {"Bob": (PERSON,)}
    assert rejections(found) == {Reason.UNKNOWN_CLASS: 1, Reason.UNTYPED: 1}


async def test_a_further_type_that_was_not_offered_is_left_out_and_counted() -> None:
    found = await typed(ProposedEntity(0, (PERSON, ELSEWHERE)), BOB_IS_A_PERSON)
    assert types(found) == {"Ada": (PERSON,), "Bob": (PERSON,)}
    assert rejections(found) == {Reason.UNKNOWN_CLASS: 1}


async def test_an_answer_about_no_mention_is_counted() -> None:
    found = await typed(ProposedEntity(2, (PERSON,)), ProposedEntity(-1, (PERSON,)), ProposedEntity(0, (PERSON,)))
    assert types(found) == {"Ada": (PERSON,)}
    assert rejections(found) == {Reason.UNKNOWN_MENTION: 2, Reason.UNTYPED: 1}


async def test_mentions_without_an_answer_or_a_class_are_counted() -> None:
    assert rejections(await typed()) == {Reason.UNTYPED: 2}
    assert rejections(await typed(ProposedEntity(0, ()), BOB_IS_A_PERSON)) == {Reason.UNTYPED: 1}


async def test_of_two_answers_about_a_mention_the_surer_counts_in_whatever_order() -> None:
    sure, unsure = ProposedEntity(0, (SAILOR,), 0.9), ProposedEntity(0, (PLACE,), 0.6)
    for order in ((sure, unsure), (unsure, sure)):
        assert types(await typed(*order, BOB_IS_A_PERSON)) == {"Ada": (SAILOR,), "Bob": (PERSON,)}


async def test_an_attribute_stands_with_the_place_that_says_so() -> None:
    stated = ProposedAttribute(BORN, BIRTHDAY, "born on 10 december 1815")
    found = await typed(ProposedEntity(0, (PERSON,), attributes=(stated, stated)), BOB_IS_A_PERSON)
    (attribute,) = next(typing.attributes for typing in found.typings if typing.mention == ADA.id)
    assert (attribute.predicate, attribute.value) == (BORN, BIRTHDAY)
    assert [span.text for span in attribute.evidence] == ["born on 10 December 1815"]


async def test_attributes_without_evidence_or_of_unknown_property_are_counted_and_the_class_is_kept() -> None:
    invented = ProposedAttribute(BORN, BIRTHDAY, "she was born in London")
    unknown = ProposedAttribute(Iri("http://elsewhere.example/p"), BIRTHDAY, "born on 10 December 1815")
    found = await typed(ProposedEntity(0, (PERSON,), attributes=(invented, unknown)), BOB_IS_A_PERSON)
    assert types(found) == {"Ada": (PERSON,), "Bob": (PERSON,)}
    assert all(not typing.attributes for typing in found.typings)
    assert rejections(found) == {Reason.ATTRIBUTE_EVIDENCE: 1, Reason.UNKNOWN_ATTRIBUTE: 1}
