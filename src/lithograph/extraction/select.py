"""Select: settle overlaps. The set of spans that is kept is the heaviest one without an overlap."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from lithograph.domain.document import Span

T = TypeVar("T")


def heaviest(items: Sequence[T], span: Callable[[T], Span], weight: Callable[[T], float]) -> list[T]:
    """Return the items of greatest total weight of which no two overlap, in order of their spans.

    Weighted interval scheduling (Kleinberg and Tardos, Algorithm Design, 6.1), in n log n. All spans lie in one
    document. Of equally heavy sets the one that keeps the earlier-ending, earlier-starting items is returned, whatever
    the order of `items`.
    """
    ordered = sorted(items, key=lambda item: (span(item).end, span(item).start))
    ends = [span(item).end for item in ordered]
    before = [bisect_right(ends, span(item).start, 0, index) for index, item in enumerate(ordered)]
    best = [0.0]
    for index, item in enumerate(ordered):
        best.append(max(best[index], weight(item) + best[before[index]]))
    kept: list[T] = []
    index = len(ordered)
    while index:
        if best[index] > best[index - 1]:
            kept.append(ordered[index - 1])
            index = before[index - 1]
        else:
            index -= 1
    return kept[::-1]
