"""A prompt gives the texts of its mentions and no offsets; where they stand is found again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lithograph.domain.document import Document
from lithograph.domain.facts import Mention
from lithograph.extraction.align import Aligner
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.prompts.messages import EntitiesPrompt, GivenMention
from lithograph.extraction.select import heaviest
from lithograph.testing.fake_model.places import chunk_of, everywhere, scene_of

NAMES = ("Ann", "Ann Marwick", "Marwick", "Marwick of Leith", "Leith", "Leith Ann")
words = st.sampled_from([*NAMES, "Annapolis", "and", "saw", "Marwick's", "in"])
sentences = st.lists(words, min_size=1, max_size=9).map(lambda chosen: " ".join(("So", *chosen)) + ".")


def prompt(sentences: tuple[str, ...], *mentions: tuple[str, int]) -> EntitiesPrompt:
    given_ = tuple(GivenMention(number, text, sentence) for number, (text, sentence) in enumerate(mentions))
    return EntitiesPrompt((), (), sentences, given_)


def places(asked: EntitiesPrompt) -> list[tuple[int, int, str]]:
    scene = scene_of(asked)
    if scene is None:
        return []
    return [
        (mention.span.start - sentence.start, mention.span.end - sentence.start, sentence.text)
        for mention, sentence in zip(scene.mentions, scene.sentences, strict=True)
    ]


@settings(deadline=None, max_examples=200)
@given(st.lists(sentences, min_size=1, max_size=5).map(" ".join))
def test_mentions_that_were_found_by_sweep_are_found_where_they_were(text: str) -> None:
    (chunk,) = chunk_document(Document.from_text(text))
    aligner = Aligner(chunk.text)
    found = [Mention(chunk.span(place.start, place.end), 1.0) for name in NAMES for place in aligner.occurrences(name)]
    kept = sorted(heaviest(found, span=lambda m: m.span, weight=lambda m: len(m.span)), key=lambda m: m.span)
    held = [chunk.sentence_of(mention.span) for mention in kept]
    distinct = list(dict.fromkeys(held))
    asked = prompt(
        tuple(one.text for one in distinct),
        *((mention.span.text, distinct.index(one)) for mention, one in zip(kept, held, strict=True)),
    )
    assert places(asked) == [
        (mention.span.start - one.start, mention.span.end - one.start, one.text)
        for mention, one in zip(kept, held, strict=True)
    ]


def test_what_lies_inside_the_mention_before_it_is_not_meant() -> None:
    sentence = "Ann Marwick met Marwick."
    assert places(prompt((sentence,), ("Ann Marwick", 0), ("Marwick", 0))) == [(0, 11, sentence), (16, 23, sentence)]


def test_a_mention_that_comes_too_late_is_found_all_the_same() -> None:
    assert places(prompt(("Ann met Leith.",), ("Leith", 0), ("Ann", 0))) == [
        (8, 13, "Ann met Leith."),
        (0, 3, "Ann met Leith."),
    ]


def test_a_mention_that_stands_in_no_sentence_is_one_by_itself() -> None:
    asked = prompt(("Ann met Leith.",), ("Dunholm", 0), ("Ann", 9), ("Ann", -1), ("", 0))
    assert places(asked) == [(0, 7, "Dunholm"), (0, 3, "Ann"), (0, 3, "Ann")]


def test_every_occurrence_of_a_text_is_found_in_the_whole_of_it() -> None:
    chunk = chunk_of("  Ann met Ann in Annapolis.  " * 200)
    assert chunk is not None
    assert {mention.span.text for mention in everywhere(chunk, "Ann")} == {"Ann"}
    assert len(everywhere(chunk, "Ann")) == 400
