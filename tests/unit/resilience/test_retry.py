import random
from collections.abc import Mapping

import pytest

from lithograph.errors import UsageError
from lithograph.resilience.retry import RetryPolicy


class Most(random.Random):
    """Draws the upper bound, always."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_waits_double_up_to_the_longest() -> None:
    policy = RetryPolicy(retries=9)
    assert [policy.wait(attempt, Most()) for attempt in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_wait_may_be_anything_from_nothing_to_its_bound() -> None:
    chance = random.Random(0)
    drawn = [RetryPolicy().wait(3, chance) for _ in range(200)]
    assert 0 <= min(drawn) < 0.1
    assert 3.9 < max(drawn) <= 4


@pytest.mark.parametrize("wrong", [{"retries": -1}, {"first": -0.1}, {"longest": -1.0}])
def test_a_negative_policy_is_refused(wrong: Mapping[str, int]) -> None:
    with pytest.raises(UsageError, match="negative"):
        RetryPolicy(**wrong)
