import msgspec
import pytest
from tests.builders import ONTOLOGY

from lithograph.errors import InputError
from lithograph.extraction.prompts.messages import (
    Answer,
    AnsweredRelation,
    EntitiesAnswer,
    JointAnswer,
    MentionsAnswer,
    OfferedClass,
    ProbeAnswer,
    RelationsAnswer,
    Value,
    prompt_in,
)
from lithograph.ontology.model import Ontology, OntologyClass
from lithograph.testing.fake_model.answers import Answerer
from lithograph.testing.fake_model.offers import Offer, made_of
from lithograph.testing.fake_model.terms import Vocabulary

TEXT = "Ada Marwick works for the Carrick Society. Ada Marwick lives in Leith."
CLASSES = [{"name": "Person"}, {"name": "Organization"}, {"name": "Place"}]


def names(*given: str) -> list[dict[str, object]]:
    return [{"name": name} for name in given]


async def ask(answerer: Answerer, **prompt: object) -> Answer:
    read = prompt_in(msgspec.json.encode(prompt).decode())
    assert read is not None
    return await answerer.answer(read)


@pytest.fixture
def answerer() -> Answerer:
    return Answerer([ONTOLOGY])


async def test_mentions_are_those_of_the_text(answerer: Answerer) -> None:
    answer = await ask(answerer, task="mentions", classes=CLASSES, text=TEXT)
    assert isinstance(answer, MentionsAnswer)
    assert [one.text for one in answer.mentions] == ["Ada Marwick", "Carrick Society", "Ada Marwick", "Leith"]


async def test_a_mention_is_classified_by_the_words_around_it_and_called_by_its_number(answerer: Answerer) -> None:
    answer = await ask(
        answerer,
        task="entities",
        classes=CLASSES,
        attributes=[],
        sentences=["Ada Marwick spoke of Marwick, a place by the sea."],
        mentions=[
            {"mention": 7, "text": "Ada Marwick", "sentence": 0},
            {"mention": 9, "text": "Marwick", "sentence": 0},
        ],
    )
    assert isinstance(answer, EntitiesAnswer)
    assert [(one.mention, one.types) for one in answer.entities] == [(7, ("Person",)), (9, ("Place",))]


async def test_relations_have_the_numbers_of_the_entities_and_quote_the_text(answerer: Answerer) -> None:
    answer = await ask(
        answerer,
        task="relations",
        properties=[{"name": "works for", "from": ["Person"], "to": ["Organization"]}, {"name": "lives in"}],
        entities=[
            {"entity": 4, "text": "Ada Marwick", "types": ["Person"]},
            {"entity": 2, "text": "Carrick Society", "types": ["Organization"]},
            {"entity": 3, "text": "Leith", "types": ["Place"]},
        ],
        text=TEXT,
    )
    assert answer == RelationsAnswer(
        (
            AnsweredRelation(4, "works for", 2, ("Ada Marwick works for the Carrick Society.",), 0.9),
            AnsweredRelation(4, "lives in", 3, ("Ada Marwick lives in Leith.",), 0.9),
        )
    )


async def test_entities_that_the_rules_would_not_have_found_are_looked_for_everywhere(answerer: Answerer) -> None:
    answer = await ask(
        answerer,
        task="relations",
        properties=names("works for"),
        entities=[
            {"entity": 0, "text": "the smith", "types": ["Person"]},
            {"entity": 1, "text": "the mill", "types": ["Organization"]},
        ],
        text="It is said that the smith works for the mill.",
    )
    assert isinstance(answer, RelationsAnswer)
    assert [(one.subject, one.object) for one in answer.relations] == [(0, 1)]


async def test_a_joint_answer_has_the_same_entities_and_relations_in_one(answerer: Answerer) -> None:
    answer = await ask(answerer, task="joint", classes=CLASSES, properties=names("works for", "lives in"), text=TEXT)
    assert isinstance(answer, JointAnswer)
    assert [(one.text, one.types) for one in answer.entities] == [
        ("Ada Marwick", ("Person",)),
        ("Carrick Society", ("Organization",)),
        ("Leith", ("Place",)),
    ]
    assert [(one.subject, one.property, one.object) for one in answer.relations] == [
        (0, "works for", 1),
        (0, "lives in", 2),
    ]


async def test_a_probe_is_answered(answerer: Answerer) -> None:
    assert await ask(answerer, task="probe") == ProbeAnswer(ok=True)


@pytest.mark.parametrize(
    ("task", "fields", "answer"),
    [
        ("mentions", {"classes": CLASSES, "text": " \n"}, MentionsAnswer(())),
        ("relations", {"properties": [], "entities": [], "text": ""}, RelationsAnswer(())),
        ("joint", {"classes": [], "properties": [], "text": ""}, JointAnswer((), ())),
        ("entities", {"classes": [], "attributes": [], "sentences": [], "mentions": []}, EntitiesAnswer(())),
    ],
)
async def test_about_nothing_there_is_nothing_to_say(
    answerer: Answerer, task: str, fields: dict[str, object], answer: Answer
) -> None:
    assert await ask(answerer, task=task, **fields) == answer


async def test_names_that_no_ontology_has_make_one_of_their_own(answerer: Answerer) -> None:
    answer = await ask(
        answerer,
        task="joint",
        classes=names("Lighthouse", "Keeper"),
        properties=[
            {"name": "tended by", "from": ["Lighthouse"], "to": ["Keeper"]},
            {"name": "lit in", "from": ["Lighthouse"], "to": ["gYear"]},
        ],
        text="The lighthouse Skerry Vane was tended by the keeper Ada Marwick. Skerry Vane was lit in 1844.",
    )
    assert isinstance(answer, JointAnswer)
    assert [(one.text, one.types) for one in answer.entities] == [
        ("Skerry Vane", ("Lighthouse",)),
        ("Ada Marwick", ("Keeper",)),
    ]
    assert [(one.property, one.object) for one in answer.relations] == [
        ("tended by", 1),
        ("lit in", Value("1844", "gYear")),
    ]


def test_a_made_ontology_holds_what_is_offered_and_no_more() -> None:
    prompt = prompt_in(
        '{"task":"relations","text":"","entities":[{"entity":0,"text":"A","types":["Ship"]}],"properties":['
        '{"name":"sails to","from":["Ship"],"to":["Port"]},{"name":"built","to":["date"]},{"name":"near"}]}'
    )
    assert prompt is not None
    made = made_of(Offer.of(prompt))  # type: ignore[arg-type]  # it is no probe
    assert sorted(known.label for known in made.classes.values()) == ["Port", "Ship"]
    kinds = {known.label: (str(known.kind), len(known.domain), len(known.range)) for known in made.properties.values()}
    assert kinds == {"sails to": ("object", 1, 1), "built": ("datatype", 0, 0), "near": ("either", 0, 0)}


def test_of_several_ontologies_the_smallest_that_has_every_name_is_meant() -> None:
    person = next(known for known in ONTOLOGY.classes.values() if known.label == "Person")
    small = Ontology("", "small.ttl", "1", {person.iri: OntologyClass(person.iri, "Person")}, {})
    vocabulary = Vocabulary([ONTOLOGY, small])

    def meant(*offered: str) -> Ontology:
        return vocabulary.of(Offer(tuple(map(OfferedClass, offered)))).ontology

    assert meant("Person") is small
    assert meant("Person", "Place") is ONTOLOGY
    assert meant("Person", "Dragon") not in (small, ONTOLOGY)


@pytest.mark.parametrize(
    "content", ["", "Hello", "{", "[1]", "{}", '{"task": "poem"}', '{"task": 3}', '{"a": "\\ud800"}']
)
def test_what_is_no_prompt_of_ours_is_none(content: str) -> None:
    assert prompt_in(content) is None


@pytest.mark.parametrize(
    "content",
    ['{"task": "mentions"}', '{"task": "mentions", "classes": "all", "text": ""}', '{"task": "relations", "text": 1}'],
)
def test_a_prompt_of_ours_that_is_broken_is_an_error(content: str) -> None:
    with pytest.raises(InputError, match="not a prompt of its task"):
        prompt_in(content)
