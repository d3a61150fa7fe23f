"""A worker that sleeps past its lease: frozen as it works, overtaken by another, thawed, and fenced off."""

import os
import signal
from dataclasses import dataclass
from hashlib import sha256
from subprocess import Popen
from typing import Final

from sqlalchemy import select

from lithograph.domain.ids import DEFAULT_ORGANIZATION
from lithograph.storage.schema import metadata, workflow_event
from lithograph.testing.crash import CrashError, CrashRun, Ending, Process
from lithograph.testing.crash_child import Exit
from lithograph.testing.crash_report import Contents, CrashReport

_TOO_LATE: Final = "the process had ended before it could be frozen"


@dataclass(frozen=True, slots=True)
class Freeze:
    """What became of a worker that slept past its lease."""

    report: CrashReport
    ending: Ending
    """How it ended, once it was thawed."""
    honoured: bool
    """Whether nobody took the execution before its lease had run out."""
    silent: bool
    """Whether it wrote nothing to the execution after that was taken."""


def freeze(run: CrashRun, instant: float, *, early: bool) -> Freeze:
    """Freeze a process `instant` seconds after it claimed the execution, let another take over, and thaw the first.

    It is thawed as soon as the other has taken over when `early` is true, else when that has ended. Raises
    `CrashError` when it had ended before it could be frozen.
    """
    first = run.start(sole=False)
    run.wait(first, instant, since="claim.after")
    _stop(run, first)
    held = run.look()
    if held.executions[0].status.terminal:  # it was about to leave
        first.send_signal(signal.SIGCONT)
        run.end(first)
        raise CrashError(_TOO_LATE)
    second = run.start(sole=False)
    run.until(lambda: run.entry(second.pid, "claim.after") is not None, second)
    other = None if early else run.end(second)
    before = None if early else _everything(run)
    first.send_signal(signal.SIGCONT)
    ending = run.end(first)
    silent = before in (None, _everything(run))
    other = other or run.end(second)
    if other.status != Exit.DONE:
        raise CrashError(f"the process that took over did not end well: {other}")
    run.in_flight.append(run.unfinished(first.pid, held))
    report = run.report()
    honoured = _taken_at(run, held.executions[0].epoch + 1) >= (held.executions[0].lease_expires_at or "")
    return Freeze(report, ending, honoured, silent and not _late(held, report.contents))


def _stop(run: CrashRun, process: Process) -> None:
    """Freeze a process at a moment at which it does not hold a lock: it would keep it."""
    if not isinstance(process, Popen):
        raise CrashError("only a child of this process can be frozen, and not one of a nursery")
    while True:
        process.send_signal(signal.SIGSTOP)
        ended = process.returncode is not None
        stopped = None if ended else os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if stopped is None or stopped.si_code != os.CLD_STOPPED:
            raise CrashError(_TOO_LATE)
        if run.free():
            return
        process.send_signal(signal.SIGCONT)


def _taken_at(run: CrashRun, epoch: int) -> str:
    """Return when the execution was claimed in an epoch, as ISO 8601 in UTC."""
    c = workflow_event.c
    with run.opened() as storage, storage.read(DEFAULT_ORGANIZATION) as connection:
        claims = connection.execute(select(c.payload, c.created_at).where(c.type == "execution.recovered"))
        return next((at for payload, at in claims if payload["epoch"] == epoch), "")


def _late(held: Contents, ended: Contents) -> list[str]:
    """Return the activities that were written in the frozen worker's epoch after it was frozen."""
    epoch = held.executions[0].epoch
    return [
        name
        for (execution, name), row in ended.activities.items()
        if row.epoch == epoch and held.activities.get((execution, name)) != row
    ]


def _everything(run: CrashRun) -> str:
    """Return a hash of every row of every table."""
    state = sha256()
    with run.opened() as storage, storage.read(DEFAULT_ORGANIZATION) as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table).order_by(*table.primary_key)):
                state.update(repr(tuple(row)).encode())
    return state.hexdigest()
