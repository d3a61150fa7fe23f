"""Merging: a graph in which the entities of a cluster are one entity."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from lithograph.domain.graph import Entity, KnowledgeGraph
from lithograph.domain.ids import EntityId
from lithograph.resolution.across import Cluster
from lithograph.resolution.canonical import merge
from lithograph.resolution.resolve import Resolution, repointed


def merged(graph: KnowledgeGraph, clusters: Iterable[Cluster]) -> Resolution:
    """Return `graph` with those of its entities that are in one cluster as one entity, under the cluster's id, and its
    relations between what is left, in the fixed order of `KnowledgeGraph.ordered`.

    Mentions, names, types, attributes and evidence are all kept. Members that the graph does not have do not matter,
    nor does the order of anything; merging what is merged changes nothing.
    """
    cluster_of = {entity: cluster.id for cluster in clusters for _, entity in cluster.members}
    groups: defaultdict[EntityId, list[Entity]] = defaultdict(list)
    for entity in graph.entities:
        groups[cluster_of.get(entity.id, entity.id)].append(entity)
    canonical: dict[EntityId, Entity] = {}
    for cluster_id, group in groups.items():
        one = replace(merge(group), id=cluster_id) if len(group) > 1 else group[0]
        canonical.update((member.id, one) for member in group)
    relations, collapsed = repointed(graph.relations, canonical)
    entities = {entity.id: entity for entity in canonical.values()}
    return Resolution(KnowledgeGraph.ordered(entities.values(), relations), collapsed)
