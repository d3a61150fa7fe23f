"""Answers: what the rules say to a prompt, so that extraction through the fake model gives what the rules give."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lithograph.domain.chunk import Chunk
from lithograph.domain.facts import Literal
from lithograph.domain.ids import Iri
from lithograph.extraction.extractor import (
    Candidate,
    EntityQuestion,
    MentionQuestion,
    ProposedEntity,
    ProposedRelation,
    RelationQuestion,
)
from lithograph.extraction.prompts.messages import (
    Answer,
    AnsweredAttribute,
    AnsweredEntity,
    AnsweredMention,
    AnsweredRelation,
    EntitiesAnswer,
    EntitiesPrompt,
    GivenEntity,
    JointAnswer,
    JointEntity,
    JointPrompt,
    MentionsAnswer,
    MentionsPrompt,
    ProbeAnswer,
    Prompt,
    RelationsAnswer,
    RelationsPrompt,
    Value,
)
from lithograph.extraction.questions import candidates_of
from lithograph.ontology.model import Ontology
from lithograph.ontology.terms import local_name
from lithograph.testing.fake_model.offers import Offer
from lithograph.testing.fake_model.places import chunk_of, everywhere, scene_of
from lithograph.testing.fake_model.terms import Terms, Vocabulary


class Answerer:
    """Answers prompts in terms of some ontologies, and of what a prompt offers where none of them has it all."""

    def __init__(self, ontologies: Sequence[Ontology]) -> None:
        self._vocabulary = Vocabulary(ontologies)

    async def warm(self) -> None:
        """Load what the first answer needs, so that it takes no longer than the others."""
        await self.answer(RelationsPrompt((), (), "Everything that is used once was used before."))

    async def answer(self, prompt: Prompt) -> Answer:
        """Return the rules' answer; equal prompts have equal answers."""
        match prompt:
            case MentionsPrompt():
                return await self._mentions(prompt)
            case EntitiesPrompt():
                return await self._entities(prompt)
            case RelationsPrompt():
                return await self._relations(prompt)
            case JointPrompt():
                return await self._joint(prompt)
            case _:
                return ProbeAnswer(ok=True)

    async def _mentions(self, prompt: MentionsPrompt) -> MentionsAnswer:
        terms, chunk = self._vocabulary.of(Offer.of(prompt)), chunk_of(prompt.text)
        if chunk is None:
            return MentionsAnswer(())
        answer = await terms.rules.mentions(MentionQuestion(chunk, terms.classes(prompt.classes)))
        return MentionsAnswer(tuple(AnsweredMention(one.text, one.hint, one.confidence) for one in answer.mentions))

    async def _entities(self, prompt: EntitiesPrompt) -> EntitiesAnswer:
        terms, scene = self._vocabulary.of(Offer.of(prompt)), scene_of(prompt)
        if scene is None:
            return EntitiesAnswer(())
        classes, properties = terms.classes(prompt.classes), terms.properties(prompt.attributes)
        answer = await terms.rules.entities(
            EntityQuestion(scene.chunk, scene.mentions, scene.sentences, classes, properties)
        )
        return EntitiesAnswer(tuple(_entity(terms, scene.given[one.mention], one) for one in answer.entities))

    async def _relations(self, prompt: RelationsPrompt) -> RelationsAnswer:
        terms, chunk = self._vocabulary.of(Offer.of(prompt)), chunk_of(prompt.text)
        if chunk is None:
            return RelationsAnswer(())
        own = {(one.text, frozenset(one.types)): one for one in await terms.candidates(chunk)}
        candidates = [_candidate(terms, chunk, given, own) for given in prompt.entities]
        answer = await terms.rules.relations(RelationQuestion(chunk, candidates, terms.properties(prompt.properties)))
        return RelationsAnswer(tuple(_stated(terms, answer.relations, [given.entity for given in prompt.entities])))

    async def _joint(self, prompt: JointPrompt) -> JointAnswer:
        terms, chunk = self._vocabulary.of(Offer.of(prompt)), chunk_of(prompt.text)
        if chunk is None:
            return JointAnswer((), ())
        found = await terms.typed(chunk, terms.classes(prompt.classes))
        candidates = candidates_of(found)
        answer = await terms.rules.relations(RelationQuestion(chunk, candidates, terms.properties(prompt.properties)))
        sure = {typing.mention: typing.confidence for typing in found.typings}
        return JointAnswer(
            tuple(
                JointEntity(one.text, _class_names(terms, one.types), max(sure[mention.id] for mention in one.mentions))
                for one in candidates
            ),
            tuple(_stated(terms, answer.relations, range(len(candidates)))),
        )


def _candidate(
    terms: Terms, chunk: Chunk, given: GivenEntity, own: Mapping[tuple[str, frozenset[Iri]], Candidate]
) -> Candidate:
    """Return a prompt's entity at the places where the rules see it too, else wherever its text stands."""
    types = terms.types(given.types)
    known = own.get((given.text, frozenset(types)))
    return Candidate(given.text, types, known.mentions if known else everywhere(chunk, given.text))


def _class_names(terms: Terms, iris: Iterable[Iri]) -> tuple[str, ...]:
    return tuple(terms.naming.classes.of(iri) for iri in iris)


def _entity(terms: Terms, number: int, proposed: ProposedEntity) -> AnsweredEntity:
    attributes = (
        AnsweredAttribute(
            terms.naming.properties.of(one.predicate), one.value.value, local_name(one.value.datatype), one.evidence
        )
        for one in proposed.attributes
    )
    return AnsweredEntity(number, _class_names(terms, proposed.types), proposed.confidence, tuple(attributes))


def _stated(terms: Terms, relations: Iterable[ProposedRelation], numbers: Sequence[int]) -> Iterator[AnsweredRelation]:
    """Yield relations between the candidates that have these numbers."""
    for one in relations:
        target = (
            Value(one.object.value, local_name(one.object.datatype))
            if isinstance(one.object, Literal)
            else numbers[one.object]
        )
        name = terms.naming.properties.of(one.predicate)
        yield AnsweredRelation(numbers[one.subject], name, target, tuple(one.evidence), one.confidence)
