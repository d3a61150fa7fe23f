from dataclasses import dataclass
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders import BORN, FOUNDED, KNOWS, LIVES_IN, ONTOLOGY, PERSON, SAILOR, chunk_of, mention

from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document, Sentence
from lithograph.domain.facts import Mention
from lithograph.domain.ids import Iri, OrganizationId
from lithograph.extraction.extractor import Candidate, EntityQuestion, JointQuestion, MentionQuestion, RelationQuestion
from lithograph.extraction.prompts.build import PromptBuilder
from lithograph.extraction.prompts.messages import GivenEntity, GivenMention, Prompt, prompt_in
from lithograph.extraction.prompts.naming import Naming
from lithograph.ontology.model import OntologyClass

CLASSES, PROPERTIES = tuple(ONTOLOGY.classes.values()), tuple(ONTOLOGY.properties.values())


@pytest.fixture
def builder() -> PromptBuilder:
    return PromptBuilder(Naming.of(ONTOLOGY))


def prompts(chunk: Chunk, mentions: list[Mention]) -> list[Prompt]:
    """Return everything that can be asked about a chunk."""
    builder = PromptBuilder(Naming.of(ONTOLOGY))
    sentences = [chunk.sentence_of(mention.span) for mention in mentions]
    candidates = [Candidate(mention.span.text, (SAILOR, PERSON), (mention,)) for mention in mentions]
    return [
        builder.mentions(MentionQuestion(chunk, CLASSES)),
        builder.entities(EntityQuestion(chunk, mentions, sentences, CLASSES, PROPERTIES)),
        builder.relations(RelationQuestion(chunk, candidates, PROPERTIES)),
        builder.joint(JointQuestion(chunk, CLASSES, PROPERTIES)),
    ]


@dataclass(frozen=True)
class Passage:
    """A text with the lengths of its sentences, and where in it something is mentioned."""

    sentences: tuple[str, ...]
    mentions: tuple[tuple[float, int], ...]

    def at(self, before: str, organization: str) -> tuple[Chunk, list[Mention]]:
        """Return it as a chunk of a document that begins with other words."""
        text = "".join(self.sentences)
        document = Document.from_text(before + text + "!", organization_id=OrganizationId(organization))
        ends = [len(before)]
        for sentence in self.sentences:
            ends.append(ends[-1] + len(sentence))
        sentences = tuple(Sentence(start, end) for start, end in pairwise(ends))
        chunk = Chunk(document.id, ends[0], ends[-1], text, sentences)
        found = []
        for share, length in self.mentions:
            start = int(share * (len(text) - 1))
            found.append(Mention(chunk.span(start, min(start + length, len(text))), 1.0, "work"))
        return chunk, found


passages = st.builds(
    Passage,
    st.lists(st.text("abc é漢\n\"'{}0123456789", min_size=1, max_size=12), min_size=1, max_size=4).map(tuple),
    st.lists(st.tuples(st.floats(0, 0.99), st.integers(1, 5)), max_size=4).map(tuple),
)


@given(passages, st.text("xyz 12", max_size=50))
def test_a_text_is_asked_about_in_the_same_bytes_wherever_it_stands(passage: Passage, before: str) -> None:
    here, there = passage.at("", "acme"), passage.at(before, "else")
    for one, other in zip(prompts(*here), prompts(*there), strict=True):
        assert msgspec.json.encode(one) == msgspec.json.encode(other)
        assert prompt_in(msgspec.json.encode(one).decode()) == one


def test_no_id_and_no_iri_is_in_a_prompt() -> None:
    chunk = chunk_of("Ada Marwick lives in Leith. She knows Ann Carrick.")
    mentions = [mention(chunk, "Ada Marwick"), mention(chunk, "Ann Carrick")]
    for prompt in prompts(chunk, mentions):
        content = msgspec.json.encode(prompt).decode()
        for secret in (chunk.id, chunk.document, "http", *(one.id for one in mentions)):
            assert secret not in content


def test_a_sentence_is_given_once_and_mentions_by_number_text_and_hint(builder: PromptBuilder) -> None:
    chunk = chunk_of("Ada met Ann. Ann laughed.")
    mentions = [mention(chunk, "Ada"), mention(chunk, "Ann"), mention(chunk, "Ann", 1)]
    sentences = [chunk.sentence_of(one.span) for one in mentions]
    prompt = builder.entities(EntityQuestion(chunk, mentions, sentences, CLASSES, ()))
    assert prompt.sentences == ("Ada met Ann.", "Ann laughed.")
    assert prompt.mentions == (GivenMention(0, "Ada", 0), GivenMention(1, "Ann", 0), GivenMention(2, "Ann", 1))
    assert prompt.attributes == ()


def test_properties_are_offered_with_the_classes_and_datatypes_at_their_ends(builder: PromptBuilder) -> None:
    chunk = chunk_of("Ada lives in Leith.")
    candidate = Candidate("Ada", (SAILOR, PERSON), (mention(chunk, "Ada"),))
    wanted = [ONTOLOGY.properties[iri] for iri in (LIVES_IN, BORN, KNOWS, FOUNDED)]
    prompt = builder.relations(RelationQuestion(chunk, [candidate], wanted))
    assert [(one.name, one.domain, one.range) for one in prompt.properties] == [
        ("lives in", ("Person",), ("Place",)),
        ("born", ("Person",), ("date",)),
        ("knows", (), ()),
        ("founded", ("Organization",), ("date",)),
    ]
    assert prompt.entities == (GivenEntity(0, "Ada", ("Sailor", "Person")),)
    attributes = builder.entities(EntityQuestion(chunk, (), (), (), wanted[1:2])).attributes
    assert [(one.name, one.datatypes) for one in attributes] == [("born", ("date",))]


@pytest.mark.parametrize(
    ("comment", "about"),
    [
        ("A vessel\n  that sails.", "A vessel that sails."),
        ("word " * 40, ("word " * 24).strip()),
        ("x" * 120, "x" * 120),
        ("船舶とは水上を航行する乗り物である。" * 20, ("船舶とは水上を航行する乗り物である。" * 20)[:120]),
    ],
)
def test_of_a_long_comment_the_beginning_is_told_in_whole_words_where_there_are_words(
    builder: PromptBuilder, comment: str, about: str
) -> None:
    known = OntologyClass(Iri("http://example.org/Ship"), "Ship", comment=comment)
    prompt = builder.mentions(MentionQuestion(chunk_of("A ship."), (known,)))
    assert prompt.classes[0].about == about
