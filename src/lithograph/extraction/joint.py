"""Joint: everything that a chunk says in one answer, held against the text and the ontology as in stages."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lithograph.domain.facts import Literal, Mention, Typing
from lithograph.domain.fragment import Fragment, Reason
from lithograph.domain.ids import Iri
from lithograph.extraction.entities import known_types
from lithograph.extraction.extractor import (
    Candidate,
    JointEntity,
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
    activity: str, question: JointQuestion, extractor: JointExtractor, ontology: Ontology, settings: ExtractionSettings
) -> Fragment:
    """Return the mentions of a chunk with their classes, and the relations between them.

    Entities and relations are kept on the terms of `find_mentions`, `type_mentions` and `relate`.
    """
    answer = await extractor.joint(question)
    chunk, rejected = question.chunk, Counter[Reason]()
    offered = {known.iri for known in question.classes}
    types = [known_types(entity.types, offered, rejected) for entity in answer.entities]
    rejected[Reason.UNTYPED] += sum(not known for known in types)
    same = _same(answer.entities, types)
    # The hint tells, for now, which entity a mention is one of.
    proposals = [
        ProposedMention(answer.entities[number].text, answer.entities[number].confidence, str(one))
        for number, one in sorted(same.items())
    ]
    mentions: defaultdict[int, list[Mention]] = defaultdict(list)
    for mention in sorted(settled_mentions(chunk, proposals, settings, rejected), key=lambda m: m.span):
        mentions[int(mention.hint)].append(replace(mention, hint=""))
    places = {number: place for place, number in enumerate(sorted(mentions))}
    candidates = [Candidate(answer.entities[n].text, types[n], tuple(mentions[n])) for n in places]
    ends = {number: places[one] for number, one in same.items() if one in places}
    relations = [_placed(relation, ends) for relation in answer.relations]
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


def _same(entities: Sequence[JointEntity], types: Sequence[tuple[Iri, ...]]) -> dict[int, int]:
    """Return for each entity that has a class the surest of its name and class: a model may name it more than once."""
    groups: defaultdict[tuple[str, Iri], list[int]] = defaultdict(list)
    for number, entity in enumerate(entities):
        if types[number]:
            groups[" ".join(entity.text.split()), types[number][0]].append(number)
    same: dict[int, int] = {}
    for group in groups.values():
        same.update(dict.fromkeys(group, max(group, key=lambda number: entities[number].confidence)))
    return same


def _placed(relation: ProposedRelation, places: Mapping[int, int]) -> ProposedRelation:
    """Return a relation between candidates instead of between entities, some of which stand nowhere."""
    end = relation.object
    return replace(
        relation,
        subject=places.get(relation.subject, _NOWHERE),
        object=end if isinstance(end, Literal) else places.get(end, _NOWHERE),
    )
