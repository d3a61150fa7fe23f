"""Resolve: which entities of a document are one and the same.

Equal names of compatible classes are one thing. A shorter way to call something (a person's surname or first
name, an acronym) joins the longer one when there is just one that it can mean; where two could be meant, it stays
apart, since a wrong merge is worse than a missing one. Names of incompatible classes never meet.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import chain

from lithograph.domain.facts import Literal
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation, joined
from lithograph.domain.ids import DocumentId, EntityId, Iri
from lithograph.ontology.model import Ontology
from lithograph.resolution.canonical import merge
from lithograph.resolution.kinds import Kinds
from lithograph.resolution.names import Name, called_for_short, expands, name_of


@dataclass(frozen=True, slots=True)
class Resolution:
    """The resolved graph; `collapsed` counts relations left out because both their ends turned out to be one thing."""

    graph: KnowledgeGraph
    collapsed: int


@dataclass(slots=True, eq=False)
class _Cluster:
    """Entities of one name and compatible classes; `class_iri` is the most special class among them."""

    document: DocumentId
    name: Name
    class_iri: Iri
    gender: str
    members: list[Entity] = field(default_factory=list)
    joined: "_Cluster | None" = None

    def root(self) -> "_Cluster":
        return self if self.joined is None else self.joined.root()


_Index = defaultdict[tuple[str, ...], list[_Cluster]]
"""Clusters by their document and one of the things that they may be looked for by."""


def resolve(graph: KnowledgeGraph, ontology: Ontology) -> Resolution:
    """Return `graph` with the entities of each document that are one thing merged, and its relations between what is
    left.
    """
    clusters = _same_names(graph.entities, ontology)
    _join_short_names(clusters, ontology)
    members: defaultdict[int, list[Entity]] = defaultdict(list)
    for cluster in clusters:
        members[id(cluster.root())].extend(cluster.members)
    canonical: dict[EntityId, Entity] = {}
    entities = []
    for group in members.values():
        entity = merge(group)
        entities.append(entity)
        canonical.update((member.id, entity) for member in group)
    relations, collapsed = repointed(graph.relations, canonical)
    return Resolution(KnowledgeGraph.ordered(entities, relations), collapsed)


def _same_names(entities: Iterable[Entity], ontology: Ontology) -> list[_Cluster]:
    """Return clusters of equal names; the entities of special classes come first, so that a general one joins what it
    fits.
    """
    names: dict[str, Name] = {}
    by_key: defaultdict[tuple[DocumentId, str], list[_Cluster]] = defaultdict(list)
    ordered = sorted(entities, key=lambda e: (-len(ontology.ancestors(e.types[0])), e.types[0], e.mentions[0].span))
    for entity in ordered:
        name = names.setdefault(entity.label, name_of(entity.label))
        document = entity.mentions[0].span.document
        here = by_key[document, name.key]
        fitting = [
            cluster
            for cluster in here
            if ontology.compatible(cluster.class_iri, entity.types[0])
            and not (cluster.gender and name.gender and cluster.gender != name.gender)
        ]
        if fitting:
            largest = max(fitting, key=lambda cluster: len(cluster.members))
        else:
            largest = _Cluster(document, name, entity.types[0], name.gender)
            here.append(largest)
        largest.gender = largest.gender or name.gender
        largest.members.append(entity)
    return list(chain.from_iterable(by_key.values()))


def _join_short_names(clusters: Iterable[_Cluster], ontology: Ontology) -> None:
    kinds = Kinds(ontology)
    longest_first = sorted(clusters, key=lambda c: (-len(c.name.words), -len(c.name.key), c.name.key, c.class_iri))
    index: _Index = defaultdict(list)
    for cluster in longest_first:
        meant = {id(other.root()): other.root() for other in _longer(cluster, index, kinds, ontology)}
        if len(meant) == 1:
            (cluster.joined,) = meant.values()
        for key in _short_for(cluster.name):
            index[cluster.document, *key].append(cluster)


def _short_for(name: Name) -> Set[tuple[str, ...]]:
    """Return what is looked for by whatever a name may be called for short: its first or its last word, any two of its
    words in their order, the first of them also as its initial, and its acronyms.

    So that many names that end in the same word, as those of streets do, are not compared with each other.
    """
    words = name.words
    pairs = {(first, last) for place, last in enumerate(words) for first in words[:place]}
    initials = {(first[0], last) for first, last in pairs}
    return {(words[0],), (words[-1],), *pairs, *initials, *((acronym, ".") for acronym in name.initials)}


def _longer(cluster: _Cluster, index: "_Index", kinds: Kinds, ontology: Ontology) -> Iterator[_Cluster]:
    """Yield the clusters that `cluster` may be short for, some of them twice."""
    short = cluster.name
    ends = (short.words[0], short.words[-1]) if len(short.words) > 1 else short.words
    sharing = index.get((cluster.document, *ends), [])
    spelling = index.get((cluster.document, short.acronym, "."), []) if short.acronym else []
    for other in chain(sharing, spelling):
        if not ontology.compatible(cluster.class_iri, other.class_iri):
            continue
        if kinds.is_person(cluster.class_iri) or kinds.is_person(other.class_iri):
            if called_for_short(short, other.name):
                yield other
        elif expands(other.name, short):
            yield other


def repointed(relations: Iterable[Relation], canonical: Mapping[EntityId, Entity]) -> tuple[list[Relation], int]:
    """Return the relations between the entities that now stand for their ends, those that have become one as one, and
    how many were left out because both their ends are one thing now.
    """
    collapsed = 0
    same: defaultdict[tuple[EntityId, Iri, EntityId | Literal], list[Relation]] = defaultdict(list)
    for relation in relations:
        subject = canonical[relation.subject].id
        target = relation.object if isinstance(relation.object, Literal) else canonical[relation.object].id
        if subject == target:
            collapsed += 1
        else:
            same[subject, relation.predicate, target].append(relation)
    return [joined(*ends, group) for ends, group in same.items()], collapsed
