"""Workers, server and connections die at random, and every execution ends as if nobody had disturbed it."""

import pytest

from lithograph.testing.chaos import ChaosPlan, ChaosReport, chaos
from lithograph.testing.chaos.plan import Disturbance


def check(report: ChaosReport) -> None:
    assert not report.faults, "\n".join(report.lines)
    assert report.completed == report.plan.executions


def test_a_kill_a_crash_of_the_server_and_a_cut_change_nothing() -> None:
    schedule = ((0.0, Disturbance.KILL), (0.5, Disturbance.CUT), (1.0, Disturbance.CRASH))
    report = chaos(ChaosPlan(1.0, 1, 2, 6, 2, lease_seconds=1.5, latency=0.2, paragraphs=15, schedule=schedule))
    check(report)
    assert report.tally.done == dict.fromkeys((one for _, one in schedule), 1)
    assert sum(report.recoveries) > 0
    assert report.tally.cut > 0


@pytest.mark.heavy
def test_two_minutes_of_everything_change_nothing() -> None:
    report = chaos(ChaosPlan(seed=1), print)
    check(report)
    assert report.tally.done[Disturbance.CRASH] == 2
    assert report.tally.done[Disturbance.KILL] >= 5


def test_what_is_done_when_follows_from_the_seed() -> None:
    one, same, other = ChaosPlan(seed=1), ChaosPlan(seed=1), ChaosPlan(seed=2)
    assert (one.disturbances, one.lengths) == (same.disturbances, same.lengths)
    assert one.disturbances != other.disturbances
    assert all(0 <= at < one.seconds for at, _ in one.disturbances)
    assert [kind for _, kind in one.disturbances].count(Disturbance.CRASH) == 2
