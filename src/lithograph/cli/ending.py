"""How a process that lasts ends when it is told to: it gives back what it has, and it ends in time."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Final

from lithograph.cli.errors import ExitCode
from lithograph.cli.watched import Say

_GRACE: Final = 8.0
"""Seconds after which a process that was told to stop ends, whatever it waits for: deployments kill it after ten."""


@contextmanager
def ending_in_time(say: Say) -> Iterator[Callable[[], None]]:
    """Give what is to be called when the process is told to stop; what it does until then is done inside."""
    timer = Timer(_GRACE, _end, (say,))
    timer.daemon = True

    def told() -> None:
        if not timer.is_alive():
            timer.start()

    yield told
    timer.cancel()
    say("stopped; what was in work is given back")
    gc.freeze()  # or Python looks through all there is for what it could free, which takes longer than all the rest


def _end(say: Say) -> None:
    """End at once, where the server is away: there is nobody to give anything back to."""
    say("stopped; the database does not answer, so that others go on with what was in work when its lease has run out")
    os._exit(ExitCode.FAILED)
