"""`python -m lithograph.testing.chaos`: one run; the exit code says whether anything came of it."""

import argparse
import random
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from lithograph.errors import UsageError
from lithograph.testing.chaos.plan import ChaosPlan
from lithograph.testing.chaos.run import chaos

_MOST = 10_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run chaos, print the report, and return 1 when something was not as it should be."""
    usual = ChaosPlan()
    parser = argparse.ArgumentParser(prog="python -m lithograph.testing.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="how long to disturb (%(default)g)")
    parser.add_argument("--seed", type=int, help="what to do when; one that is drawn and printed, without it")
    parser.add_argument("--workers", type=int, default=usual.workers, help="(%(default)d)")
    parser.add_argument("--executions", type=int, default=usual.executions, help="(%(default)d)")
    given = parser.parse_args(arguments)
    seed = random.randrange(_MOST) if given.seed is None else given.seed  # noqa: S311  # which one does not matter
    signal.signal(signal.SIGTERM, _end)  # nothing that was started is left behind
    print(f"chaos for {given.seconds:g} s, seed {seed}", flush=True)  # noqa: T201  # its only purpose
    try:
        plan = ChaosPlan(given.seconds, seed, given.workers, given.executions)
        report = chaos(plan, lambda line: print(line, flush=True))  # noqa: T201
    except UsageError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print("\n".join(report.lines))  # noqa: T201
    return 1 if report.faults else 0


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # as a handler is called
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
