"""One run of chaos, from an empty server to the verdict."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

from lithograph.domain.ids import ExecutionId
from lithograph.durable.clock import Clock
from lithograph.durable.database_clock import clock_of
from lithograph.durable.executions import Execution, get
from lithograph.durable.status import Status
from lithograph.errors import StorageError
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.chaos.crew import Crew
from lithograph.testing.chaos.model import WatchedModel, watched_model
from lithograph.testing.chaos.plan import ChaosPlan
from lithograph.testing.chaos.postgres import OwnPostgres, own_postgres
from lithograph.testing.chaos.report import ChaosReport
from lithograph.testing.chaos.scene import Scene
from lithograph.testing.chaos.verdict import astray, evidence, faults_of, jobs_left
from lithograph.testing.chaos.work import (
    Piece,
    Undisturbed,
    pieces_of,
    results_of,
    rows_by_organization,
    undisturbed,
)
from lithograph.testing.faults import FaultProxy, target_of
from lithograph.testing.workers import WorkerProcess

_LOOK: Final = 0.1
"""Seconds between two looks at what is to be done."""
_PATIENCE: Final = 90.0
"""Seconds after the last disturbance within which everything must have ended."""
_TIDY: Final = 30.0
"""Seconds after the last execution within which the queue must be empty: a dead worker's jobs are kept for a while."""
_AT_FIRST: Final = 0.6
"""The share of the documents that is there from the beginning; the others come one by one."""
_UNTIL: Final = 0.75
"""The share of the time in which they have come."""
_SHOWN: Final = 3
"""Executions whose events are shown when something is wrong with them."""


def _keep_quiet(line: str) -> None:
    """Tell nobody."""


def chaos(plan: ChaosPlan, tell: Callable[[str], None] = _keep_quiet) -> ChaosReport:
    """Carry out a plan and return what came of it; `tell` is given a line for whatever is done.

    Raises `UsageError` where no PostgreSQL can be had.
    """
    with ExitStack() as stack:
        model, model_url = stack.enter_context(watched_model(plan.latency))
        server = stack.enter_context(own_postgres())
        wire = stack.enter_context(FaultProxy(target_of(server.url), seed=plan.seed))
        options = (f"--concurrency={plan.calls}", "--executions=6")
        make = partial(WorkerProcess, wire.url(server.url), plan.lease_seconds, options)
        crew = stack.enter_context(Crew(plan.workers, make))
        pieces = pieces_of(plan, model_url)
        expected = undisturbed(pieces)
        needed = model.stats().requests
        tell(f"undisturbed, these are {needed} calls to the model")
        model.reset()
        storage = stack.enter_context(open_storage(server.url, create=False))
        while not crew.ready:
            crew.look()
            time.sleep(_LOOK)
        scene = Scene(plan, server, wire, model, crew, tell)
        return _Run(plan, server, storage, model, crew, scene, pieces, expected, needed, tell).report()


@dataclass(slots=True)
class _Run:
    plan: ChaosPlan
    server: OwnPostgres
    storage: Storage
    model: WatchedModel
    crew: Crew
    scene: Scene
    pieces: Sequence[Piece]
    expected: Undisturbed
    needed: int
    tell: Callable[[str], None]
    started: dict[ExecutionId, Execution] = field(default_factory=dict)
    faults: list[tuple[ExecutionId | None, str]] = field(default_factory=list)

    def report(self) -> ChaosReport:
        """Let everything happen, and judge it."""
        self._hand_in()
        seconds = self._until_ended()
        self._until_tidy()
        self.crew.dismiss()
        self.faults += [(None, trouble) for trouble in self.crew.troubles]
        served = self.model.stats().requests
        found = Undisturbed(results_of(self.storage, self._there()), rows_by_organization(self.storage, self.pieces))
        self.faults += faults_of(found, self.expected)
        self.faults += [(None, fault) for fault in astray(self.server.administrator)]
        if served - self.needed > self.scene.tally.excused:
            self.faults.append((None, f"{served - self.needed} calls were paid again: more than were in flight"))
        executions = [one for rows in found.rows.values() for one in rows.executions.values()]
        return ChaosReport(
            self.plan,
            self.scene.tally,
            seconds,
            sum(one.status is Status.COMPLETED for one in executions),
            [one.recovery_count for one in executions],
            sum(max(0, one.epoch - 1 - one.recovery_count) for one in executions),
            self.needed,
            served,
            self.crew.started,
            self.crew.stops,
            len(self.crew.said),
            [f"{execution or ''} {fault}".strip() for execution, fault in self.faults],
            self._evidence(),
        )

    def _hand_in(self) -> None:
        """Start what is there from the beginning, and have the others come later."""
        clock = clock_of(self.storage)
        waiting = iter(self.pieces)
        for piece in islice(waiting, round(len(self.pieces) * _AT_FIRST)):
            self._submit(piece, clock)
        rest = list(waiting)
        for number, piece in enumerate(rest):
            at = self.plan.seconds * _UNTIL * (number + 1) / (len(rest) + 1)
            self.scene.after(at, partial(self._submit, piece, clock))

    def _submit(self, piece: Piece, clock: Clock) -> None:
        try:
            execution = piece.start(self.storage, clock)
        except StorageError:
            self.scene.after(self.scene.elapsed + 0.5, partial(self._submit, piece, clock))
        else:
            self.started[execution.id] = execution

    def _until_ended(self) -> float:
        """Return when every execution has ended, or will not: then it is stuck. Returns the seconds since the start."""
        calm: float | None = None
        while True:
            self.scene.look()
            if self.scene.over:
                calm = calm or self.scene.elapsed
                open_ = self._open()
                if not open_:
                    return self.scene.elapsed
                if self.scene.elapsed > calm + _PATIENCE:
                    self.faults += [(one.id, f"it is stuck: {one.status}") for one in open_]
                    return self.scene.elapsed
            time.sleep(_LOOK)

    def _until_tidy(self) -> None:
        until = time.monotonic() + _TIDY
        while left := jobs_left(self.storage):
            self.scene.look()
            if time.monotonic() > until:
                self.faults += [(ExecutionId(one), f"a job is left: {how}, of {who}") for one, how, who in left]
                return
            time.sleep(_LOOK)

    def _open(self) -> list[Execution]:
        return [one for one in self._there() if not one.status.terminal]

    def _there(self) -> list[Execution]:
        """Return every execution as it is now."""
        found = []
        for one in self.started.values():
            with self.storage.read(one.organization_id) as connection:
                found.append(get(connection, one.organization_id, one.id))
        return found

    def _evidence(self) -> list[str]:
        whose = {one.id: one.organization_id for one in self.started.values()}
        shown = list(dict.fromkeys(execution for execution, _ in self.faults if execution is not None))[:_SHOWN]
        lines: list[str] = []
        for execution in shown:
            lines += [f"-- {execution}", *evidence(self.storage, whose, execution)]
        return lines
