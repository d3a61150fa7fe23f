"""The report: what was done, what it cost, and whether anything came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from lithograph.testing.chaos.plan import ChaosPlan, Disturbance
from lithograph.testing.chaos.scene import Tally

_SHOWN: Final = 30
"""Faults that are shown, at most."""


@dataclass(frozen=True, slots=True)
class ChaosReport:
    """`faults` says what was not as it should be, a sentence for each thing, and is empty when all is well."""

    plan: ChaosPlan
    tally: Tally
    seconds: float
    """From the first worker's start to the end of the last execution."""
    completed: int
    recoveries: Sequence[int]
    """Of every execution."""
    given_back: int
    """Times that an execution was given back before its end, and taken again."""
    needed: int
    """Calls to the model that undisturbed runs make."""
    served: int
    """Calls that it was asked to answer."""
    workers: int
    stops: Sequence[float]
    """Seconds that every worker took to end when it was asked to."""
    warnings: int
    """Lines that workers wrote about trouble."""
    faults: Sequence[str]
    evidence: Sequence[str] = field(default=(), repr=False)

    @property
    def paid_again(self) -> int:
        """Calls that were made once more."""
        return self.served - self.needed

    @property
    def lines(self) -> list[str]:
        """The report, for people."""
        plan, tally, done = self.plan, self.tally, self.tally.done
        broken = done[Disturbance.CUT] + done[Disturbance.REFUSE]
        stopped = f" within {max(self.stops):.2f} s" if self.stops else ""
        rows = {
            "completed": f"{self.completed} of {plan.executions} in {self.seconds:.0f} s",
            "workers": f"{self.workers} in all: {done[Disturbance.KILL]} killed, {done[Disturbance.FREEZE]} frozen, "
            f"{done[Disturbance.STOP]} stopped{stopped}",
            "server": f"crashed {done[Disturbance.CRASH]} times, away for {tally.away:.1f} s",
            "connections": f"{tally.cut} cut in {broken} cuts, {done[Disturbance.DRIP]} times after some bytes, "
            f"{done[Disturbance.REFUSE]} times refused, {done[Disturbance.SLOW]} times slow",
            "queue": f"{tally.jobs_lost} jobs deleted, {tally.jobs_doubled} doubled",
            "recoveries": f"{sum(self.recoveries)}, at most {max(self.recoveries, default=0)} of one execution; "
            f"{self.given_back} times given back and taken again; {tally.spared} disturbances found nobody to disturb",
            "calls": f"{self.served} for {self.needed}: {self.paid_again} paid again, at most {tally.excused} in "
            "flight at deaths, freezes and losses of the server",
            "warnings": f"{self.warnings} lines from workers",
        }
        about = (
            f"seed {plan.seed}: {plan.executions} executions of {plan.organizations} organisations, {plan.workers} "
            f"workers, a lease of {plan.lease_seconds:g} s"
        )
        said = [about, *(f"{name:<14}{value}" for name, value in rows.items())]
        if not self.faults:
            return [*said, "nothing lost, doubled, swapped or stuck; every result as undisturbed"]
        more = [f"and {len(self.faults) - _SHOWN} more"] if len(self.faults) > _SHOWN else []
        return [*said, *(f"FAULT  {fault}" for fault in self.faults[:_SHOWN]), *more, *self.evidence]
