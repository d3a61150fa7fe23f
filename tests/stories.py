"""A story of forty paragraphs, and an extractor that understands it."""

import re
from collections.abc import Sequence
from itertools import pairwise

from tests.builders import KNOWS, StandIn

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document
from lithograph.domain.fragment import Stage
from lithograph.errors import LithographError
from lithograph.extraction.extractor import MentionQuestion, ProposedMention, ProposedRelation, RelationQuestion

PARAGRAPHS = [
    f"Person{number:02} came to the harbour in spring and stayed. Everybody knew Person{number // 3:02} and "
    f"Witness{number:02} by then, for the winters there are long and the evenings give time for talk. "
    f"What Witness{number:02} saw was written down, read aloud, and {'put away' if number % 2 else 'forgotten'}."
    for number in range(40)
]


def written(paragraphs: Sequence[str]) -> Document:
    """Return a document of these paragraphs."""
    return Document.from_text("\n\n".join(paragraphs), source="story.txt")


DOCUMENT = written(PARAGRAPHS)


def names(question: MentionQuestion) -> Sequence[ProposedMention]:
    """Propose the people of the story."""
    return [ProposedMention(text) for text in re.findall(r"(?:Person|Witness|Guest)\d*", question.chunk.text)]


def neighbours(question: RelationQuestion) -> Sequence[ProposedRelation]:
    """Propose that whoever is named next to somebody knows them."""
    found = []
    for (one, first), (two, second) in pairwise(enumerate(question.candidates)):
        sentences = [question.chunk.sentence_of(place.mentions[0].span).text for place in (first, second)]
        found.append(ProposedRelation(one, KNOWS, two, sentences))
    return found


def stand_in() -> StandIn:
    """Return an extractor that understands the story, and whose answers cost something."""
    return StandIn(mentions_of=names, relations_of=neighbours)


def broken(stage: Stage, where: Chunk, error: LithographError) -> StandIn:
    """Return an extractor that cannot answer one stage of one chunk."""
    extractor = stand_in()

    async def before(asked: Stage, chunk: Chunk) -> None:
        if (asked, chunk) == (stage, where):
            raise error

    extractor.before = before
    return extractor
