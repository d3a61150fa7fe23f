from math import log

import pytest
from benchmarks.metrics import BCubed, Score, Share, b_cubed, harmonic, pairwise, ratio, slope


def test_a_share_of_nothing_is_nothing() -> None:
    assert ratio(0, 0) == 0
    assert Share().value == 0
    assert harmonic(0, 0) == 0
    assert (Score().precision, Score().recall, Score().f1) == (0, 0, 0)
    assert BCubed().f1 == 0


def test_a_score_compares_sets() -> None:
    score = Score.of(["a", "b", "b", "c"], ["b", "c", "d", "e", "f"])
    assert score == Score(right=2, predicted=3, expected=5)
    assert score.precision == pytest.approx(2 / 3)
    assert score.recall == pytest.approx(2 / 5)
    assert score.f1 == pytest.approx(2 * 2 / (3 + 5))


def test_scores_and_shares_add_up_to_micro_averages() -> None:
    assert Score(1, 1, 2) + Score(0, 3, 2) == Score(1, 4, 4)
    assert (Share(1, 2) + Share(2, 2)).value == 0.75


def test_pairwise_counts_pairs_that_are_together() -> None:
    # Predicted {0 1 2} {3 4}: 4 pairs. Gold {0 1} {2 3 4}: 4 pairs. Together in both: 01 and 34.
    assert pairwise("aaabb", "xxyyy") == Score(right=2, predicted=4, expected=4)


def test_pairwise_of_singletons_has_no_pairs() -> None:
    assert pairwise("abc", "xyz") == Score(0, 0, 0)


def test_b_cubed_averages_over_items() -> None:
    # Precisions: 0, 1: 2/3; 2: 1/3; 3, 4: 1. Recalls: 0, 1: 1; 2: 1/3; 3, 4: 2/3.
    score = b_cubed("aaabb", "xxyyy")
    assert score.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)
    assert score.recall == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)
    assert score.items == 5


def test_one_cluster_of_everything_has_full_recall() -> None:
    score = b_cubed("aaaa", "wxyz")
    assert (score.precision, score.recall) == (0.25, 1.0)
    assert score.f1 == pytest.approx(0.4)


def test_b_cubed_adds_up_over_items() -> None:
    both = b_cubed("aa", "xx") + b_cubed("aaaa", "wxyz")
    assert both.precision == pytest.approx((2 * 1 + 4 * 0.25) / 6)


def test_clusterings_of_different_items_are_an_error() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        pairwise("aab", "xx")


def test_the_slope_of_logarithms_is_the_exponent() -> None:
    sizes = [1.0, 4.0, 16.0]
    assert slope([log(x) for x in sizes], [log(3 * x**1.5) for x in sizes]) == pytest.approx(1.5)
    assert slope([1, 2, 4], [5, 5, 5]) == 0
