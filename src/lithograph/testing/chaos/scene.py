"""The scene: the crew, the server, the wire between them and the queue, and the hand that disturbs them."""

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Final

import psycopg

from lithograph.durable.executions import POISON_LIMIT
from lithograph.testing.chaos.crew import Crew, Place
from lithograph.testing.chaos.model import WatchedModel
from lithograph.testing.chaos.plan import ChaosPlan, Disturbance
from lithograph.testing.chaos.postgres import OwnPostgres
from lithograph.testing.faults import FaultProxy
from lithograph.testing.workers import WorkerProcess

SPARED_FROM: Final = POISON_LIMIT - 3
"""Recoveries of an execution from which on its worker is spared: one more death than the limit, and it is failed."""

_UNSURE: Final = 0.5
"""Seconds after which an answer that a worker was given is written, while its server is there."""

_ON_ITS_WAY: Final = 0.05
"""Seconds that a request takes to the model at most."""

_AGAIN, _FIND = 0.2, 15.0
"""Seconds between two looks for somebody to disturb, and for how long there are some."""

_LOSE: Final = """
DELETE FROM lithograph_queue.procrastinate_jobs WHERE id IN (
    SELECT id FROM lithograph_queue.procrastinate_jobs ORDER BY md5(id::text || %s) LIMIT (
        SELECT (count(*) + 1) / 2 FROM lithograph_queue.procrastinate_jobs))
"""
_DOUBLE: Final = """
INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)
SELECT queue_name, task_name, priority, args FROM procrastinate_jobs
"""


@dataclass(slots=True)
class Tally:
    """What was done: how often each disturbance, and how many calls may have been lost by all of them."""

    done: Counter[Disturbance] = field(default_factory=Counter)
    spared: int = 0
    """Disturbances that found nobody they could be done to."""
    cut: int = 0
    """Connections that were cut."""
    jobs_lost: int = 0
    jobs_doubled: int = 0
    away: float = 0.0
    """Seconds that the server was away."""
    excused: int = 0
    """Calls that were under way, or not yet written for certain, at every death, freeze and loss of the server."""


class Scene:
    """Does what the plan says, when it is time; nothing of it waits."""

    def __init__(
        self,
        plan: ChaosPlan,
        server: OwnPostgres,
        wire: FaultProxy,
        model: WatchedModel,
        crew: Crew,
        tell: Callable[[str], None],
    ) -> None:
        self._plan, self._server, self._wire, self._model = plan, server, wire, model
        self._crew, self._tell = crew, tell
        self._chance = random.Random(f"scene {plan.seed}")  # noqa: S311  # a test that can be repeated
        self._began = time.monotonic()
        self._order = count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._gone_since: float | None = None
        self._recovered: dict[str, int] = {}
        self.tally = Tally()
        for at, disturbance in plan.disturbances:
            self.after(at, partial(self._disturb, disturbance))

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def over(self) -> bool:
        """Whether everything has been done."""
        return not self._agenda

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Have something done so many seconds after the beginning."""
        heapq.heappush(self._agenda, (seconds, next(self._order), what))

    def look(self) -> None:
        """Do what it is time for."""
        self._crew.look()
        while self._agenda and self._agenda[0][0] <= self.elapsed:
            heapq.heappop(self._agenda)[2]()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self.after(self.elapsed + seconds, what)

    def _disturb(self, disturbance: Disturbance, since: float | None = None) -> None:
        """Do one thing; where there is nobody to do it to, wait for somebody."""
        done = _HOW[disturbance](self)
        if done is None:
            since = since or self.elapsed
            if self.elapsed < since + _FIND:
                self._later(_AGAIN, partial(self._disturb, disturbance, since))
            else:
                self.tally.spared += 1
            return
        self.tally.done[disturbance] += 1
        self._tell(f"{self.elapsed:6.1f} s  {disturbance}{done and f': {done}'}")

    def _kill(self) -> str | None:
        place = self._somebody()
        if place is None or place.worker is None:
            return None
        _hold_still(place.worker)  # so that nothing changes while it is counted
        lost = self._excuse(place)
        self._crew.kill(place)
        return f"worker {place.number}, {lost} calls in flight"

    def _freeze(self) -> str | None:
        place = self._somebody()
        if place is None or place.worker is None:
            return None
        worker, seconds = place.worker, self._plan.lease_seconds * self._chance.uniform(1.2, 2.5)
        _hold_still(worker)
        place.frozen = True
        # Those that it makes before it hears that it has been overtaken are in vain, too.
        lost = self._excuse(place) + self._plan.calls
        self.tally.excused += self._plan.calls

        def thaw() -> None:
            place.frozen = False
            worker.thaw()

        self._later(seconds, thaw)
        return f"worker {place.number} for {seconds:.1f} s, {lost} calls in flight or in vain"

    def _stop(self) -> str | None:
        place = self._crew.anybody(self._chance, lambda _: True)
        if place is None:
            return None
        lost = self._excuse(place)
        self._crew.stop(place)
        return f"worker {place.number}, {lost} calls in flight"

    def _crash(self) -> str | None:
        if self._gone_since is not None:
            return None
        self._gone_since = time.monotonic()
        self._server.crash()
        seconds = self._chance.uniform(0.5, self._plan.lease_seconds * 1.5)
        self._later(seconds, self._start)
        return f"the server is away for {seconds:.1f} s and a little"

    def _start(self) -> None:
        self._excuse(None)
        self._server.start()
        if self._gone_since is not None:
            self.tally.away += time.monotonic() - self._gone_since
        self._gone_since = None

    def _cut(self) -> str | None:
        cut = self._wire.cut()
        self.tally.cut += cut
        return f"{cut} connections"

    def _drip(self) -> str | None:
        self._excuse(None)
        answers = self._chance.random() < 0.5
        within = self._chance.choice((600, 3_000) if answers else (300, 3_000, 30_000, 300_000))
        seconds = self._chance.uniform(0.5, 3)
        self._wire.cut_after(within, answers=answers)
        self._later(seconds, lambda: self._wire.cut_after(None))
        return f"each connection within {within} bytes{' of answers' if answers else ''}, for {seconds:.1f} s"

    def _refuse(self) -> str | None:
        self._excuse(None)
        self._wire.refuse()
        done, seconds = self._cut(), self._chance.uniform(0.5, self._plan.lease_seconds)
        self._later(seconds, lambda: self._wire.refuse(False))
        return f"{done}, and new ones refused for {seconds:.1f} s"

    def _slow(self) -> str | None:
        delay, seconds = self._chance.uniform(0.005, 0.1), self._chance.uniform(1, 5)
        self._wire.delay(delay)
        self._later(seconds, lambda: self._wire.delay(0))
        return f"{delay * 1000:.0f} ms each way, for {seconds:.1f} s"

    def _lose(self) -> str | None:
        lost = self._on_queue(_LOSE, str(self._chance.random()))
        self.tally.jobs_lost += lost or 0
        return None if lost is None else f"{lost} of them"

    def _double(self) -> str | None:
        doubled = self._on_queue(_DOUBLE)
        self.tally.jobs_doubled += doubled or 0
        return None if doubled is None else f"{doubled} of them"

    def _on_queue(self, statement: str, *given: str) -> int | None:
        """Return how many jobs were changed, None while the server is away or they are locked."""
        try:
            with psycopg.connect(self._server.administrator, autocommit=True) as connection:
                connection.execute("SET search_path = lithograph_queue, public")
                connection.execute("SET lock_timeout = '1s'")  # somebody may be frozen with a lock
                return connection.execute(statement.encode(), given).rowcount
        except psycopg.Error:
            return None

    def _somebody(self) -> Place | None:
        """Return where somebody may die: who has calls in flight, and no execution that was recovered too often."""
        self._count_recoveries()

        def fit(place: Place) -> bool:
            often = place.worker is None or self._recovered.get(str(place.worker.pid), 0) >= SPARED_FROM
            return not often and self._model.unkept(time.monotonic(), place.key) > 0

        return self._crew.anybody(self._chance, fit)

    def _excuse(self, place: Place | None) -> int:
        """Count what a worker, or everybody, may lose now."""
        since = time.monotonic() if self._gone_since is None else self._gone_since
        lost = self._model.unkept(since - _UNSURE, place.key if place is not None else None)
        self.tally.excused += lost
        return lost

    def _count_recoveries(self) -> None:
        """Learn how often the executions of each worker were recovered; while the server is away, what was known last
        holds.
        """
        if self._gone_since is not None:
            return
        query = "SELECT lease_owner, max(recovery_count) FROM workflow_execution WHERE status = 'running' GROUP BY 1"
        try:
            with psycopg.connect(self._server.administrator) as connection:
                owners: Mapping[str, int] = dict(connection.execute(query).fetchall())
        except psycopg.Error:
            return
        self._recovered = {str(owner).rpartition(":")[2]: most for owner, most in owners.items()}


def _hold_still(worker: WorkerProcess) -> None:
    """Freeze a worker, and let the model read what was on its way: only then it counts as a call."""
    worker.freeze()
    time.sleep(_ON_ITS_WAY)


_HOW: Final[Mapping[Disturbance, Callable[[Scene], str | None]]] = {
    Disturbance.KILL: Scene._kill,  # noqa: SLF001  # all of these are its own
    Disturbance.FREEZE: Scene._freeze,  # noqa: SLF001
    Disturbance.STOP: Scene._stop,  # noqa: SLF001
    Disturbance.CRASH: Scene._crash,  # noqa: SLF001
    Disturbance.CUT: Scene._cut,  # noqa: SLF001
    Disturbance.DRIP: Scene._drip,  # noqa: SLF001
    Disturbance.REFUSE: Scene._refuse,  # noqa: SLF001
    Disturbance.SLOW: Scene._slow,  # noqa: SLF001
    Disturbance.LOSE: Scene._lose,  # noqa: SLF001
    Disturbance.DOUBLE: Scene._double,  # noqa: SLF001
}
