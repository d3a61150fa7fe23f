"""An execution that kills whoever runs it is given up, with a sentence, and can be retried."""

from tests.crash.conftest import NewRun

from lithograph.durable.executions import POISON_LIMIT
from lithograph.durable.status import Status
from lithograph.testing.crash_child import Control, Exit
from lithograph.testing.crash_report import CrashReport


def test_an_activity_that_always_kills_fails_the_execution(new_run: NewRun, undisturbed: CrashReport) -> None:
    question = max(entry.key for entry in undisturbed.ledger if entry.key.startswith("relations/"))
    run = new_run()
    report, ending = run.killed_by(question)
    assert report.deaths == POISON_LIMIT + 1
    assert report.recoveries == POISON_LIMIT
    assert report.execution.status is Status.FAILED
    assert ending.status == Exit.FAILED
    assert f"recovered {POISON_LIMIT} times" in ending.said
    assert f"litho retry {report.execution.id}" in ending.said
    assert report.execution.error is not None
    assert report.execution.error in ending.said
    assert report.contents.gapless
    assert report.paid_needlessly == {}

    retried = run.end(run.start(control=Control.RETRY))
    assert retried.status == Exit.DONE, retried
    healed = run.report()
    assert healed.differences(undisturbed) == []
    assert healed.recoveries == 0
