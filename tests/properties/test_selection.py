"""The overlaps that selection settles are settled in the best way there is."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from lithograph.domain.document import Document, Span
from lithograph.extraction.select import heaviest

DOCUMENT = Document.from_text("x" * 12)
Item = tuple[int, int, int]
items = st.lists(
    st.tuples(st.integers(0, 10), st.integers(1, 6), st.integers(1, 5)), max_size=8, unique_by=lambda item: item[:2]
)


def span(item: Item) -> Span:
    return DOCUMENT.span(item[0], min(item[0] + item[1], 12))


def weight(item: Item) -> float:
    return float(item[2])


def total(chosen: tuple[Item, ...] | list[Item]) -> float:
    return sum(map(weight, chosen))


def free_of_overlaps(chosen: tuple[Item, ...] | list[Item]) -> bool:
    return not any(span(one).overlaps(span(other)) for one, other in combinations(chosen, 2))


@settings(max_examples=100, deadline=None)
@given(items)
def test_no_set_without_overlaps_is_heavier(found: list[Item]) -> None:
    kept = heaviest(found, span, weight)
    every = (chosen for size in range(len(found) + 1) for chosen in combinations(found, size))
    assert free_of_overlaps(kept)
    assert total(kept) == max(total(chosen) for chosen in every if free_of_overlaps(chosen))
    assert kept == sorted(kept, key=span)


@settings(max_examples=100, deadline=None)
@given(items.flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_items_does_not_matter(orders: tuple[list[Item], list[Item]]) -> None:
    one, other = (list(map(span, heaviest(found, span, weight))) for found in orders)
    assert one == other
