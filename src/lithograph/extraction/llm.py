"""A language model as an extractor: questions become prompts, answers proposals.

An answer that stays cut short, however often it is asked for, is too long: then the question is split in two, and each
half asked for itself.
"""

from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from lithograph.domain.facts import XSD, Literal
from lithograph.domain.ids import Iri
from lithograph.domain.usage import NOTHING, Usage
from lithograph.errors import AnswerError, ExhaustedError, RejectedError, TruncatedError
from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    Identity,
    JointAnswer,
    JointEntity,
    JointQuestion,
    MentionAnswer,
    MentionQuestion,
    ProposedAttribute,
    ProposedEntity,
    ProposedMention,
    ProposedRelation,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.extraction.prompts import messages, schemas
from lithograph.extraction.prompts.build import PromptBuilder
from lithograph.extraction.prompts.instructions import REVISION, system_message
from lithograph.extraction.prompts.naming import Naming
from lithograph.extraction.split import halves, parts
from lithograph.models.caller import Asks
from lithograph.models.chat import ChatRequest, Role, Turn
from lithograph.models.structured import CutShortError, Structured, ask_structured, of_type
from lithograph.ontology.model import Ontology
from lithograph.resilience.policy import Scope
from lithograph.resilience.provider import Provider

Shape = TypeVar("Shape")
Question = TypeVar("Question")
Answer = TypeVar("Answer")

_NOTHING_HAS = -1
"""A number that no mention and no entity has."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """Tokens that an answer may take, by task; one that is cut short gets twice as many."""

    mentions: int = 2048
    entities: int = 4096
    relations: int = 4096
    joint: int = 6144


class LlmExtractor:
    """Asks `asks` about texts, in terms of one ontology. Safe to ask about many chunks at once."""

    def __init__(self, ontology: Ontology, asks: Asks, limits: AnswerLimits = AnswerLimits()) -> None:
        self._asks, self._limits = asks, limits
        self._naming = Naming.of(ontology)
        self._prompts = PromptBuilder(self._naming)

    def within(self, scope: Scope) -> "LlmExtractor":
        """Return the same extractor, asking on behalf of `scope`."""
        other = copy(self)
        other._asks = self._asks.within(scope)  # noqa: SLF001  # it is a copy of this one
        return other

    @property
    def identity(self) -> Identity:
        """Return the models, and the revision of the prompts with the room that answers have."""
        return Identity("|".join(self._asks.names), REVISION, {"limits": repr(self._limits)})

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        """Return the surface forms that the model finds in a chunk."""
        try:
            prompt = self._prompts.mentions(question)
            told = await self._ask(
                prompt, schemas.mentions_schema(prompt), messages.MentionsAnswer, self._limits.mentions
            )
        except TruncatedError as error:
            first, second = await _both(self.mentions, parts(question, error))
            return MentionAnswer((*first.mentions, *second.mentions), _wasted(error) + first.usage + second.usage)
        found = (ProposedMention(one.text, _sure(one.confidence), one.hint) for one in told.value.mentions)
        return MentionAnswer(tuple(found), told.usage)

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        """Return the classes that the model gives to the mentions of a question."""
        try:
            prompt = self._prompts.entities(question)
            told = await self._ask(
                prompt, schemas.entities_schema(prompt), messages.EntitiesAnswer, self._limits.entities
            )
        except TruncatedError as error:
            pair = halves(question, error)
            first, second = await _both(self.entities, pair)
            sizes = [len(half.mentions) for half in pair]
            kept = (replace(one, mention=_counted(one.mention, sizes[0])) for one in first.entities)
            moved = (replace(one, mention=_counted(one.mention, sizes[1], sizes[0])) for one in second.entities)
            return EntityAnswer((*kept, *moved), _wasted(error) + first.usage + second.usage)
        return EntityAnswer(tuple(map(self._entity, told.value.entities)), told.usage)

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        """Return the relations that the model finds between the candidates of a question."""
        try:
            prompt = self._prompts.relations(question)
            told = await self._ask(
                prompt, schemas.relations_schema(prompt), messages.RelationsAnswer, self._limits.relations
            )
        except TruncatedError as error:
            first, second = await _both(self.relations, parts(question, error))
            return RelationAnswer((*first.relations, *second.relations), _wasted(error) + first.usage + second.usage)
        return RelationAnswer(tuple(map(self._relation, told.value.relations)), told.usage)

    async def joint(self, question: JointQuestion) -> JointAnswer:
        """Return all that the model finds in a chunk."""
        try:
            prompt = self._prompts.joint(question)
            told = await self._ask(prompt, schemas.joint_schema(prompt), messages.JointAnswer, self._limits.joint)
        except TruncatedError as error:
            first, second = await _both(self.joint, parts(question, error))
            sizes = [len(half.entities) for half in (first, second)]
            kept = (_between(one, sizes[0]) for one in first.relations)
            moved = (_between(one, sizes[1], sizes[0]) for one in second.relations)
            usage = _wasted(error) + first.usage + second.usage
            return JointAnswer((*first.entities, *second.entities), (*kept, *moved), usage)
        entities = (JointEntity(one.text, self._types(one.types), _sure(one.confidence)) for one in told.value.entities)
        return JointAnswer(tuple(entities), tuple(map(self._relation, told.value.relations)), told.usage)

    @property
    def providers(self) -> Sequence[Provider]:
        """Return what the process shares of the models."""
        return self._asks.providers

    async def probe(self) -> None:
        """Ask once whether the model is there and answers as it must.

        Raises what keeps it from answering: a wrong key, an unknown model, no structured answers, no connection.
        """
        request = _request(messages.ProbePrompt(), schemas.probe_schema(), 1024)
        try:
            await ask_structured(self._asks.once(), request, of_type(messages.ProbeAnswer))
        except ExhaustedError as error:
            raise error.__cause__ or error from None
        except AnswerError as error:
            raise RejectedError(
                f"{self._asks.names[0]} does not answer with the JSON that it is asked for ({error}): choose a model "
                "that can give structured answers"
            ) from error

    async def _ask(
        self, prompt: messages.Prompt, schema: schemas.Schema, shape: type[Shape], room: int
    ) -> Structured[Shape]:
        return await ask_structured(self._asks, _request(prompt, schema, room), of_type(shape))

    def _types(self, names: Sequence[str]) -> tuple[Iri, ...]:
        """Return the classes of these names; a name that none has stays as it is, to be turned away and counted."""
        return tuple(self._naming.classes.iri(name) or Iri(name) for name in names)

    def _property(self, name: str) -> Iri:
        return self._naming.properties.iri(name) or Iri(name)

    def _entity(self, one: messages.AnsweredEntity) -> ProposedEntity:
        attributes = tuple(
            ProposedAttribute(self._property(known.property), _literal(known.value, known.datatype), known.quote)
            for known in one.attributes
        )
        return ProposedEntity(one.mention, self._types(one.types), _sure(one.confidence), attributes)

    def _relation(self, one: messages.AnsweredRelation) -> ProposedRelation:
        end = _literal(one.object.value, one.object.datatype) if isinstance(one.object, messages.Value) else one.object
        return ProposedRelation(one.subject, self._property(one.property), end, one.quotes, _sure(one.confidence))


def _request(prompt: messages.Prompt, schema: schemas.Schema, room: int) -> ChatRequest:
    task = messages.task_of(prompt)
    data = Turn(Role.USER, msgspec.json.encode(prompt).decode())
    return ChatRequest(task, system_message(task), (data,), schema, room)


async def _both(ask: Callable[[Question], Awaitable[Answer]], pair: tuple[Question, Question]) -> tuple[Answer, Answer]:
    return await ask(pair[0]), await ask(pair[1])


def _wasted(error: TruncatedError) -> Usage:
    """Return what was spent on answers that do not fit."""
    return error.usage if isinstance(error, CutShortError) else NOTHING


def _counted(number: int, size: int, before: int = 0) -> int:
    """Return one of `size` numbers, counted with those `before` it; what is none of them is none of the others."""
    return before + number if 0 <= number < size else _NOTHING_HAS


def _between(relation: ProposedRelation, size: int, before: int = 0) -> ProposedRelation:
    """Return a relation of one half of a question, its ends counted as in the whole."""
    end = relation.object
    return replace(
        relation,
        subject=_counted(relation.subject, size, before),
        object=end if isinstance(end, Literal) else _counted(end, size, before),
    )


def _sure(confidence: float) -> float:
    """Return a model's confidence, brought into the range that it was asked to stay in."""
    return min(1.0, max(0.0, confidence))


def _literal(value: str, datatype: str) -> Literal:
    name = datatype.removeprefix("xsd:")
    return Literal(value, Iri(name if ":" in name else XSD + (name or "string")))
