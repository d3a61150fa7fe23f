"""Python's garbage collector, set for a process that works for long."""

import gc
from typing import Final

_THRESHOLDS: Final = (50_000, 20, 100)
"""Objects that are new, and collections of the young and of the middle ones, before it looks again.

What an extraction loads is half a million objects. As Python comes, a fifth of the time of an extraction goes into
looking through them, up to a tenth of a second at once, in which nothing else goes on.
"""


def collect_seldom() -> None:
    """Have it look more seldom: hardly anything here is in cycles that only it could free."""
    gc.set_threshold(*_THRESHOLDS)
