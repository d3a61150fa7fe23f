from collections.abc import Sequence

import pytest
from tests.builders import StandIn, chunk_of, propose, rejections

from lithograph.domain.chunk import Chunk
from lithograph.domain.fragment import Fragment, Reason
from lithograph.extraction.extractor import MentionQuestion, ProposedMention
from lithograph.extraction.mentions import find_mentions
from lithograph.extraction.settings import ExtractionSettings

CHUNK = chunk_of("Ada Lovelace met Ada Byron. Byron left the Analytical Engine to Ada Lovelace.")


async def found_in(chunk: Chunk, *proposals: ProposedMention, settings: ExtractionSettings | None = None) -> Fragment:
    extractor = StandIn(mentions_of=lambda _: proposals)
    return await find_mentions("mentions/c", MentionQuestion(chunk, ()), extractor, settings or ExtractionSettings())


def surfaces(found: Fragment) -> list[tuple[int, str]]:
    return [(span.start, span.text) for span in sorted(mention.span for mention in found.mentions)]


async def test_every_occurrence_of_a_proposed_surface_is_a_mention() -> None:
    found = await found_in(CHUNK, ProposedMention("Ada Lovelace", 0.8, "a person"))
    assert surfaces(found) == [(0, "Ada Lovelace"), (64, "Ada Lovelace")]
    assert {(mention.confidence, mention.hint) for mention in found.mentions} == {(0.8, "a person")}
    assert rejections(found) == {}


async def test_without_sweep_the_nth_proposal_of_a_text_is_its_nth_occurrence() -> None:
    lovelace, no_sweep = ProposedMention("Ada Lovelace"), ExtractionSettings(sweep=False)
    assert surfaces(await found_in(CHUNK, lovelace, settings=no_sweep)) == [(0, "Ada Lovelace")]
    twice = [(0, "Ada Lovelace"), (64, "Ada Lovelace")]
    assert surfaces(await found_in(CHUNK, lovelace, lovelace, settings=no_sweep)) == twice
    assert surfaces(await found_in(CHUNK, lovelace, lovelace, lovelace, settings=no_sweep)) == twice


@pytest.mark.parametrize(("confidence", "kept"), [(0.49, 0), (0.5, 1), (float("nan"), 0)])
async def test_low_confidence_is_dropped_and_counted(confidence: float, kept: int) -> None:
    found = await found_in(CHUNK, ProposedMention("Analytical Engine", confidence))
    assert len(found.mentions) == kept
    assert rejections(found) == ({} if kept else {Reason.LOW_CONFIDENCE: 1})


@pytest.mark.parametrize("text", ["Charles Babbage", "", "Ada Byron King, Countess of Lovelace"])
async def test_what_stands_nowhere_is_rejected_and_counted(text: str) -> None:
    found = await found_in(CHUNK, ProposedMention(text), ProposedMention("Byron"))
    assert [text for _, text in surfaces(found)] == ["Byron", "Byron"]
    assert rejections(found) == {Reason.NOT_IN_TEXT: 1}


async def test_a_misspelt_mention_is_stored_as_the_documents_words_and_less_sure() -> None:
    found = await found_in(CHUNK, ProposedMention("the Analytcal Engine", 0.8))
    (mention,) = found.mentions
    assert mention.span.text == "the Analytical Engine"
    assert 0.5 < mention.confidence < 0.8


async def test_a_misspelt_mention_is_swept_as_what_it_was_found_as() -> None:
    found = await found_in(CHUNK, ProposedMention("Ada Lovelacs"))
    assert surfaces(found) == [(0, "Ada Lovelace"), (64, "Ada Lovelace")]


async def test_of_overlapping_mentions_the_longer_is_kept_in_whatever_order_they_come() -> None:
    short, long = ProposedMention("Ada"), ProposedMention("Ada Lovelace")
    for proposals in ((short, long), (long, short)):
        found = await found_in(CHUNK, *proposals)
        assert surfaces(found) == [(0, "Ada Lovelace"), (17, "Ada"), (64, "Ada Lovelace")]
        assert rejections(found) == {Reason.OVERLAPPED: 2}


async def test_a_much_surer_short_mention_outweighs_a_longer_one() -> None:
    chunk = chunk_of("Ada Lovelace, Countess")
    found = await found_in(chunk, ProposedMention("Ada Lovelace", 1.0), ProposedMention("Lovelace, Countess", 0.5))
    assert surfaces(found) == [(0, "Ada Lovelace")]


async def test_two_proposals_of_one_place_are_one_mention_of_the_surer() -> None:
    found = await found_in(
        CHUNK, ProposedMention("Analytical Engine", 0.6, "b"), ProposedMention("Analytical Engine", 0.9)
    )
    (mention,) = found.mentions
    assert mention.confidence == 0.9
    assert rejections(found) == {}


async def test_mentions_point_into_the_document_and_not_into_the_chunk() -> None:
    chunk = chunk_of("\n\n   Ada left.")
    (mention,) = (await found_in(chunk, ProposedMention("Ada"))).mentions
    assert (mention.span.start, mention.span.end) == (5, 8)


async def test_the_extractor_is_asked_about_the_chunk_with_its_classes() -> None:
    seen: list[MentionQuestion] = []

    def remember(question: MentionQuestion) -> Sequence[ProposedMention]:
        seen.append(question)
        return propose("Byron")(question)

    question = MentionQuestion(CHUNK, ())
    await find_mentions("mentions/c", question, StandIn(mentions_of=remember), ExtractionSettings())
    assert seen == [question]
