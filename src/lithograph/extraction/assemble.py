"""Assemble: what the chunks of a document say, as one graph in which every mention is still an entity of its own.

A function of the union of fragments alone: the order in which chunks finished, and how often one was seen, cannot show
in its result. Which mentions mean the same thing is settled afterwards, by `lithograph.resolution`.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from lithograph.domain.facts import Link, Mention, Typing
from lithograph.domain.fragment import Fragment
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation, joined
from lithograph.domain.ids import EntityId, MentionId, digest
from lithograph.domain.voting import elect


def assemble(fragment: Fragment) -> KnowledgeGraph:
    """Return the graph of everything in `fragment`: one entity for each mention that was given a class.

    A mention's confidence and hint are those of its surest sighting; its types are ordered by votes, each worth its
    confidence; relations that agree in both ends and property become one, with all their evidence and the highest
    confidence, and keep a flag only when every sighting of them has it.
    """
    mentions = _mentions(fragment.mentions)
    typings: defaultdict[MentionId, list[Typing]] = defaultdict(list)
    for typing in fragment.typings:
        typings[typing.mention].append(typing)
    entities = {mention.id: _entity(mention, typings[mention.id]) for mention in mentions if mention.id in typings}
    links: defaultdict[tuple[object, ...], list[Link]] = defaultdict(list)
    for link in fragment.links:
        links[link.subject, link.predicate, link.object].append(link)
    ids = {mention: entity.id for mention, entity in entities.items()}
    relations = [_relation(same, ids) for same in links.values()]
    return KnowledgeGraph.ordered(entities.values(), relations)


def _mentions(sightings: Iterable[Mention]) -> list[Mention]:
    best: dict[MentionId, Mention] = {}
    for mention in sightings:
        other = best.get(mention.id)
        if other is None or (mention.confidence, mention.hint) > (other.confidence, other.hint):
            best[mention.id] = mention
    return list(best.values())


def _entity(mention: Mention, typings: list[Typing]) -> Entity:
    span = mention.span
    return Entity(
        id=EntityId(digest("entity", span.document, span.start, span.end)),
        label=" ".join(span.text.split()),
        types=elect((typing.types, typing.confidence) for typing in typings),
        aliases=(),
        confidence=max(typing.confidence for typing in typings) * mention.confidence,
        attributes=tuple(sorted(set(chain.from_iterable(typing.attributes for typing in typings)))),
        mentions=(mention,),
    )


def _relation(links: list[Link], ids: dict[MentionId, EntityId]) -> Relation:
    first = links[0]
    target = ids[first.object] if isinstance(first.object, str) else first.object
    return joined(ids[first.subject], first.predicate, target, links)
