"""Fragments form a join-semilattice, and the graph depends on their union alone."""

from functools import reduce
from operator import or_

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import BORN, KNOWS, PERSON, PLACE, SAILOR

from lithograph.domain.document import Document, Span
from lithograph.domain.facts import Attribute, Flag, Link, Literal, Mention, Typing
from lithograph.domain.fragment import Fragment, Missing, Reason, Report, Stage
from lithograph.domain.ids import ChunkId
from lithograph.domain.usage import Usage
from lithograph.extraction.assemble import assemble

DOCUMENT = Document.from_text("Ada knew Bob and Eve.")
PLACES = [DOCUMENT.span(0, 3), DOCUMENT.span(9, 12), DOCUMENT.span(17, 20)]
IDS = [Mention(span, 1.0).id for span in PLACES]
TYPED = Fragment(
    frozenset(Mention(span, 0.5) for span in PLACES),
    frozenset(Typing(mention, ChunkId("first"), (PERSON,), 0.5) for mention in IDS),
)
"""Every mention with a class, so that a relation always has its two ends."""

confidences = st.sampled_from([0.1, 0.2, 0.3, 0.7, 1.0])
chunks = st.sampled_from([ChunkId("one"), ChunkId("two")])
classes = st.lists(st.sampled_from([PERSON, PLACE, SAILOR]), min_size=1, max_size=3, unique=True).map(tuple)
evidence: st.SearchStrategy[tuple[Span, ...]] = st.lists(st.sampled_from(PLACES), min_size=1, max_size=2).map(tuple)
literals = st.builds(Literal, st.sampled_from(["1", "2"]))
fragments = st.builds(
    Fragment,
    st.frozensets(st.builds(Mention, st.sampled_from(PLACES), confidences, st.sampled_from(["", "a"])), max_size=3),
    st.frozensets(
        st.builds(
            Typing,
            st.sampled_from(IDS),
            chunks,
            classes,
            confidences,
            st.lists(st.builds(Attribute, st.just(BORN), literals, evidence), max_size=2).map(tuple),
        ),
        max_size=3,
    ),
    st.frozensets(
        st.builds(
            Link,
            st.sampled_from(IDS),
            st.just(KNOWS),
            st.sampled_from(IDS) | literals,
            confidences,
            evidence,
            st.sampled_from([(), (Flag.DOMAIN,), (Flag.DOMAIN, Flag.RANGE)]),
        ),
        max_size=4,
    ),
    st.frozensets(st.builds(Report, st.sampled_from("ab"), st.just(Usage(1)), st.just(((Reason.UNTYPED, 1),)))),
    st.frozensets(st.builds(Missing, st.just(DOCUMENT.id), chunks, st.just(0), st.just(3), st.just(Stage.ENTITIES),
                            st.just("why"), st.integers(1, 2)), max_size=2),
)  # fmt: skip
modest = settings(max_examples=60, deadline=None)


@modest
@given(fragments, fragments, fragments)
def test_union_is_associative_commutative_and_idempotent(a: Fragment, b: Fragment, c: Fragment) -> None:
    assert (a | b) | c == a | (b | c)
    assert a | b == b | a
    assert a | a == a
    assert a | Fragment() == a


@modest
@given(st.lists(fragments, max_size=5))
def test_the_fold_of_many_is_the_union_of_all(parts: list[Fragment]) -> None:
    assert Fragment.union(parts) == reduce(or_, parts, Fragment())


@modest
@given(
    st.lists(fragments, max_size=5).flatmap(lambda parts: st.tuples(st.just(parts), st.permutations([*parts, *parts])))
)
def test_neither_order_nor_repetition_shows_in_the_graph(orders: tuple[list[Fragment], list[Fragment]]) -> None:
    once, shuffled_twice = (assemble(Fragment.union([TYPED, *parts])) for parts in orders)
    assert once == shuffled_twice
    once.verify([DOCUMENT])


@modest
@given(fragments)
def test_nothing_that_was_found_is_thrown_away(found: Fragment) -> None:
    graph = assemble(TYPED | found)
    linked = {span for link in found.links for span in link.evidence}
    stated = {span for typing in found.typings for attribute in typing.attributes for span in attribute.evidence}
    voted = {iri for typing in found.typings for iri in typing.types}
    assert linked == {span for relation in graph.relations for span in relation.evidence}
    assert stated == {span for e in graph.entities for attribute in e.attributes for span in attribute.evidence}
    assert voted | {PERSON} == {iri for entity in graph.entities for iri in entity.types}
