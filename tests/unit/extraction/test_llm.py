from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.builders import (
    BORN,
    DATE,
    KNOWS,
    ONTOLOGY,
    PERSON,
    chunk_of,
    mention,
    rejections,
)
from tests.scripted import CUT, RulesChat, ScriptedChat, caller_of, said, told

from lithograph.demo import demo_document, demo_ontology
from lithograph.domain.chunk import Chunk
from lithograph.domain.facts import XSD, Literal
from lithograph.domain.fragment import Reason
from lithograph.domain.ids import Iri
from lithograph.domain.usage import Usage
from lithograph.errors import (
    BudgetError,
    ExhaustedError,
    LithographError,
    MalformedError,
    RateLimitedError,
    RejectedError,
    TruncatedError,
    UnreachableError,
)
from lithograph.extraction.entities import type_mentions
from lithograph.extraction.extractor import (
    Candidate,
    EntityAnswer,
    EntityQuestion,
    Identity,
    JointQuestion,
    MentionAnswer,
    MentionQuestion,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.extraction.llm import AnswerLimits, LlmExtractor
from lithograph.extraction.pipeline import ExtractionPipeline
from lithograph.extraction.prompts.instructions import REVISION
from lithograph.extraction.relations import relate
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.models.caller import Fallback
from lithograph.models.chat import ChatRequest
from lithograph.models.wire import WireAnswer
from lithograph.ontology.load import ontology_from_bytes
from lithograph.resilience.budget import Budget, Limits
from lithograph.resilience.policy import Scope

CLASSES, PROPERTIES = tuple(ONTOLOGY.classes.values()), tuple(ONTOLOGY.properties.values())
SETTINGS = ExtractionSettings()
LONG = " ".join(f"Here Person{number:02} came to the harbour in spring and stayed." for number in range(8))
"""Eight sentences of 54 characters."""


def extractor_of(chat: ScriptedChat) -> LlmExtractor:
    return LlmExtractor(ONTOLOGY, caller_of(chat), AnswerLimits(100, 200, 300, 400))


def asked(request: ChatRequest) -> Any:
    """Return the data of a request."""
    return msgspec.json.decode(request.turns[0].text)


def candidates(chunk: Chunk, *names: str) -> list[Candidate]:
    return [Candidate(name, (PERSON,), (mention(chunk, name),)) for name in names]


class Compared:
    """Asks the rules and a model, and says where they differ."""

    def __init__(self, rules: RulesExtractor, model: LlmExtractor) -> None:
        self.rules, self.model, self.identity = rules, model, rules.identity
        self.answers, self.differences = 0, list[tuple[object, object]]()

    def both(self, expected: Sequence[object], found: Sequence[object]) -> None:
        self.answers += len(expected)
        if list(expected) != list(found):
            self.differences.append((expected, found))

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        answer = await self.rules.mentions(question)
        self.both(answer.mentions, (await self.model.mentions(question)).mentions)
        return answer

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        answer = await self.rules.entities(question)
        self.both(answer.entities, (await self.model.entities(question)).entities)
        return answer

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        answer = await self.rules.relations(question)
        self.both(answer.relations, (await self.model.relations(question)).relations)
        return answer


async def test_asking_a_model_that_answers_as_the_rules_do_is_asking_the_rules() -> None:
    ontology = ontology_from_bytes(demo_ontology(), source="demo.ttl")
    rules, model = RulesExtractor(ontology), LlmExtractor(ontology, caller_of(RulesChat(ontology)))
    compared, text = Compared(rules, model), demo_document().decode()
    await ExtractionPipeline(ontology, compared).run(text)
    assert compared.answers > 100
    assert compared.differences == []
    graphs = [(await ExtractionPipeline(ontology, one).run(text)).graph for one in (rules, model)]
    assert graphs[0] == graphs[1]


async def test_every_task_has_its_own_room_instruction_and_schema() -> None:
    chunk = chunk_of("Ada knew Ann.")
    chat = RulesChat(ONTOLOGY)
    model, mentions = extractor_of(chat), [mention(chunk, "Ada")]
    await model.mentions(MentionQuestion(chunk, CLASSES))
    await model.entities(EntityQuestion(chunk, mentions, [mentions[0].span], CLASSES, ()))
    await model.relations(RelationQuestion(chunk, candidates(chunk, "Ada", "Ann"), PROPERTIES))
    await model.joint(JointQuestion(chunk, CLASSES, PROPERTIES))
    await model.probe()
    assert [(one.task, one.max_tokens) for one in chat.asked] == [
        ("mentions", 100),
        ("entities", 200),
        ("relations", 300),
        ("joint", 400),
        ("probe", 1024),
    ]
    assert all(asked(one)["task"] == one.task for one in chat.asked)
    assert len({one.system for one in chat.asked}) == len({str(one.schema) for one in chat.asked}) == 5


class Narrow:
    """A model whose answers are cut short when it is asked about more than it can take."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.texts: list[str] = []

    def __call__(self, request: ChatRequest) -> WireAnswer:
        prompt = asked(request)
        size = len(prompt["mentions"] if prompt["task"] == "entities" else prompt["text"])
        if size > self.most:
            return CUT
        self.texts.append(prompt.get("text", ""))
        return told(getattr(self, prompt["task"])(prompt))

    def names(self, text: str) -> list[str]:
        return [word for word in text.split() if word.startswith("Person")]

    def mentions(self, prompt: Any) -> object:
        return {"mentions": [{"text": n, "hint": "", "confidence": 1} for n in self.names(prompt["text"])]}

    def entities(self, prompt: Any) -> object:
        """Answer for every mention, and for two that were not asked about."""
        numbers = [-1, *(one["mention"] for one in prompt["mentions"]), len(prompt["mentions"])]
        return {"entities": [{"mention": n, "types": ["Person"], "confidence": 1} for n in numbers]}

    def joint(self, prompt: Any) -> object:
        """Say that the first knows the last, and that each of two that are not there knows the first."""
        names = self.names(prompt["text"])
        pairs = [(0, len(names) - 1), (-1, 0), (0, len(names))]
        return {
            "entities": [{"text": name, "types": ["Person"], "confidence": 1} for name in names],
            "relations": [
                {"subject": one, "property": "knows", "object": other, "quotes": [prompt["text"]], "confidence": 1}
                for one, other in pairs
            ],
        }

    def relations(self, prompt: Any) -> object:
        ends = [one["entity"] for one in prompt["entities"] if one["text"] in prompt["text"]]
        relation = {"property": "knows", "quotes": [prompt["text"]], "confidence": 1}
        return {"relations": [{"subject": ends[0], "object": ends[-1], **relation}]}


async def test_a_text_whose_mentions_do_not_fit_is_asked_about_in_parts_and_all_of_it_is_paid_for() -> None:
    model, chunk = Narrow(most=230), chunk_of(LONG)
    chat = ScriptedChat(model)
    answer = await extractor_of(chat).mentions(MentionQuestion(chunk, CLASSES))
    assert [one.text for one in answer.mentions] == [f"Person{number:02}" for number in range(8)]
    assert "".join(model.texts) == chunk.text
    # Whatever is too long is asked about twice, the second time with more room.
    assert answer.usage == Usage(len(chat.asked), 10 * len(chat.asked), 5 * len(chat.asked))
    assert [one.max_tokens for one in chat.asked] == [100, 200, 100, 100]


async def test_mentions_that_do_not_fit_are_asked_about_in_halves_and_keep_their_numbers() -> None:
    chunk = chunk_of(LONG)
    mentions = [mention(chunk, f"Person{number:02}") for number in range(7)]
    sentences = [chunk.sentence_of(one.span) for one in mentions]
    chat = ScriptedChat(Narrow(most=2))
    answer = await extractor_of(chat).entities(EntityQuestion(chunk, mentions, sentences, CLASSES, ()))
    numbers = [one.mention for one in answer.entities]
    assert [number for number in numbers if number >= 0] == list(range(7))
    assert len(numbers) == 7 + 2 * 4  # of each of four parts, what it did not ask about is still to be counted
    assert answer.usage.calls == len(chat.asked) == 2 * 3 + 4


async def test_relations_of_parts_are_between_the_entities_of_the_whole() -> None:
    model, chunk = Narrow(most=230), chunk_of(LONG)
    everybody = candidates(chunk, *(f"Person{number:02}" for number in range(8)))
    answer = await extractor_of(ScriptedChat(model)).relations(RelationQuestion(chunk, everybody, PROPERTIES))
    assert [(one.subject, one.object) for one in answer.relations] == [(0, 3), (4, 7)]


async def test_joint_answers_of_parts_are_counted_on_and_what_points_nowhere_still_does() -> None:
    model, chunk = Narrow(most=230), chunk_of(LONG)
    answer = await extractor_of(ScriptedChat(model)).joint(JointQuestion(chunk, CLASSES, PROPERTIES))
    assert [one.text for one in answer.entities] == [f"Person{number:02}" for number in range(8)]
    ends = [(one.subject, one.object) for one in answer.relations]
    assert ends == [(0, 3), (-1, 0), (0, -1), (4, 7), (-1, 4), (4, -1)]


@pytest.mark.parametrize("task", ["mentions", "entities", "relations", "joint"])
async def test_what_is_too_short_to_be_split_fails(task: str) -> None:
    chunk, chat = chunk_of(LONG), ScriptedChat(lambda _: CUT)
    one = mention(chunk, "Person00")
    questions: dict[str, Any] = {
        "mentions": MentionQuestion(chunk, CLASSES),
        "entities": EntityQuestion(chunk, [one], [one.span], CLASSES, ()),
        "relations": RelationQuestion(chunk, candidates(chunk, "Person00"), PROPERTIES),
        "joint": JointQuestion(chunk, CLASSES, PROPERTIES),
    }
    with pytest.raises(TruncatedError, match="limit of tokens"):
        await getattr(extractor_of(chat), task)(questions[task])
    assert len(chat.asked) <= 2 * 4


async def test_a_request_that_a_provider_finds_too_long_is_split_as_well() -> None:
    model = Narrow(most=230)
    too_long = TruncatedError("the prompt is longer than the context")
    chat = ScriptedChat(lambda request: too_long if len(asked(request)["text"]) > 230 else model(request))
    answer = await extractor_of(chat).mentions(MentionQuestion(chunk_of(LONG), CLASSES))
    assert len(answer.mentions) == 8
    assert len(chat.asked) == 3


async def test_what_was_not_offered_is_counted_by_the_stages() -> None:
    chunk = chunk_of("Ada knew Ann.")
    mentions = [mention(chunk, "Ada"), mention(chunk, "Ann")]
    attribute = {"property": "age", "value": "7", "datatype": "integer", "quote": "Ada knew Ann"}
    entities = [
        {"mention": 0, "types": ["Person", "Dragon"], "confidence": 1, "attributes": [attribute]},
        {"mention": 1, "types": ["Dragon"], "confidence": 1},
        {"mention": 2, "types": ["Person"], "confidence": 1},
    ]
    model = extractor_of(ScriptedChat([told({"entities": entities})]))
    question = EntityQuestion(chunk, mentions, [chunk.span(0, 13)] * 2, CLASSES, ())
    found = await type_mentions("entities", question, model, SETTINGS)
    assert [typing.types for typing in found.typings] == [(PERSON,)]
    assert rejections(found) == {
        Reason.UNKNOWN_CLASS: 2,
        Reason.UNKNOWN_ATTRIBUTE: 1,
        Reason.UNKNOWN_MENTION: 1,
        Reason.UNTYPED: 1,
    }
    relation = {"subject": 0, "property": "knows", "object": 1, "quotes": ["Ada knew Ann"], "confidence": 1}
    relations = [relation, relation | {"property": "hates"}, relation | {"object": 2}, relation | {"quotes": []}]
    model = extractor_of(ScriptedChat([told({"relations": relations})]))
    about = RelationQuestion(chunk, candidates(chunk, "Ada", "Ann"), PROPERTIES)
    found = await relate("relations", about, model, ONTOLOGY, SETTINGS)
    assert [link.predicate for link in found.links] == [KNOWS]
    assert rejections(found) == {Reason.UNKNOWN_PROPERTY: 1, Reason.UNKNOWN_END: 1, Reason.NO_EVIDENCE: 1}


@pytest.mark.parametrize(("given", "taken"), [(1.7, 1.0), (-3, 0.0), (0.25, 0.25), (1, 1.0)])
async def test_a_confidence_out_of_range_is_brought_into_it(given: float, taken: float) -> None:
    chunk = chunk_of("Ada knew Ann.")
    one = mention(chunk, "Ada")
    answers = [
        {"mentions": [{"text": "Ada", "hint": "", "confidence": given}]},
        {"entities": [{"mention": 0, "types": ["Person"], "confidence": given}]},
        {"relations": [{"subject": 0, "property": "knows", "object": 1, "quotes": [], "confidence": given}]},
        {"entities": [{"text": "Ada", "types": ["Person"], "confidence": given}], "relations": []},
    ]
    model = extractor_of(ScriptedChat(map(told, answers)))
    found = [
        (await model.mentions(MentionQuestion(chunk, CLASSES))).mentions[0].confidence,
        (await model.entities(EntityQuestion(chunk, [one], [one.span], CLASSES, ()))).entities[0].confidence,
        (await model.relations(RelationQuestion(chunk, (), PROPERTIES))).relations[0].confidence,
        (await model.joint(JointQuestion(chunk, CLASSES, PROPERTIES))).entities[0].confidence,
    ]
    assert found == [taken] * 4


@pytest.mark.parametrize(
    ("datatype", "iri"),
    [
        ("date", DATE),
        ("xsd:date", DATE),
        (DATE, DATE),
        ("", XSD + "string"),
        ("http://example.org/money", "http://example.org/money"),
    ],
)
async def test_a_datatype_is_known_by_its_local_name_its_prefix_or_its_iri(datatype: str, iri: str) -> None:
    chunk = chunk_of("Ada was born on 2 March 1878.")
    one = mention(chunk, "Ada")
    value = {"value": "1878-03-02", "datatype": datatype}
    relation = {"subject": 0, "property": "born", "object": value, "quotes": ["born on"], "confidence": 1}
    attribute = {"property": "born", "quote": "born on", **value}
    entity = {"mention": 0, "types": ["Person"], "confidence": 1, "attributes": [attribute]}
    model = extractor_of(ScriptedChat([told({"relations": [relation]}), told({"entities": [entity]})]))
    stated = (await model.relations(RelationQuestion(chunk, candidates(chunk, "Ada"), PROPERTIES))).relations[0]
    given = (await model.entities(EntityQuestion(chunk, [one], [one.span], CLASSES, PROPERTIES))).entities[0]
    assert stated.object == given.attributes[0].value == Literal("1878-03-02", Iri(iri))
    assert stated.predicate == given.attributes[0].predicate == BORN


def test_its_identity_is_its_models_its_words_and_the_room_of_its_answers() -> None:
    chats = [ScriptedChat((), name) for name in ("test:one", "test:two")]
    model = LlmExtractor(ONTOLOGY, Fallback([caller_of(chat) for chat in chats]))
    assert model.identity == Identity("test:one|test:two", REVISION, {"limits": repr(AnswerLimits())})
    assert extractor_of(chats[0]).identity != LlmExtractor(ONTOLOGY, caller_of(chats[0])).identity
    assert [provider.name for provider in model.providers] == ["test:one", "test:two"]


async def test_within_a_scope_it_is_the_same_extractor_with_a_budget() -> None:
    chat = ScriptedChat(())
    model = extractor_of(chat)
    poor = model.within(Scope((Budget("it", Limits(tokens=1)),)))
    assert poor.identity == model.identity
    with pytest.raises(BudgetError):
        await poor.mentions(MentionQuestion(chunk_of("Ada."), CLASSES))
    assert chat.asked == []


@pytest.mark.parametrize("other", [{}, {"error": "I cannot help with that"}, {"answer": {"mentions": []}}])
async def test_an_object_of_another_shape_is_no_empty_answer(other: dict[str, object]) -> None:
    chunk = chunk_of("Ada knows Charles.")
    found = candidates(chunk, "Ada", "Charles")
    chat = ScriptedChat([told(other), told({"mentions": []}), told(other), told({"relations": []})])
    model = extractor_of(chat)
    assert (await model.mentions(MentionQuestion(chunk, CLASSES))).mentions == ()
    assert (await model.relations(RelationQuestion(chunk, found, PROPERTIES))).relations == ()
    assert len(chat.asked) == 4
    with pytest.raises(MalformedError, match="required field"):
        await extractor_of(ScriptedChat([told(other)] * 3)).mentions(MentionQuestion(chunk, CLASSES))


@pytest.mark.parametrize(
    ("outcomes", "error", "words"),
    [
        ([RejectedError("wrong key")], RejectedError, "wrong key"),
        ([UnreachableError("nobody there")], UnreachableError, "nobody there"),
        ([RateLimitedError("later", 60.0)], RateLimitedError, "later"),
        ([told({"sorry": "no"})] * 3, RejectedError, "test:one does not answer with the JSON .* choose a model"),
        ([said("Hello!")] * 3, RejectedError, "test:one does not answer with the JSON .* choose a model"),
    ],
)
async def test_a_probe_raises_what_keeps_a_model_from_answering(
    outcomes: list[WireAnswer | Exception], error: type[LithographError], words: str
) -> None:
    chat = ScriptedChat(outcomes)
    with pytest.raises(error, match=words) as caught:
        await extractor_of(chat).probe()
    assert not isinstance(caught.value, ExhaustedError)
    assert len(chat.asked) == len(outcomes)
