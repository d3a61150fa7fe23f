"""An extraction killed, or frozen, at any instant ends as one that nobody disturbed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.crash.conftest import CONCURRENCY, NewRun

from lithograph.durable.crashpoints import Moment, Transaction
from lithograph.durable.status import Status
from lithograph.testing.crash import CrashError, CrashRun, random_instants
from lithograph.testing.crash_child import Exit
from lithograph.testing.crash_report import CrashReport
from lithograph.testing.freeze import Freeze, freeze

LEASE = 1.0
CLAIMED = f"{Transaction.CLAIM}.{Moment.AFTER}"
LATENCY = 0.02
"""Long enough that most of a run is waiting for answers, as it is with a model."""


@pytest.fixture(scope="session")
def slow(new_run: NewRun) -> CrashReport:
    return new_run(latency=LATENCY).undisturbed()


def check(report: CrashReport, undisturbed: CrashReport) -> None:
    assert report.differences(undisturbed) == []
    assert all(len(keys) <= CONCURRENCY for keys in report.in_flight)
    assert sum(report.paid_twice.values()) <= sum(len(keys) for keys in report.in_flight)


def killed(run: CrashRun, instants: tuple[float, float], since: str) -> CrashReport:
    return run.killed_after(instants, since=since)


def kill_often(new_run: NewRun, undisturbed: CrashReport, kills: int, seed: int) -> None:
    """Kill so many processes, of as many runs as it takes: two one after the other in each, two runs at a time.

    In one of the two runs they are killed at any time after they begin, in the other after they have claimed, so that
    most of the kills find questions in flight however busy the machine is.
    """
    instants = iter(random_instants(undisturbed.seconds(), 4 * kills, seed))
    pairs = zip(instants, instants, strict=True)
    deaths = 0
    with ThreadPoolExecutor(2) as pool:
        for both in zip(pairs, pairs, strict=True):
            runs = [new_run(latency=LATENCY) for _ in both]
            for report in pool.map(killed, runs, both, ("", CLAIMED)):
                check(report, undisturbed)
                deaths += report.deaths
            if deaths >= kills:
                return
    pytest.fail(f"only {deaths} processes could be killed before they had ended")


def test_killed_at_random_fifty_times(new_run: NewRun, slow: CrashReport) -> None:
    kill_often(new_run, slow, kills=50, seed=2)


@pytest.mark.heavy
def test_killed_at_random_two_hundred_times(new_run: NewRun, slow: CrashReport) -> None:
    kill_often(new_run, slow, kills=200, seed=3)


@pytest.mark.heavy
def test_two_hundred_chunks_killed_five_times_in_a_row(new_run: NewRun) -> None:
    undisturbed = new_run(200, latency=LATENCY).undisturbed()
    instants = random_instants(undisturbed.seconds(CLAIMED) / 3, 5, seed=4)
    report = new_run(200, latency=LATENCY).killed_after(instants, since=CLAIMED)
    check(report, undisturbed)
    assert report.deaths == report.recoveries == 5
    assert any(report.in_flight)
    assert report.execution.status is Status.COMPLETED


def check_freeze(freeze: Freeze, undisturbed: CrashReport) -> None:
    assert freeze.ending.status == Exit.FENCED, freeze.ending
    assert "no longer this worker's" in freeze.ending.said
    assert freeze.honoured
    assert freeze.silent
    check(freeze.report, undisturbed)


def frozen(run: CrashRun, undisturbed: CrashReport, *, seed: int, early: bool) -> Freeze | None:
    """Freeze at random; None when the process had ended before."""
    (instant,) = random_instants(undisturbed.seconds(CLAIMED) * 0.9, 1, seed)
    try:
        return freeze(run, instant, early=early)
    except CrashError as error:
        if "before it could be frozen" not in str(error):
            raise
        return None


@pytest.mark.parametrize("early", [True, False])
def test_frozen_past_its_lease(early: bool, new_run: NewRun, slow: CrashReport) -> None:
    run = new_run(latency=LATENCY, lease=LEASE)
    check_freeze(freeze(run, slow.seconds(CLAIMED) / 2, early=early), slow)


@pytest.mark.heavy
def test_frozen_at_random_thirty_times(new_run: NewRun, slow: CrashReport) -> None:
    found = 0
    for seed in range(60):
        result = frozen(new_run(latency=LATENCY, lease=LEASE), slow, seed=seed, early=seed % 2 == 0)
        if result is not None:
            check_freeze(result, slow)
            found += 1
        if found == 30:
            return
    pytest.fail(f"only {found} processes could be frozen before they had ended")
