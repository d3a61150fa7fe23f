"""Canonical: the one entity that stands for several."""

from collections.abc import Sequence
from itertools import chain

from lithograph.domain.graph import Entity
from lithograph.domain.voting import elect

_CONFIDENCE, _ATTRIBUTES, _LENGTH = 0.5, 0.3, 0.2
"""What a member's confidence, its share of the attributes and the length of its name weigh in the choice of the label.
"""


def merge(members: Sequence[Entity]) -> Entity:
    """Return the entity that stands for `members`, which is at least one.

    Its id is that of the member mentioned first; its label is the best member's, scored as above; every other surface
    form is an alias; types are ordered by votes, each worth its member's confidence; mentions and attributes are all
    kept, contradictions beside their evidence.
    """
    first = min(members, key=lambda member: member.mentions[0].span)
    if len(members) == 1:
        return first
    label = _label(members)
    names = {member.label for member in members} | {alias for member in members for alias in member.aliases}
    mentions = {mention.id: mention for member in members for mention in member.mentions}
    return Entity(
        id=first.id,
        label=label,
        types=elect((member.types, member.confidence) for member in members),
        aliases=tuple(sorted(names - {label})),
        confidence=max(member.confidence for member in members),
        attributes=tuple(sorted(set(chain.from_iterable(member.attributes for member in members)))),
        mentions=tuple(sorted(mentions.values(), key=lambda mention: mention.span)),
    )


def _label(members: Sequence[Entity]) -> str:
    most = max(len(member.attributes) for member in members) or 1
    longest = max(len(member.label) for member in members)

    def score(member: Entity) -> float:
        attributes, length = len(member.attributes) / most, len(member.label) / longest
        return _CONFIDENCE * member.confidence + _ATTRIBUTES * attributes + _LENGTH * length

    best = max(members, key=lambda member: (score(member), member.label))
    return best.label
