"""Across documents: which entities of different documents are one and the same, by their names alone.

Entities that share a name (label or alias, white space and case aside) and a type are one cluster. What a document
keeps apart stays apart: a name that means two things in one document says nothing about either, and where a chain of
names would bring two entities of one document together, its links by alias are not believed, and then those by a second
type. The order of documents does not matter.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from lithograph.domain.ids import EntityId, ExecutionId, Iri

_Key = int
"""The hash of a level, a name and a type: names are not kept, since there may be millions."""


@dataclass(frozen=True, slots=True)
class Named:
    """An entity by what it is called and what it is; `types[0]` is its class."""

    execution: ExecutionId
    id: EntityId
    label: str
    aliases: Sequence[str]
    types: Sequence[Iri]


@dataclass(frozen=True, slots=True, order=True)
class Cluster:
    """Entities that are one: `id` is that of a member, and `members` are `(execution, entity)`, sorted."""

    id: EntityId
    members: tuple[tuple[ExecutionId, EntityId], ...]


@dataclass(slots=True)
class _Member:
    """An entity, and for each level of belief the keys that it shares with what it is the same as."""

    execution: ExecutionId
    id: EntityId
    keys: tuple[frozenset[_Key], ...]


@dataclass(slots=True)
class _Sets:
    """Disjoint sets of numbers, by union and find with path halving."""

    parents: list[int] = field(default_factory=list)

    def find(self, one: int) -> int:
        """Return the number that stands for the set of `one`."""
        while self.parents[one] != one:
            self.parents[one] = one = self.parents[self.parents[one]]
        return one

    def join(self, one: int, other: int) -> None:
        """Make one set of two."""
        first, second = self.find(one), self.find(other)
        self.parents[max(first, second)] = min(first, second)


def clusters_of(documents: Iterable[Sequence[Named]]) -> tuple[Cluster, ...]:
    """Return the clusters of two or more entities, sorted; `documents` has the entities of each document, or none.

    Takes time in proportion to the number of names. A cluster has at most one entity of a document, and its id is the
    smallest of its members'.
    """
    members = list(chain.from_iterable(map(_members, documents)))
    found = (
        Cluster(min(one.id for one in group), tuple(sorted((one.execution, one.id) for one in group)))
        for group in _believed(members, 0)
    )
    return tuple(sorted(found))


def _members(document: Sequence[Named]) -> Iterator[_Member]:
    levels = [_keys(one) for one in document]
    ambiguous = {
        key
        for keys in zip(*levels, strict=True)
        for key, times in Counter(chain.from_iterable(keys)).items()
        if times > 1
    }
    for one, keys in zip(document, levels, strict=True):
        yield _Member(one.execution, one.id, tuple(level - ambiguous for level in keys))


def _keys(one: Named) -> tuple[frozenset[_Key], ...]:
    """Return the keys of an entity: by all its names, by its label, by its label and class."""
    label = _plain(one.label)
    names = {label, *map(_plain, one.aliases)}
    return (
        frozenset(hash((0, name, iri)) for name in names for iri in one.types),
        frozenset(hash((1, label, iri)) for iri in one.types),
        frozenset({hash((2, label, one.types[0]))}),
    )


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _believed(members: Sequence[_Member], level: int) -> Iterator[Sequence[_Member]]:
    """Yield the groups of two or more that are connected at a level; one with two of a document is looked at closer.

    At the last level an entity has one key, which nothing else in its document has, so that nothing is left to doubt.
    """
    sets, first = _Sets(list(range(len(members)))), dict[_Key, int]()
    for number, one in enumerate(members):
        for key in one.keys[level]:
            sets.join(number, first.setdefault(key, number))
    groups: defaultdict[int, list[_Member]] = defaultdict(list)
    for number, one in enumerate(members):
        groups[sets.find(number)].append(one)
    for group in groups.values():
        if len({one.execution for one in group}) < len(group):
            yield from _believed(group, level + 1)
        elif len(group) > 1:
            yield group
