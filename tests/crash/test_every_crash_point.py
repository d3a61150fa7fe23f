"""An extraction killed at every crash point ends as one that nobody disturbed."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.crash.conftest import CONCURRENCY, Runs

import lithograph
from lithograph.durable.crashpoints import CRASH_POINTS, Transaction
from lithograph.durable.status import Status
from lithograph.testing.crash_child import Control
from lithograph.testing.crash_report import CrashReport


def points(*transactions: Transaction) -> list[str]:
    return [point for point in CRASH_POINTS if point.partition(".")[0] in transactions]


WORK = points(Transaction.START, Transaction.CLAIM, Transaction.JOURNAL, Transaction.FINISH)
JOURNAL, OUTSIDE, PRUNING = points(Transaction.JOURNAL), points(Transaction.CONTROL), points(Transaction.PRUNE)
QUEUE = points(Transaction.QUEUE)
Killed = Mapping[tuple[Control, str], Future[CrashReport]]


def check(report: CrashReport, undisturbed: CrashReport, *, deaths: int = 1) -> None:
    assert report.differences(undisturbed) == []
    assert report.deaths == deaths
    assert all(len(keys) <= CONCURRENCY for keys in report.in_flight)
    assert sum(report.paid_twice.values()) <= CONCURRENCY * deaths
    assert report.begun - undisturbed.begun == sum(report.paid_twice.values())


def test_an_undisturbed_run_pays_once_and_completes_everything_once(runs: Runs, undisturbed: CrashReport) -> None:
    found = runs.undisturbed
    assert found.execution.status is Status.COMPLETED
    assert found.contents.gapless
    assert found.begun == found.ended == len(found.contents.activities)
    assert found.recoveries == 0
    assert set(found.contents.completions) == set(found.contents.activities)
    assert set(Counter(found.contents.completions).values()) == {1}
    assert found.canonical == undisturbed.canonical


@pytest.fixture(scope="module")
def killed(runs: Runs) -> Iterator[Killed]:
    """The runs that are killed once, some at a time: on a server most of the time is waiting for leases."""
    cases = [(Control.NOTHING, point) for point in WORK]
    cases += [(control, point) for control in (Control.CANCEL, Control.RETRY) for point in OUTSIDE]
    cases += [(Control.PRUNE, point) for point in PRUNING]
    with ThreadPoolExecutor(3 if runs.on_server else 2) as pool:
        found = {(control, point): pool.submit(runs.new(control=control).killed_at, point) for control, point in cases}
        if runs.on_server:
            found |= {(Control.SWEEP, point): pool.submit(runs.new().killed_sweeping, point) for point in QUEUE}
        yield found


@pytest.mark.parametrize("point", WORK)
def test_killed_where_it_is_first_passed(point: str, killed: Killed, runs: Runs) -> None:
    check(killed[Control.NOTHING, point].result(), runs.undisturbed)


@pytest.mark.parametrize("point", JOURNAL)
def test_killed_in_the_middle_of_the_journal(point: str, runs: Runs) -> None:
    report = runs.new().killed_at(point, passing=max(2, runs.undisturbed.passed[point] // 2))
    check(report, runs.undisturbed)
    assert report.recoveries == 1


@pytest.mark.parametrize("control", [Control.CANCEL, Control.RETRY])
@pytest.mark.parametrize("point", OUTSIDE)
def test_killed_while_it_is_changed_from_outside(point: str, control: Control, killed: Killed, runs: Runs) -> None:
    report = killed[control, point].result()
    assert report.canonical == runs.undisturbed.canonical
    assert report.contents.gapless
    assert report.deaths == 1
    assert sorted(report.contents.activities) == sorted(runs.controlled[control].contents.activities)
    statuses = [execution.status for execution in report.contents.executions]
    assert statuses == [execution.status for execution in runs.controlled[control].contents.executions]


@pytest.mark.parametrize("point", PRUNING)
def test_killed_while_what_another_text_has_left_is_pruned(point: str, killed: Killed, runs: Runs) -> None:
    report = killed[Control.PRUNE, point].result()
    check(report, runs.undisturbed)
    assert len(report.contents.executions) == len(runs.controlled[Control.PRUNE].contents.executions) == 1


@pytest.mark.parametrize("point", QUEUE)
def test_killed_while_a_sweep_finds_what_another_has_left(point: str, killed: Killed, runs: Runs) -> None:
    if not runs.on_server:
        pytest.skip("a file has no queue")
    check(killed[Control.SWEEP, point].result(), runs.undisturbed, deaths=2)


def test_every_transaction_is_passed_by_some_run(runs: Runs, killed: Killed) -> None:
    passed = set(runs.undisturbed.passed).union(*(report.passed for report in runs.controlled.values()))
    passed.update(*(future.result().passed for (control, _), future in killed.items() if control is Control.SWEEP))
    assert passed == set(CRASH_POINTS) - (set() if runs.on_server else set(QUEUE))


def test_nothing_is_written_but_in_a_named_transaction() -> None:
    """So that no write can escape the crash tests: the journal's own commits pass their points themselves."""
    package = Path(lithograph.__file__).parent
    bare = re.compile(r"storage\.write\(|\.begin\(\)|BEGIN I|pipeline\.put\(")
    found = {
        f"{path.name}: {line.strip()}"
        for folder in ("durable", "workflow", "graph", "extraction", "resolution", "service", "cli")
        for path in (package / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if bare.search(line)
    }
    assert found == {
        "crashpoints.py: with storage.write(organization_id) as connection:",
        'commit_sqlite.py: cursor.execute("BEGIN IMMEDIATE")',
        "attempt_postgres.py: message = yield from pipeline.put()",
        # How the doctor sees whether it could write: it is rolled back.
        "file.py: with suppress(_NotKeptError), storage.write(DEFAULT_ORGANIZATION):",
    }
