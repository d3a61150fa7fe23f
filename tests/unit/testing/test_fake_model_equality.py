"""Asking the fake model in prompts gives exactly what asking the rules gives."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from lithograph.demo import demo_document, demo_ontology
from lithograph.domain.chunk import Chunk
from lithograph.domain.document import Document, Sentence
from lithograph.domain.facts import Literal
from lithograph.extraction.chunk import chunk_document
from lithograph.extraction.entities import type_mentions
from lithograph.extraction.extractor import EntityQuestion, MentionQuestion, ProposedRelation, RelationQuestion
from lithograph.extraction.mentions import find_mentions
from lithograph.extraction.prompts.messages import prompt_in
from lithograph.extraction.prompts.naming import Naming
from lithograph.extraction.questions import Questions, candidates_of
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.load import load_ontology, ontology_from_bytes
from lithograph.ontology.model import Ontology, OntologyClass, OntologyProperty
from lithograph.ontology.terms import local_name
from lithograph.testing.corpus import generated_text
from lithograph.testing.fake_model.answers import Answerer
from lithograph.testing.fake_model.places import chunk_of
from lithograph.testing.gold import read_gold, read_index

SETTINGS = ExtractionSettings()
Json = dict[str, object]


class Client:
    """Asks in the terms of one ontology, both ways, and counts."""

    def __init__(self, ontology: Ontology, answerer: Answerer) -> None:
        self.naming, self.rules, self.answerer = Naming.of(ontology), RulesExtractor(ontology), answerer
        self.questions = Questions(ontology, SETTINGS)
        self.answers = 0
        self.differences: list[tuple[object, object]] = []

    async def ask(self, prompt: Json) -> dict[str, list[Json]]:
        read = prompt_in(msgspec.json.encode(prompt).decode())
        assert read is not None
        answer: dict[str, list[Json]] = msgspec.json.decode(msgspec.json.encode(await self.answerer.answer(read)))
        return answer

    async def compare(self, expected: Sequence[Json], found: Sequence[Json]) -> None:
        self.answers += len(expected)
        if list(expected) != list(found):
            self.differences.append((expected, found))

    async def chunk(self, chunk: Chunk) -> None:
        """Ask everything that extraction asks about a chunk."""
        naming, asked = self.naming, self.questions.mentions(chunk)
        proposed = (await self.rules.mentions(asked)).mentions
        await self.compare(
            [{"text": one.text, "hint": one.hint, "confidence": one.confidence} for one in proposed],
            (await self.ask(mentions_prompt(naming, asked)))["mentions"],
        )
        found = await find_mentions("", asked, self.rules, SETTINGS)
        for batch in self.questions.batches(found):
            about = self.questions.entities(chunk, batch)
            await self.compare(
                [
                    {
                        "mention": one.mention,
                        "types": [naming.classes.of(iri) for iri in one.types],
                        "confidence": one.confidence,
                        "attributes": [],
                    }
                    for one in (await self.rules.entities(about)).entities
                ],
                (await self.ask(entities_prompt(naming, about)))["entities"],
            )
            found |= await type_mentions("", about, self.rules, SETTINGS)
        if candidates := candidates_of(found):
            between = self.questions.relations(chunk, candidates)
            stated = [relation(naming, one) for one in (await self.rules.relations(between)).relations]
            await self.compare(stated, (await self.ask(relations_prompt(naming, between)))["relations"])
            joint = await self.ask(joint_prompt(naming, asked, between))
            assert [(one["text"], one["types"]) for one in joint["entities"]] == [
                (one.text, [naming.classes.of(iri) for iri in one.types]) for one in candidates
            ]
            await self.compare(stated, joint["relations"])


def offered(naming: Naming, classes: Iterable[OntologyClass]) -> list[Json]:
    return [{"name": naming.classes.of(one.iri), "about": one.comment} for one in classes]


def stated_properties(naming: Naming, properties: Iterable[OntologyProperty]) -> Iterator[Json]:
    for one in properties:
        yield {
            "name": naming.properties.of(one.iri),
            "about": one.comment,
            "from": sorted({naming.classes.of(iri) for union in one.domain for iri in union}),
            "to": sorted({naming.classes.of(iri) for union in one.range for iri in union})
            or sorted(map(local_name, one.datatypes)),
        }


def mentions_prompt(naming: Naming, asked: MentionQuestion) -> Json:
    return {"task": "mentions", "classes": offered(naming, asked.classes), "text": asked.chunk.text}


def entities_prompt(naming: Naming, asked: EntityQuestion) -> Json:
    sentences = list(dict.fromkeys(asked.sentences))
    return {
        "task": "entities",
        "classes": offered(naming, asked.classes),
        "attributes": [
            {"name": naming.properties.of(one.iri), "datatypes": sorted(map(local_name, one.datatypes))}
            for one in asked.properties
        ],
        "sentences": [sentence.text for sentence in sentences],
        "mentions": [
            {"mention": index, "text": one.span.text, "sentence": sentences.index(sentence), "hint": one.hint}
            for index, (one, sentence) in enumerate(zip(asked.mentions, asked.sentences, strict=True))
        ],
    }


def relations_prompt(naming: Naming, asked: RelationQuestion) -> Json:
    return {
        "task": "relations",
        "properties": list(stated_properties(naming, asked.properties)),
        "entities": [
            {"entity": index, "text": one.text, "types": [naming.classes.of(iri) for iri in one.types]}
            for index, one in enumerate(asked.candidates)
        ],
        "text": asked.chunk.text,
    }


def joint_prompt(naming: Naming, asked: MentionQuestion, between: RelationQuestion) -> Json:
    properties = list(stated_properties(naming, between.properties))
    return {
        "task": "joint",
        "classes": offered(naming, asked.classes),
        "properties": properties,
        "text": asked.chunk.text,
    }


def relation(naming: Naming, one: ProposedRelation) -> Json:
    return {
        "subject": one.subject,
        "property": naming.properties.of(one.predicate),
        "object": {"value": one.object.value, "datatype": local_name(one.object.datatype)}
        if isinstance(one.object, Literal)
        else one.object,
        "quotes": list(one.evidence),
        "confidence": one.confidence,
    }


def sentences_of(chunk: Chunk) -> tuple[Sentence, ...]:
    return tuple(Sentence(one.start - chunk.start, one.end - chunk.start) for one in chunk.sentences)


def split_alike(chunk: Chunk) -> bool:
    """Whether a chunk's text by itself has the same sentences as in its document: a prompt does not say them."""
    alone = chunk_of(chunk.text)
    return alone is not None and sentences_of(alone) == sentences_of(chunk)


@pytest.fixture(scope="module")
def demo() -> Ontology:
    return ontology_from_bytes(demo_ontology(), source="ontology.ttl")


@pytest.mark.parametrize("text", [demo_document().decode(), generated_text(40, seed=3)], ids=["demo", "generated"])
async def test_documents_in_terms_of_the_demo(demo: Ontology, text: str) -> None:
    client = Client(demo, Answerer([demo]))
    chunks = chunk_document(Document.from_text(text))
    for chunk in chunks:
        await client.chunk(chunk)
    assert client.answers > 20 * len(chunks)
    assert client.differences == []
    assert all(map(split_alike, chunks))


async def test_gold_documents_in_terms_of_their_ontologies(shared_data: Path) -> None:
    documents = defaultdict(list)
    for gold in read_gold(shared_data / "gold" / "dev.jsonl"):
        documents[gold.ontology].append(Document.from_text(gold.text))
    files = read_index(shared_data / "gold" / "ontologies" / "index.json")
    answers, unlike = 0, 0
    for key, texts in documents.items():
        ontology = load_ontology(files[key])
        client = Client(ontology, Answerer([ontology]))
        for chunk in (chunk for text in texts for chunk in chunk_document(text)):
            await client.chunk(chunk)
            unlike += not split_alike(chunk)
        assert client.differences == [], key
        answers += client.answers
    assert answers > 10_000
    assert unlike == 0


async def test_chunks_whose_sentences_depend_on_the_text_around_them_are_few(shared_data: Path, demo: Ontology) -> None:
    """In novels a quotation that begins before a chunk changes where its sentences end; here, in one chunk of ten."""
    novel = (shared_data / "novels" / "768_wuthering_heights.txt").read_text(encoding="utf-8")
    chunks = chunk_document(Document.from_text(novel))[:200]
    unlike = [chunk for chunk in chunks if not split_alike(chunk)]
    assert 0 < len(unlike) < len(chunks) / 10
    client = Client(demo, Answerer([demo]))
    for chunk in unlike:
        await client.chunk(chunk)
    assert client.differences == []  # the rules seldom look further than a sentence
