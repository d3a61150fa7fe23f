"""Measures of extraction quality: pure functions of labels and sets.

Every measure is a value of counts that can be added up, so that a figure over many documents is a micro average:
`Score` for precision and recall over sets, `Share` for a part of a whole, `BCubed` for a clustering. A share of nothing
is 0.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Self


def ratio(part: float, whole: float) -> float:
    """Return `part / whole`, and 0 of nothing."""
    return part / whole if whole else 0.0


def harmonic(one: float, other: float) -> float:
    """Return the harmonic mean of a precision and a recall: F1."""
    return ratio(2 * one * other, one + other)


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`."""

    part: int = 0
    whole: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(self.part + other.part, self.whole + other.whole)

    @property
    def value(self) -> float:
        """The share, from 0 to 1."""
        return ratio(self.part, self.whole)


@dataclass(frozen=True, slots=True)
class Score:
    """Of `expected` things and `predicted` things, `right` are the same."""

    right: int = 0
    predicted: int = 0
    expected: int = 0

    @classmethod
    def of(cls, predicted: Iterable[Hashable], expected: Iterable[Hashable]) -> Self:
        """Return how far two sets agree."""
        ours, theirs = set(predicted), set(expected)
        return cls(len(ours & theirs), len(ours), len(theirs))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.right + other.right, self.predicted + other.predicted, self.expected + other.expected)

    @property
    def precision(self) -> float:
        """The share of predictions that are right."""
        return ratio(self.right, self.predicted)

    @property
    def recall(self) -> float:
        """The share of what was expected that was predicted."""
        return ratio(self.right, self.expected)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return harmonic(self.precision, self.recall)


@dataclass(frozen=True, slots=True)
class BCubed:
    """Sums, over items, of each item's own precision and recall."""

    precisions: float = 0.0
    recalls: float = 0.0
    items: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(self.precisions + other.precisions, self.recalls + other.recalls, self.items + other.items)

    @property
    def precision(self) -> float:
        """The mean over items of the share of an item's predicted cluster that belongs with it."""
        return ratio(self.precisions, self.items)

    @property
    def recall(self) -> float:
        """The mean over items of the share of an item's gold cluster that was put with it."""
        return ratio(self.recalls, self.items)

    @property
    def f1(self) -> float:
        """The harmonic mean of the two means."""
        return harmonic(self.precision, self.recall)


def pairwise(predicted: Sequence[Hashable], gold: Sequence[Hashable]) -> Score:
    """Return how far two clusterings of the same items agree on which pairs of items belong together.

    `predicted[i]` and `gold[i]` are the clusters of item i.
    """
    both = Counter(zip(predicted, gold, strict=True))
    return Score(_pairs(both), _pairs(Counter(predicted)), _pairs(Counter(gold)))


def b_cubed(predicted: Sequence[Hashable], gold: Sequence[Hashable]) -> BCubed:
    """Return B-cubed of two clusterings of the same items (Bagga and Baldwin, 1998); every item weighs the same."""
    both = Counter(zip(predicted, gold, strict=True))
    ours, theirs = Counter(predicted), Counter(gold)
    return BCubed(
        sum(count * count / ours[one] for (one, _), count in both.items()),
        sum(count * count / theirs[other] for (_, other), count in both.items()),
        len(predicted),
    )


def _pairs(sizes: Counter[Hashable] | Counter[tuple[Hashable, Hashable]]) -> int:
    return sum(comb(size, 2) for size in sizes.values())


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the slope of the least-squares line through the points; of logarithms, the exponent of a power law."""
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return ratio(
        sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)),
        sum((a - x) ** 2 for a in xs),
    )
