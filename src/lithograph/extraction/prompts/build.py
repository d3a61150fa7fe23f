"""Build: a question as a prompt. A prompt is one JSON block of data: texts and names, never an id or an offset."""

from collections.abc import Iterable, Iterator

from lithograph.domain.ids import Iri
from lithograph.extraction.extractor import EntityQuestion, JointQuestion, MentionQuestion, RelationQuestion
from lithograph.extraction.prompts.messages import (
    EntitiesPrompt,
    GivenEntity,
    GivenMention,
    JointPrompt,
    MentionsPrompt,
    OfferedAttribute,
    OfferedClass,
    OfferedProperty,
    RelationsPrompt,
)
from lithograph.extraction.prompts.naming import Naming
from lithograph.ontology.model import OntologyClass, OntologyProperty
from lithograph.ontology.terms import local_name

_LONGEST_COMMENT = 120
"""Characters of a comment that are worth their tokens: its beginning says what is meant."""


class PromptBuilder:
    """Makes prompts about one ontology."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        # Most questions offer the same.
        self._class_offers: dict[Iri, OfferedClass] = {}
        self._property_offers: dict[Iri, OfferedProperty] = {}

    def mentions(self, question: MentionQuestion) -> MentionsPrompt:
        """Return the prompt for the mentions of a chunk."""
        return MentionsPrompt(self._classes(question.classes), question.chunk.text)

    def entities(self, question: EntityQuestion) -> EntitiesPrompt:
        """Return the prompt for the classes of some mentions; a sentence that several stand in is given once."""
        sentences: dict[str, int] = {}
        mentions = []
        for number, (mention, span) in enumerate(zip(question.mentions, question.sentences, strict=True)):
            place = sentences.setdefault(span.text, len(sentences))
            mentions.append(GivenMention(number, mention.span.text, place, mention.hint))
        attributes = tuple(
            OfferedAttribute(self._naming.properties.of(known.iri), _about(known), _datatypes(known))
            for known in question.properties
        )
        return EntitiesPrompt(self._classes(question.classes), attributes, tuple(sentences), tuple(mentions))

    def relations(self, question: RelationQuestion) -> RelationsPrompt:
        """Return the prompt for the relations of a chunk."""
        entities = tuple(
            GivenEntity(number, candidate.text, tuple(self._naming.classes.of(iri) for iri in candidate.types))
            for number, candidate in enumerate(question.candidates)
        )
        return RelationsPrompt(self._properties(question.properties), entities, question.chunk.text)

    def joint(self, question: JointQuestion) -> JointPrompt:
        """Return the prompt for everything that a chunk says."""
        return JointPrompt(self._classes(question.classes), self._properties(question.properties), question.chunk.text)

    def _classes(self, classes: Iterable[OntologyClass]) -> tuple[OfferedClass, ...]:
        return tuple(map(self._class, classes))

    def _class(self, known: OntologyClass) -> OfferedClass:
        offered = self._class_offers.get(known.iri)
        if offered is None:
            offered = OfferedClass(self._naming.classes.of(known.iri), _about(known))
            self._class_offers[known.iri] = offered
        return offered

    def _properties(self, properties: Iterable[OntologyProperty]) -> tuple[OfferedProperty, ...]:
        return tuple(map(self._property, properties))

    def _property(self, known: OntologyProperty) -> OfferedProperty:
        offered = self._property_offers.get(known.iri)
        if offered is None:
            offered = OfferedProperty(
                self._naming.properties.of(known.iri),
                _about(known),
                tuple(self._naming.classes.all_of(_any_of(known.domain))),
                (*self._naming.classes.all_of(_any_of(known.range)), *_datatypes(known)),
            )
            self._property_offers[known.iri] = offered
        return offered


def _any_of(constraint: tuple[frozenset[Iri], ...]) -> Iterator[Iri]:
    yield from frozenset().union(*constraint)


def _about(known: OntologyClass | OntologyProperty) -> str:
    """Return the beginning of a comment, up to the end of a word where it has blanks."""
    comment = " ".join(known.comment.split())
    if len(comment) <= _LONGEST_COMMENT:
        return comment
    beginning = comment[:_LONGEST_COMMENT]
    return beginning.rpartition(" ")[0] or beginning


def _datatypes(known: OntologyProperty) -> tuple[str, ...]:
    return tuple(sorted(local_name(iri) for iri in known.datatypes))
