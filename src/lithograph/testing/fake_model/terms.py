"""Terms: the ontology that a prompt speaks of, found among the known ones by its names or made of what it offers, and
what the rules say in it.
"""

from collections.abc import Iterable, Sequence

from lithograph.domain.chunk import Chunk
from lithograph.domain.fragment import Fragment
from lithograph.domain.ids import Iri
from lithograph.extraction.entities import type_mentions
from lithograph.extraction.extractor import Candidate, EntityQuestion, MentionQuestion
from lithograph.extraction.mentions import find_mentions
from lithograph.extraction.prompts.messages import OfferedAttribute, OfferedClass, OfferedProperty
from lithograph.extraction.prompts.naming import Naming
from lithograph.extraction.questions import Questions, candidates_of
from lithograph.extraction.rules import RulesExtractor
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.model import Ontology, OntologyClass, OntologyProperty
from lithograph.testing.fake_model.offers import Offer, made_of

_SETTINGS = ExtractionSettings()
_MOST_OFFERS = 1_024
_MOST_TEXTS = 4_096
"""What is remembered, at most; then it is forgotten as a whole."""


class Terms:
    """One ontology under its short names, with the rules that answer in its terms."""

    def __init__(self, ontology: Ontology) -> None:
        self.ontology = ontology
        self.naming = Naming.of(ontology)
        self.rules = RulesExtractor(ontology)
        self._questions = Questions(ontology, _SETTINGS)
        self._candidates: dict[str, tuple[Candidate, ...]] = {}

    def knows(self, offer: Offer) -> bool:
        """Whether every class and property of an offer is one of this ontology."""
        classes, properties = self.naming.classes, self.naming.properties
        return (
            all(classes.iri(known.name) is not None for known in offer.classes)
            and all(classes.iri(name) is not None for name in offer.types)
            and all(properties.iri(known.name) is not None for known in offer.properties)
        )

    def classes(self, offered: Iterable[OfferedClass]) -> tuple[OntologyClass, ...]:
        """Return the classes that are offered."""
        iris = (self.naming.classes.iri(known.name) for known in offered)
        return tuple(self.ontology.classes[iri] for iri in iris if iri is not None)

    def properties(self, offered: Iterable[OfferedProperty | OfferedAttribute]) -> tuple[OntologyProperty, ...]:
        """Return the properties that are offered."""
        iris = (self.naming.properties.iri(known.name) for known in offered)
        return tuple(self.ontology.properties[iri] for iri in iris if iri is not None)

    def types(self, names: Iterable[str]) -> tuple[Iri, ...]:
        """Return the classes that go by these names."""
        return tuple(iri for name in names if (iri := self.naming.classes.iri(name)) is not None)

    async def candidates(self, chunk: Chunk) -> tuple[Candidate, ...]:
        """Return what a relation may begin or end at when the stages before it are asked as they are by default."""
        found = self._candidates.get(chunk.text)
        if found is None:
            if len(self._candidates) >= _MOST_TEXTS:
                self._candidates.clear()
            found = candidates_of(await self.typed(chunk, self._questions.mentions(chunk).classes))
            self._candidates[chunk.text] = found
        return found

    async def typed(self, chunk: Chunk, classes: Sequence[OntologyClass]) -> Fragment:
        """Return the mentions that the rules find in a chunk, each with its class."""
        found = await find_mentions("", MentionQuestion(chunk, classes), self.rules, _SETTINGS)
        for batch in self._questions.batches(found):
            sentences = tuple(chunk.sentence_of(mention.span) for mention in batch)
            question = EntityQuestion(chunk, batch, sentences, classes, ())
            found |= await type_mentions("", question, self.rules, _SETTINGS)
        return found


class Vocabulary:
    """The known ontologies, and those that were made up on the way."""

    def __init__(self, ontologies: Sequence[Ontology]) -> None:
        # Of two that have every name of a prompt, it more likely means the one that has fewer others.
        self._known = [Terms(one) for one in sorted(ontologies, key=lambda one: len(one.classes))]
        self._met: dict[Offer, Terms] = {}

    def of(self, offer: Offer) -> Terms:
        """Return the smallest known ontology that has all of an offer, else one that is made of it."""
        met = self._met.get(offer)
        if met is None:
            if len(self._met) >= _MOST_OFFERS:
                self._met.clear()
            met = next((terms for terms in self._known if terms.knows(offer)), None) or Terms(made_of(offer))
            self._met[offer] = met
        return met
