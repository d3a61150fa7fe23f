from itertools import permutations

from lithograph.domain.ids import Iri
from lithograph.domain.voting import elect

A, B, C = Iri("urn:a"), Iri("urn:b"), Iri("urn:c")


def test_the_class_has_the_greatest_weight_of_first_votes() -> None:
    assert elect([((A, B), 0.9), ((B,), 0.5), ((B,), 0.5)]) == (B, A)


def test_further_types_follow_by_weight_and_nothing_is_lost() -> None:
    assert elect([((A, C), 0.9), ((A, B), 0.8)]) == (A, C, B)


def test_a_draw_is_settled_by_name() -> None:
    assert elect([((B,), 0.5), ((A,), 0.5)]) == (A, B)


def test_the_order_of_ballots_does_not_matter() -> None:
    ballots = [((B,), 0.1), ((B,), 0.2), ((B, C), 0.3), ((A,), 0.6)]  # 0.1 + 0.2 + 0.3 is 0.6 only in some orders
    assert len({elect(order) for order in permutations(ballots)}) == 1
