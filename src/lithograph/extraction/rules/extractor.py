"""The rules as an extractor: the same questions and answers as a model's, without one."""

from collections.abc import Iterator

from lithograph.extraction.extractor import (
    EntityAnswer,
    EntityQuestion,
    Identity,
    MentionAnswer,
    MentionQuestion,
    ProposedEntity,
    ProposedMention,
    RelationAnswer,
    RelationQuestion,
)
from lithograph.extraction.rules.classify import Classifier, Opinion
from lithograph.extraction.rules.names import names_in
from lithograph.extraction.rules.relate import Relater
from lithograph.extraction.rules.values import values_in
from lithograph.extraction.rules.vocabulary import Vocabulary
from lithograph.ontology.model import Ontology

_SURE = 0.7
"""An opinion at least this sure is not given up for another mention's."""


class RulesExtractor:
    """Deterministic and offline. Every answer depends on the question and the ontology alone."""

    def __init__(self, ontology: Ontology) -> None:
        self._vocabulary = Vocabulary(ontology)

    @property
    def identity(self) -> Identity:
        """Return the name and the revision of the rules."""
        return Identity("rules", "1", metered=False)

    async def mentions(self, question: MentionQuestion) -> MentionAnswer:
        """Return what is capitalised or emphasised like a name, and, where a class for them is asked for, dates and
        numbers.
        """
        return MentionAnswer(tuple(self._names(question)))

    def _names(self, question: MentionQuestion) -> Iterator[ProposedMention]:
        offered = {known.iri for known in question.classes}
        text = question.chunk.text
        for found in names_in(text, self._vocabulary.kinds):
            yield ProposedMention(found.text, 0.9 if found.titled else 0.8, "work" if found.titled else "")
        for concept in ("time", "number"):
            if self._vocabulary.concept(concept, offered):
                for value in values_in(text):
                    dated = any(datatype.endswith(("date", "gYear", "gYearMonth")) for datatype, _ in value.readings)
                    if dated == (concept == "time"):
                        yield ProposedMention(value.text, 0.7, concept)

    async def entities(self, question: EntityQuestion) -> EntityAnswer:
        """Return a class for each mention; occurrences of one name that no rule tells apart share an opinion."""
        classifier = Classifier(self._vocabulary, {known.iri for known in question.classes})
        opinions = [self._opinion(classifier, question, index) for index in range(len(question.mentions))]
        settled = [self._settle(question, opinions, index) for index in range(len(question.mentions))]
        return EntityAnswer(
            tuple(
                ProposedEntity(index, (opinion.type,), opinion.confidence)
                for index, opinion in enumerate(settled)
                if opinion is not None
            )
        )

    def _opinion(self, classifier: Classifier, question: EntityQuestion, index: int) -> Opinion | None:
        mention, sentence = question.mentions[index], question.sentences[index]
        start, end = mention.span.start - sentence.start, mention.span.end - sentence.start
        return classifier.classify(mention.span.text, mention.hint, sentence.text[:start], sentence.text[end:])

    def _settle(self, question: EntityQuestion, opinions: list[Opinion | None], index: int) -> Opinion | None:
        """Return the opinion on one mention; a weak one gives way to a surer one on the same name, or on a person
        called so.
        """
        own = opinions[index]
        if own is not None and own.confidence >= _SURE:
            return own
        name = question.mentions[index].span.text
        person = self._vocabulary.concept("person", {known.iri for known in question.classes})
        others = [
            opinion
            for other, opinion in zip(question.mentions, opinions, strict=True)
            if opinion is not None
            and (other.span.text == name or (opinion.type == person and _called(name, other.span.text)))
        ]
        return max(others, key=lambda opinion: opinion.confidence, default=own)

    async def relations(self, question: RelationQuestion) -> RelationAnswer:
        """Return what the cue phrases of the properties state between the candidates."""
        return RelationAnswer(tuple(dict.fromkeys(Relater(self._vocabulary, question).relations())))


def _called(short: str, long: str) -> bool:
    return long.startswith(short + " ") or long.endswith(" " + short)
