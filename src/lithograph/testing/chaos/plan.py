"""The plan: how much there is to do, what is done to it and when; all of it follows from the seed."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lithograph.errors import UsageError


class Disturbance(StrEnum):
    """What is done to workers, to the server and to the queue."""

    KILL = "kill"
    """A worker is killed, and a new one started in its place."""
    FREEZE = "freeze"
    """A worker is stopped in the middle of what it does, until its lease has run out."""
    STOP = "stop"
    """A worker is asked to end, and a new one started in its place."""
    CRASH = "crash"
    """The server ends without a word to anybody, and is started again a little later."""
    CUT = "cut"
    """Every connection is cut."""
    DRIP = "drip"
    """For a while every connection is cut after some bytes."""
    REFUSE = "refuse"
    """Every connection is cut, and new ones are refused for a while."""
    SLOW = "slow"
    """For a while everything comes later."""
    LOSE = "lose jobs"
    """Half of the jobs are deleted from the queue."""
    DOUBLE = "double jobs"
    """Every job in the queue is there twice."""


_WEIGHTS: Final = {
    Disturbance.KILL: 5,
    Disturbance.FREEZE: 2,
    Disturbance.STOP: 2,
    Disturbance.CUT: 3,
    Disturbance.DRIP: 2,
    Disturbance.REFUSE: 1,
    Disturbance.SLOW: 1,
    Disturbance.LOSE: 2,
    Disturbance.DOUBLE: 2,
}
_CRASHES: Final = 2
_QUIET: Final = 0.15
"""The share of the time, at its end, in which nothing is disturbed any more."""
_EVERY: Final = 2.5
"""Seconds between two disturbances, on average."""
_RATE: Final = 2.6
"""Paragraphs for each second: enough to do until the disturbances end."""


@dataclass(frozen=True, slots=True)
class ChaosPlan:
    """`seconds` is the time from the first worker's start to when everything should have ended; `lease_seconds` is how
    long a worker may be silent, `latency` how many seconds a call to the model takes, `calls` how many of them a worker
    makes at once. Without `schedule` what is done when is drawn from the seed.
    """

    seconds: float = 130.0
    seed: int = 0
    workers: int = 4
    executions: int = 40
    organizations: int = 3
    lease_seconds: float = 4.0
    latency: float = 0.8
    calls: int = 4
    paragraphs: int | None = None
    """Of all documents together; without it as many as keep the workers busy."""
    schedule: tuple[tuple[float, Disturbance], ...] | None = None

    def __post_init__(self) -> None:
        for name in ("seconds", "lease_seconds", "workers", "executions", "organizations", "calls"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be above 0")

    @property
    def disturbances(self) -> tuple[tuple[float, Disturbance], ...]:
        """What is done, and after how many seconds."""
        if self.schedule is not None:
            return self.schedule
        chance = random.Random(f"disturbances {self.seed}")  # noqa: S311  # a test that can be repeated
        until = self.seconds * (1 - _QUIET)
        spread = until / (_CRASHES + 1)
        drawn = [(spread * (one + 1) * chance.uniform(0.8, 1.2), Disturbance.CRASH) for one in range(_CRASHES)]
        at = chance.expovariate(1 / _EVERY)
        while at < until:
            (disturbance,) = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
            drawn.append((at, disturbance))
            at += chance.expovariate(1 / _EVERY)
        return tuple(sorted(drawn))

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many paragraphs each document has."""
        chance = random.Random(f"lengths {self.seed}")  # noqa: S311  # a test that can be repeated
        shares = [chance.uniform(0.1, 1.0) ** 2 for _ in range(self.executions)]
        wanted = self.paragraphs or self.seconds * _RATE
        return tuple(max(1, round(wanted * share / sum(shares))) for share in shares)
