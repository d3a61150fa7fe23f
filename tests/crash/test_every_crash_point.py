"""An extraction killed at every crash point ends as one that nobody disturbed."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.crash.conftest import CONCURRENCY, NewRun

import lithograph
from lithograph.durable.crashpoints import CRASH_POINTS, Transaction
from lithograph.durable.status import Status
from lithograph.testing.crash_child import Control
from lithograph.testing.crash_report import CrashReport

WORK = [point for point in CRASH_POINTS if not point.startswith(Transaction.CONTROL)]
OUTSIDE = [point for point in CRASH_POINTS if point.startswith(Transaction.CONTROL)]
Killed = Mapping[tuple[Control, str], Future[CrashReport]]
JOURNAL = [point for point in CRASH_POINTS if point.startswith(Transaction.JOURNAL)]


def check(report: CrashReport, undisturbed: CrashReport) -> None:
    assert report.differences(undisturbed) == []
    assert report.deaths == 1
    assert all(len(keys) <= CONCURRENCY for keys in report.in_flight)
    assert sum(report.paid_twice.values()) <= CONCURRENCY
    assert report.begun - undisturbed.begun == sum(report.paid_twice.values())


def test_an_undisturbed_run_pays_once_and_completes_everything_once(undisturbed: CrashReport) -> None:
    assert undisturbed.execution.status is Status.COMPLETED
    assert undisturbed.contents.gapless
    assert undisturbed.begun == undisturbed.ended == len(undisturbed.contents.activities)
    assert undisturbed.recoveries == 0
    assert set(undisturbed.contents.completions) == set(undisturbed.contents.activities)
    assert set(Counter(undisturbed.contents.completions).values()) == {1}


@pytest.fixture(scope="module")
def killed(new_run: NewRun) -> Iterator[Killed]:
    """The runs that are killed once, two of them at a time."""
    cases = [(Control.NOTHING, point) for point in WORK]
    cases += [(control, point) for control in (Control.CANCEL, Control.RETRY) for point in OUTSIDE]
    with ThreadPoolExecutor(2) as pool:
        yield {(control, point): pool.submit(new_run(control=control).killed_at, point) for control, point in cases}


@pytest.mark.parametrize("point", WORK)
def test_killed_where_it_is_first_passed(point: str, killed: Killed, undisturbed: CrashReport) -> None:
    check(killed[Control.NOTHING, point].result(), undisturbed)


@pytest.mark.parametrize("point", JOURNAL)
def test_killed_in_the_middle_of_the_journal(point: str, new_run: NewRun, undisturbed: CrashReport) -> None:
    report = new_run().killed_at(point, passing=max(2, undisturbed.passed[point] // 2))
    check(report, undisturbed)
    assert report.recoveries == 1


@pytest.mark.parametrize("control", [Control.CANCEL, Control.RETRY])
@pytest.mark.parametrize("point", OUTSIDE)
def test_killed_while_it_is_changed_from_outside(
    point: str, control: Control, killed: Killed, controlled: dict[Control, CrashReport], undisturbed: CrashReport
) -> None:
    report = killed[control, point].result()
    assert report.canonical == undisturbed.canonical
    assert report.contents.gapless
    assert report.deaths == 1
    assert sorted(report.contents.activities) == sorted(controlled[control].contents.activities)
    statuses = [execution.status for execution in report.contents.executions]
    assert statuses == [execution.status for execution in controlled[control].contents.executions]


def test_every_transaction_is_passed_by_some_run(
    undisturbed: CrashReport, controlled: dict[Control, CrashReport]
) -> None:
    passed = set(undisturbed.passed).union(*(report.passed for report in controlled.values()))
    assert passed == set(CRASH_POINTS)


def test_nothing_is_written_but_in_a_named_transaction() -> None:
    """So that no write can escape the crash tests: the journal's own commits pass their points themselves."""
    package = Path(lithograph.__file__).parent
    bare = re.compile(r"storage\.write\(|\.begin\(\)|BEGIN IMMEDIATE")
    found = {
        f"{path.name}: {line.strip()}"
        for folder in ("durable", "workflow", "graph", "extraction", "resolution", "cli")
        for path in (package / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if bare.search(line)
    }
    assert found == {
        "crashpoints.py: with storage.write(organization_id) as connection:",
        'commit.py: cursor.execute("BEGIN IMMEDIATE")',
    }
