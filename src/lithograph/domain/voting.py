"""Voting: what several opinions about a thing's types amount to."""

from collections import defaultdict
from collections.abc import Iterable

from lithograph.domain.ids import Iri


def elect(ballots: Iterable[tuple[tuple[Iri, ...], float]]) -> tuple[Iri, ...]:
    """Return every type named, the class first: the one with the greatest weight of votes as a ballot's first type.

    A ballot is some types, its class first, and its weight. The others follow by the weight of all votes, then by IRI.
    The order of ballots does not matter.
    """
    ballots = sorted(ballots)
    if len(ballots) == 1 and len(ballots[0][0]) == 1:
        return ballots[0][0]
    as_class: defaultdict[Iri, float] = defaultdict(float)
    at_all: defaultdict[Iri, float] = defaultdict(float)
    for types, weight in ballots:
        as_class[types[0]] += weight
        for iri in types:
            at_all[iri] += weight
    return tuple(sorted(at_all, key=lambda iri: (-as_class[iri], -at_all[iri], iri)))
