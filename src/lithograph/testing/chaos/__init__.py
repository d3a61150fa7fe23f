"""Chaos: workers on PostgreSQL that are killed, frozen and cut off at random, and a check that nothing came of it.

    python -m lithograph.testing.chaos --seconds 180 --seed 7

Executions of several organisations are run by real workers on a real server, while a schedule drawn from the seed has
workers die, freeze and leave, the server crash, connections break and the queue lose jobs. Then everything is compared
with what the same documents give when nobody disturbs them.
"""

from lithograph.testing.chaos.plan import ChaosPlan
from lithograph.testing.chaos.report import ChaosReport
from lithograph.testing.chaos.run import chaos

__all__ = ["ChaosPlan", "ChaosReport", "chaos"]
