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


@pytest.fixture(scope="session")
def slow_on_server(new_server_run: NewRun) -> CrashReport:
    return new_server_run(latency=LATENCY).undisturbed()


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


def test_killed_at_random_ten_times_on_a_server(new_server_run: NewRun, slow_on_server: CrashReport) -> None:
    kill_often(new_server_run, slow_on_server, kills=10, seed=5)


@pytest.mark.heavy
def test_killed_at_random_fifty_times_on_a_server(new_server_run: NewRun, slow_on_server: CrashReport) -> None:
    kill_often(new_server_run, slow_on_server, kills=50, seed=6)


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


def frozen(run: CrashRun, instant: float, *, early: bool) -> Freeze | None:
    """Freeze a process; None when it had ended before."""
    try:
        return freeze(run, instant, early=early)
    except CrashError as error:
        if "before it could be frozen" not in str(error):
            raise
        return None


def freeze_half_way(new_run: NewRun, undisturbed: CrashReport, *, early: bool) -> None:
    """Freeze about half-way; earlier, when the machine was so much slower for the run that nobody disturbed."""
    for part in (2, 4, 8, 16):
        instant = undisturbed.seconds(CLAIMED) / part
        result = frozen(new_run(latency=LATENCY, lease=LEASE, nursery=None), instant, early=early)
        if result is not None:
            check_freeze(result, undisturbed)
            return
    pytest.fail("no process could be frozen before it had ended")


@pytest.mark.parametrize("early", [True, False])
def test_frozen_past_its_lease(early: bool, new_run: NewRun, slow: CrashReport) -> None:
    freeze_half_way(new_run, slow, early=early)


@pytest.mark.parametrize("early", [True, False])
def test_frozen_past_its_lease_on_a_server(early: bool, new_server_run: NewRun, slow_on_server: CrashReport) -> None:
    freeze_half_way(new_server_run, slow_on_server, early=early)


def freeze_often(new_run: NewRun, undisturbed: CrashReport, freezes: int) -> None:
    found = 0
    instants = random_instants(undisturbed.seconds(CLAIMED) * 0.9, 2 * freezes, seed=7)
    for number, instant in enumerate(instants):
        result = frozen(new_run(latency=LATENCY, lease=LEASE, nursery=None), instant, early=number % 2 == 0)
        if result is not None:
            check_freeze(result, undisturbed)
            found += 1
        if found == freezes:
            return
    pytest.fail(f"only {found} processes could be frozen before they had ended")


@pytest.mark.heavy
def test_frozen_at_random_thirty_times(new_run: NewRun, slow: CrashReport) -> None:
    freeze_often(new_run, slow, 30)


@pytest.mark.heavy
def test_frozen_at_random_ten_times_on_a_server(new_server_run: NewRun, slow_on_server: CrashReport) -> None:
    freeze_often(new_server_run, slow_on_server, 10)
