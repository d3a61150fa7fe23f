"""`litho worker`: run whatever is queued on a server, until told to stop."""

import gc
import logging
import os
import signal
from dataclasses import replace
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lithograph.cli.errors import ExitCode, one_line
from lithograph.cli.options import (
    LEASE_SECONDS,
    Asking,
    LeaseSeconds,
    Prices,
    RequestsPerMinute,
    TokensPerMinute,
)
from lithograph.cli.output import tell
from lithograph.cli.work import working

if TYPE_CHECKING:
    from lithograph.durable.run import Worker
    from lithograph.workflow.models import Models

_LOOK_EVERY: Final = 0.4
"""Seconds between two looks for signals while nothing can be heard of them."""

_PATIENCE: Final = 30.0
"""Seconds that whatever is done waits for a server that cannot be reached."""

_GRACE: Final = 8.0
"""Seconds after which a worker that was told to stop ends, whatever it waits for: deployments kill it after ten."""


def worker(
    db: Annotated[str, typer.Option("--db", metavar="URL", help="The server: postgresql://USER@HOST/NAME.")],
    executions: Annotated[
        int, typer.Option("--executions", metavar="N", min=1, help="Documents in work at once.")
    ] = 20,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, help="Calls to each model at once.")] = 20,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    prices: Prices = None,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Run what is queued, of every organisation, until interrupted: any number of workers on any number of machines.

    Told to stop, a worker gives back what it runs at once, and another goes on with it. One that dies has its work
    taken over when its lease has run out.
    """
    import anyio

    from lithograph.storage.open import open_storage

    _log_plainly()
    asking = Asking(concurrency, requests_per_minute, tokens_per_minute, prices)
    models = asking.models()
    ending = Timer(_GRACE, _end)
    ending.daemon = True
    with open_storage(db, create=False, patience=_PATIENCE) as storage, working(storage, lease_seconds) as ready:
        models.share(storage)
        anyio.run(_work, ready, models, executions, ending)
    ending.cancel()
    tell("stopped; what was in work is given back")
    gc.freeze()  # or Python looks through all there is for what it could free, which takes longer than all the rest
    return ExitCode.COMPLETED


def _end() -> None:
    """End at once, where the server is away: there is nobody to give anything back to."""
    tell("stopped; the database does not answer, so that others go on with what was in work when its lease has run out")
    os._exit(ExitCode.FAILED)


async def _work(ready: "Worker", models: "Models", executions: int, ending: Timer) -> None:
    import anyio

    from lithograph.durable.listen import listening
    from lithograph.workflow.dispatch import dispatch
    from lithograph.workflow.kinds import kinds_of

    async def take(scope: "anyio.CancelScope") -> None:
        try:
            async with listening(ready.storage, _LOOK_EVERY) as listener:
                working = replace(ready, listener=listener)
                kinds = kinds_of(working, models, executions, listener)
                await dispatch(working, kinds, started=lambda: tell(f"working as {ready.lease.owner}"))
        finally:
            scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as told:
                tasks.start_soon(take, tasks.cancel_scope)
                async for _ in told:
                    tasks.cancel_scope.cancel()
                    if not ending.is_alive():
                        ending.start()
    finally:
        with anyio.CancelScope(shield=True):
            await models.aclose()


class _PlainLines(logging.Handler):
    """Tells what is logged, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of one record."""
        tell(one_line(record.getMessage()))


def _log_plainly() -> None:
    """Tell of every trouble once, in a line of our own; what the libraries below say of it comes with tracebacks."""
    logging.getLogger().addHandler(logging.NullHandler())
    ours = logging.getLogger("lithograph")
    ours.handlers = [_PlainLines(logging.WARNING)]
