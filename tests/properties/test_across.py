"""What is one across documents depends on names alone, not on any order; merging it loses nothing."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import KNOWS, ORGANIZATION, PERSON, PLACE

from lithograph.domain.document import Document
from lithograph.domain.facts import Attribute, Literal, Mention
from lithograph.domain.graph import Entity, KnowledgeGraph, Relation, relation_of
from lithograph.domain.ids import EntityId, ExecutionId, Iri, digest
from lithograph.resolution.across import Cluster, Named, clusters_of
from lithograph.resolution.merging import merged

NAMES = ("Ann Rook", "ann  rook", "Rook", "Bob Rook", "Carrick", "Carrick Ltd", "Éire", "E\u0301ire", "…")
TYPES = (PERSON, PLACE, ORGANIZATION)
modest = settings(max_examples=60, deadline=None)

described = st.tuples(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True),
    st.floats(0.0, 1.0),
    st.booleans(),
)
document = st.lists(described, max_size=4)
Described = tuple[list[str], list[Iri], float, bool]


class Corpus:
    """Some documents, with the entities that they name and relations from each to the next."""

    def __init__(self, documents: Sequence[Sequence[Described]]) -> None:
        self.named: list[list[Named]] = []
        self.entities: list[Entity] = []
        self.relations: list[Relation] = []
        for number, found in enumerate(documents):
            written = Document.from_text(f"{number}; " + "; ".join(names[0] for names, *_ in found))
            here, start = [], len(f"{number}; ")
            for names, types, sure, rich in found:
                span = written.span(start, start + len(names[0]))
                start = span.end + 2
                attributes = (Attribute(KNOWS, Literal(names[0]), (span,)),) if rich else ()
                mention = Mention(span, sure)
                entity_id = EntityId(digest("entity", span.document, span.start, span.end))
                here.append(Entity(entity_id, names[0], tuple(types), tuple(names[1:]), sure, attributes, (mention,)))
            self.entities += here
            execution = ExecutionId(f"{number}")
            self.named.append([Named(execution, one.id, one.label, one.aliases, one.types) for one in here])
            for one, other in pairwise(here):
                evidence = (one.mentions[0].span,)
                self.relations.append(relation_of(one.id, KNOWS, other.id, confidence=0.5, evidence=evidence))

    def graph(self) -> KnowledgeGraph:
        return KnowledgeGraph(tuple(self.entities), tuple(self.relations))

    def clusters(self) -> tuple[Cluster, ...]:
        return clusters_of(self.named)


corpora = st.lists(document, max_size=5).map(Corpus)


@modest
@given(corpora, st.randoms())
def test_the_order_of_documents_and_of_what_they_name_changes_nothing(corpus: Corpus, chance: Random) -> None:
    shuffled = [chance.sample(named, len(named)) for named in chance.sample(corpus.named, len(corpus.named))]
    assert clusters_of(shuffled) == corpus.clusters()


@modest
@given(corpora)
def test_a_cluster_shares_names_and_has_one_entity_of_a_document_at_most(corpus: Corpus) -> None:
    everything = {one.id: one for named in corpus.named for one in named}
    members = [member for cluster in corpus.clusters() for member in cluster.members]
    assert max(Counter(members).values(), default=1) == 1
    for cluster in corpus.clusters():
        assert len(cluster.members) > 1
        assert len({execution for execution, _ in cluster.members}) == len(cluster.members)
        assert cluster.id == min(entity for _, entity in cluster.members)
        kinds = [set(everything[entity].types) for _, entity in cluster.members]
        assert all(any(one & other for other in kinds if other is not one) for one in kinds)


@modest
@given(corpora, st.randoms())
def test_merging_loses_nothing_and_depends_on_no_order(corpus: Corpus, chance: Random) -> None:
    graph, clusters = corpus.graph(), corpus.clusters()
    resolution = merged(graph, clusters)
    kept = resolution.graph
    assert resolution.collapsed == 0, "two entities of one document became one"
    assert Counter(m.id for e in kept.entities for m in e.mentions) == Counter(
        m.id for e in graph.entities for m in e.mentions
    )
    for found in ("types", "attributes"):
        assert {x for e in kept.entities for x in getattr(e, found)} == {
            x for e in graph.entities for x in getattr(e, found)
        }
    assert {n for e in kept.entities for n in (e.label, *e.aliases)} == {
        n for e in graph.entities for n in (e.label, *e.aliases)
    }
    assert {span for r in kept.relations for span in r.evidence} == {
        span for r in graph.relations for span in r.evidence
    }
    assert len(kept.entities) == len(graph.entities) - sum(len(cluster.members) - 1 for cluster in clusters)
    assert merged(kept, clusters).graph == kept
    shuffled = KnowledgeGraph(
        tuple(chance.sample(graph.entities, len(graph.entities))),
        tuple(chance.sample(graph.relations, len(graph.relations))),
    )
    assert merged(shuffled, chance.sample(clusters, len(clusters))) == resolution


@modest
@given(corpora)
def test_the_ends_of_relations_are_what_their_ends_became(corpus: Corpus) -> None:
    graph, clusters = corpus.graph(), corpus.clusters()
    became = {entity: cluster.id for cluster in clusters for _, entity in cluster.members}
    expected = {
        (became.get(r.subject, r.subject), became.get(EntityId(str(r.object)), r.object)) for r in graph.relations
    }
    assert {(r.subject, r.object) for r in merged(graph, clusters).graph.relations} == expected
