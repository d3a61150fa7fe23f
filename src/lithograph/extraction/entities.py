"""Entities: what each mention of a chunk is, in the ontology's terms."""

from collections import Counter
from collections.abc import Sequence

from lithograph.domain.facts import Attribute, Typing
from lithograph.domain.fragment import Fragment, Reason
from lithograph.domain.ids import Iri
from lithograph.extraction.align import Aligner
from lithograph.extraction.extractor import EntityQuestion, Extractor, ProposedAttribute, ProposedEntity
from lithograph.extraction.mentions import report
from lithograph.extraction.settings import ExtractionSettings


async def type_mentions(
    activity: str, question: EntityQuestion, extractor: Extractor, settings: ExtractionSettings
) -> Fragment:
    """Return a class, further types and attributes for each mention of the question.

    Only classes and properties that were offered count; an attribute needs a quote that stands in the chunk. Of two
    answers about one mention the surer one is kept. What is turned away, and each mention left without an answer, is
    counted in the report.
    """
    answer = await extractor.entities(question)
    rejected: Counter[Reason] = Counter()
    offered = {known.iri for known in question.classes}
    aligner = Aligner(question.chunk.text, settings.fuzzy_threshold)
    typings: dict[int, Typing] = {}
    for proposal in sorted(answer.entities, key=lambda p: (-p.confidence, tuple(p.types))):
        if not 0 <= proposal.mention < len(question.mentions):
            rejected[Reason.UNKNOWN_MENTION] += 1
        elif proposal.mention not in typings:
            types = known_types(proposal.types, offered, rejected)
            if types:
                attributes = _attributes(proposal, question, aligner, rejected)
                mention = question.mentions[proposal.mention].id
                typings[proposal.mention] = Typing(mention, question.chunk.id, types, proposal.confidence, attributes)
    unanswered = len(question.mentions) - len(typings)
    if unanswered:
        rejected[Reason.UNTYPED] = unanswered
    reports = frozenset({report(activity, answer.usage, rejected)})
    return Fragment(typings=frozenset(typings.values()), reports=reports)


def known_types(proposed: Sequence[Iri], offered: set[Iri], rejected: Counter[Reason]) -> tuple[Iri, ...]:
    """Return the offered ones among the types, without repetition, when the first, the class, is one of them; else
    nothing. The others are counted in `rejected`.
    """
    unknown = sum(iri not in offered for iri in proposed)
    if unknown:
        rejected[Reason.UNKNOWN_CLASS] += unknown
    if not proposed or proposed[0] not in offered:
        return ()
    return tuple(dict.fromkeys(iri for iri in proposed if iri in offered))


def _attributes(
    proposal: ProposedEntity, question: EntityQuestion, aligner: Aligner, rejected: Counter[Reason]
) -> tuple[Attribute, ...]:
    offered = {known.iri for known in question.properties}
    kept = set()
    for attribute in proposal.attributes:
        if attribute.predicate not in offered:
            rejected[Reason.UNKNOWN_ATTRIBUTE] += 1
            continue
        located = _with_evidence(attribute, question, aligner)
        if located is None:
            rejected[Reason.ATTRIBUTE_EVIDENCE] += 1
        else:
            kept.add(located)
    return tuple(sorted(kept))


def _with_evidence(attribute: ProposedAttribute, question: EntityQuestion, aligner: Aligner) -> Attribute | None:
    place = aligner.locate(attribute.evidence)
    if place is None:
        return None
    return Attribute(attribute.predicate, attribute.value, (question.chunk.span(place.start, place.end),))
