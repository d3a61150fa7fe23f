from itertools import product

import pytest

from lithograph.durable.status import TRANSITIONS, Status, check_transition
from lithograph.errors import StateError

ALLOWED = {
    ("pending", "running"),
    ("pending", "cancelled"),
    ("running", "completed"),
    ("running", "completed_with_errors"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "suspended"),
    ("suspended", "running"),
    ("suspended", "cancelled"),
    ("suspended", "failed"),
    ("failed", "pending"),
    ("completed_with_errors", "pending"),
}


@pytest.mark.parametrize(("current", "wanted"), sorted(product(Status, Status)))
def test_only_the_drawn_transitions_are_allowed_and_others_name_both_states(current: Status, wanted: Status) -> None:
    if (current, wanted) in ALLOWED:
        check_transition("execution_1", current, wanted)
        return
    with pytest.raises(StateError, match=f"execution_1 is {current} and cannot become {wanted}$"):
        check_transition("execution_1", current, wanted)


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_an_execution_that_has_ended_becomes_nothing_but_pending_by_retry() -> None:
    ended = {status for status in Status if status.terminal}
    assert ended == {Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED, Status.CANCELLED}
    for status in ended:
        assert TRANSITIONS[status] == ({Status.PENDING} if status.retriable else set())
