from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from tests.builders import BORN, DATE, KNOWS, LIVES_IN, ONTOLOGY, PERSON, PLACE, SAILOR, StandIn, chunk_of, rejections
from tests.scripted import CUT, RulesChat, ScriptedChat, caller_of, told

from lithograph.demo import demo_document, demo_ontology
from lithograph.domain.chunk import Chunk
from lithograph.domain.facts import Flag, Literal
from lithograph.domain.fragment import Fragment, Reason, Stage
from lithograph.domain.ids import Iri
from lithograph.domain.result import ExtractionResult
from lithograph.domain.usage import Usage
from lithograph.errors import AnswerError, UsageError
from lithograph.extraction.chunk import ChunkSettings
from lithograph.extraction.extractor import JointAnswer, JointEntity, JointQuestion, ProposedRelation
from lithograph.extraction.joint import extract_jointly
from lithograph.extraction.llm import LlmExtractor
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.progress import Progress
from lithograph.extraction.settings import Constraint, ExtractionSettings, OnMissing, Strategy
from lithograph.models.chat import ChatRequest
from lithograph.models.wire import WireAnswer
from lithograph.ontology.load import ontology_from_bytes

JOINT = ExtractionSettings(strategy=Strategy.JOINT)
TEXT = "Ada knew Bob in Leith. Ada was born in 1878."
ADA, BOB = JointEntity("Ada", (PERSON,), 0.9), JointEntity("Bob", (SAILOR, PERSON), 0.8)
LEITH = JointEntity("Leith", (PLACE,))
DRAGON = Iri("Dragon")


@dataclass(slots=True)
class Joined(StandIn):
    """Answers everything at once with what it is given, and fails at chunks that hold a word."""

    answer: JointAnswer = field(default_factory=lambda: JointAnswer((), ()))
    fails_at: str = "no text has this"
    joints: list[Chunk] = field(default_factory=list)

    async def joint(self, question: JointQuestion) -> JointAnswer:
        self.joints.append(question.chunk)
        if self.fails_at in question.chunk.text:
            raise AnswerError("the answer makes no sense")
        return self.answer


def knows(subject: int, target: int | Literal, quote: str = "Ada knew Bob", predicate: Iri = KNOWS) -> ProposedRelation:
    return ProposedRelation(subject, predicate, target, (quote,))


async def found(
    entities: Sequence[JointEntity], relations: Sequence[ProposedRelation] = (), settings: ExtractionSettings = JOINT
) -> Fragment:
    extractor = Joined(answer=JointAnswer(entities, relations, Usage(1, 10, 5)))
    question = JointQuestion(chunk_of(TEXT), tuple(ONTOLOGY.classes.values()), tuple(ONTOLOGY.properties.values()))
    return await extract_jointly("joint/c", question, extractor, ONTOLOGY, settings)


def ends(fragment: Fragment) -> set[tuple[str, Iri, str]]:
    """Return the links, by the texts at their ends."""
    texts = {mention.id: mention.span.text for mention in fragment.mentions}
    found = set()
    for link in fragment.links:
        end = link.object.value if isinstance(link.object, Literal) else texts[link.object]
        found.add((texts[link.subject], link.predicate, end))
    return found


def labels(result: ExtractionResult) -> list[str]:
    return [entity.label for entity in result.graph.entities]


async def test_entities_become_mentions_with_classes_and_relations_links_between_them() -> None:
    year = Literal("1878", DATE)
    fragment = await found([BOB, ADA], [knows(1, 0), knows(1, year, "born in 1878", BORN)])
    mentions = sorted(fragment.mentions, key=lambda mention: mention.span)
    assert [(one.span.text, one.span.start, one.confidence, one.hint) for one in mentions] == [
        ("Ada", 0, 0.9, ""),
        ("Bob", 9, 0.8, ""),
        ("Ada", 23, 0.9, ""),
    ]
    types = {typing.mention: (typing.types, typing.confidence) for typing in fragment.typings}
    assert [types[one.id] for one in mentions] == [((PERSON,), 0.9), ((SAILOR, PERSON), 0.8), ((PERSON,), 0.9)]
    assert ends(fragment) == {("Ada", KNOWS, "Bob"), ("Ada", BORN, "1878")}
    (report,) = fragment.reports
    assert (report.activity, report.usage, report.rejected) == ("joint/c", Usage(1, 10, 5), ())


async def test_what_is_turned_away_is_counted_as_in_stages() -> None:
    entities = [
        ADA,
        JointEntity("Zoe", (PERSON,)),
        JointEntity("Leith", (PLACE,), 0.2),
        JointEntity("Bob", (DRAGON, PERSON)),
        JointEntity("knew", ()),
    ]
    relations = [
        *(knows(0, number) for number in (1, 2, 3, 4, 5, -1)),
        knows(0, 0),
        knows(0, Literal("x"), "never said"),
        knows(0, Literal("x"), predicate=DRAGON),
    ]
    fragment = await found(entities, relations)
    assert {mention.span.text for mention in fragment.mentions} == {"Ada"}
    assert fragment.links == frozenset()
    assert rejections(fragment) == {
        Reason.NOT_IN_TEXT: 1,
        Reason.LOW_CONFIDENCE: 1,
        Reason.UNKNOWN_CLASS: 1,
        Reason.UNTYPED: 2,
        Reason.UNKNOWN_END: 6,
        Reason.SELF_RELATION: 1,
        Reason.NO_EVIDENCE: 1,
        Reason.UNKNOWN_PROPERTY: 1,
    }


async def test_what_is_named_twice_is_one_thing_and_keeps_the_relations_of_both() -> None:
    surer = JointEntity("Ada", (PERSON,), 1.0)
    fragment = await found([ADA, BOB, surer, LEITH], [knows(0, 1), knows(2, 3, "in Leith"), knows(0, 2)])
    assert ends(fragment) == {("Ada", KNOWS, "Bob"), ("Ada", KNOWS, "Leith")}
    assert rejections(fragment) == {Reason.SELF_RELATION: 1}
    assert {typing.confidence for typing in fragment.typings if typing.types == (PERSON,)} == {1.0}


async def test_of_two_classes_for_one_name_the_surer_one_stands() -> None:
    fragment = await found([ADA, replace(ADA, types=(PLACE,), confidence=0.95), BOB], [knows(0, 2), knows(1, 2)])
    assert {typing.types for typing in fragment.typings} == {(PLACE,), (SAILOR, PERSON)}
    assert rejections(fragment) == {Reason.UNKNOWN_END: 1}


@pytest.mark.parametrize(("constraint", "kept"), [(Constraint.FLAG, [(Flag.RANGE,)]), (Constraint.STRICT, [])])
async def test_domains_and_ranges_are_held_against_relations(
    constraint: Constraint, kept: list[tuple[Flag, ...]]
) -> None:
    fragment = await found([ADA, BOB], [knows(0, 1, predicate=LIVES_IN)], replace(JOINT, constraint=constraint))
    assert [link.flags for link in fragment.links] == kept


NAMES = ("Ada", "Bob", "Eve", "Dan")
CHUNKED = replace(JOINT, chunks=ChunkSettings(30, 5, overlap=False), on_missing=OnMissing.SKIP)
WALKS = "\n\n".join(f"Here {name} walked home." for name in NAMES)
WALKERS = JointAnswer([JointEntity(name, (PERSON,)) for name in NAMES], ())


async def test_the_pipeline_asks_once_about_each_chunk_and_lists_what_is_missing() -> None:
    extractor, told_of = Joined(answer=WALKERS, fails_at="Eve"), list[Progress]()
    result = await ExtractionPipeline(ONTOLOGY, extractor, CHUNKED).run(WALKS, progress=told_of.append)
    assert labels(result) == ["Ada", "Bob", "Dan"]
    assert (len(extractor.joints), extractor.asked) == (4, [])
    (missing,) = result.missing
    assert (missing.stage, missing.start, missing.end, missing.error) == (
        Stage.JOINT,
        WALKS.index("Here Eve"),
        WALKS.index("Here Eve") + 21,
        "the answer makes no sense",
    )
    assert [(step.stage, step.done, step.total) for step in told_of] == [(Stage.JOINT, n, 4) for n in (1, 2, 3)]


def test_an_extractor_that_answers_in_stages_only_is_refused_before_any_work() -> None:
    with pytest.raises(UsageError, match="stand-in answers in stages only: use the strategy staged"):
        ExtractionPipeline(ONTOLOGY, StandIn(), JOINT)


async def test_a_model_that_answers_as_the_rules_do_finds_the_same_at_once_as_in_stages() -> None:
    ontology, text = ontology_from_bytes(demo_ontology(), source="demo.ttl"), demo_document().decode()
    chat = RulesChat(ontology)
    model = LlmExtractor(ontology, caller_of(chat))
    at_once = await ExtractionPipeline(ontology, model, JOINT).run(text)
    calls = len(chat.asked)
    in_stages = await ExtractionPipeline(ontology, model).run(text)
    assert calls == at_once.stats.chunks == at_once.stats.usage.calls
    assert labels(at_once) == labels(in_stages)
    assert at_once.stats.entities > 10
    assert at_once.stats.relations == in_stages.stats.relations > 10


async def test_what_both_parts_of_a_long_chunk_name_has_the_relations_of_both() -> None:
    filler = "Nobody else was there in those days, when the winters were long. " * 3
    text = f"Ada knew Bob. {filler}Eve came in summer. Ada knew Eve. {filler}".strip()

    def says(request: ChatRequest) -> WireAnswer:
        about = msgspec.json.decode(request.turns[0].text)["text"]
        if len(about) == len(text):
            return CUT
        other = "Eve" if "Eve" in about else "Bob"
        entities = [{"text": name, "types": ["Person"], "confidence": 1} for name in (other, "Ada")]
        relation = {"subject": 1, "property": "knows", "object": 0, "quotes": [f"Ada knew {other}"], "confidence": 1}
        return told({"entities": entities, "relations": [relation]})

    chat = ScriptedChat(says)
    result = await ExtractionPipeline(ONTOLOGY, LlmExtractor(ONTOLOGY, caller_of(chat)), JOINT).run(text)
    label = {entity.id: entity.label for entity in result.graph.entities}
    known = {(label[one.subject], label[one.object]) for one in result.graph.relations if isinstance(one.object, str)}
    assert known == {("Ada", "Bob"), ("Ada", "Eve")}
    assert (len(chat.asked), result.stats.usage.calls, dict(result.rejected)) == (4, 4, {})
