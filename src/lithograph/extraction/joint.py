"""Joint: everything that a chunk says in one answer, held against the text and the ontology as in stages."""

from collections import Counter, defaultdict
from dataclasses import replace

from lithograph.domain.facts import Literal, Mention, Typing
from lithograph.domain.fragment import Fragment, Reason
from lithograph.errors import UsageError
from lithograph.extraction.entities import known_types
from lithograph.extraction.extractor import (
    Candidate,
    Extractor,
    JointExtractor,
    JointQuestion,
    ProposedMention,
    ProposedRelation,
    RelationQuestion,
)
from lithograph.extraction.mentions import report, settled_mentions
from lithograph.extraction.relations import judged
from lithograph.extraction.settings import ExtractionSettings
from lithograph.ontology.model import Ontology

_NOWHERE = -1


async def extract_jointly(
    activity: str, question: JointQuestion, extractor: Extractor, ontology: Ontology, settings: ExtractionSettings
) -> Fragment:
    """Return the mentions of a chunk with their classes, and the relations between them.

    Entities and relations are kept on the terms of `find_mentions`, `type_mentions` and `relate`. Raises `UsageError`
    when the extractor answers in stages only.
    """
    if not isinstance(extractor, JointExtractor):
        raise UsageError(f"{extractor.identity.name} answers in stages only: use the strategy staged")
    answer = await extractor.joint(question)
    chunk, rejected = question.chunk, Counter[Reason]()
    offered = {known.iri for known in question.classes}
    types = [known_types(entity.types, offered, rejected) for entity in answer.entities]
    # The hint tells, for now, which entity a mention is one of.
    proposals = [
        ProposedMention(entity.text, entity.confidence, str(number))
        for number, entity in enumerate(answer.entities)
        if types[number]
    ]
    mentions: defaultdict[int, list[Mention]] = defaultdict(list)
    for mention in sorted(settled_mentions(chunk, proposals, settings, rejected), key=lambda m: m.span):
        mentions[int(mention.hint)].append(replace(mention, hint=""))
    places = {number: place for place, number in enumerate(sorted(mentions))}
    candidates = [Candidate(answer.entities[n].text, types[n], tuple(mentions[n])) for n in places]
    relations = [_placed(relation, places) for relation in answer.relations]
    asked = RelationQuestion(chunk, candidates, question.properties)
    typings = (
        Typing(mention.id, chunk.id, types[number], answer.entities[number].confidence, ())
        for number, found in mentions.items()
        for mention in found
    )
    return Fragment(
        mentions=frozenset(mention for found in mentions.values() for mention in found),
        typings=frozenset(typings),
        links=judged(asked, relations, ontology, settings, rejected),
        reports=frozenset({report(activity, answer.usage, rejected)}),
    )


def _placed(relation: ProposedRelation, places: dict[int, int]) -> ProposedRelation:
    """Return a relation between candidates instead of between entities, some of which stand nowhere."""
    end = relation.object
    return replace(
        relation,
        subject=places.get(relation.subject, _NOWHERE),
        object=end if isinstance(end, Literal) else places.get(end, _NOWHERE),
    )
