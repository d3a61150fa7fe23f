"""`litho worker`: run whatever is queued on a server, until told to stop."""

import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lithograph.cli.ending import ending_in_time
from lithograph.cli.errors import ExitCode
from lithograph.cli.garbage import collect_seldom
from lithograph.cli.options import (
    LEASE_SECONDS,
    Asking,
    LeaseSeconds,
    Prices,
    RequestsPerMinute,
    TokensPerMinute,
)
from lithograph.cli.watched import LogFormat, Say, logged, watched
from lithograph.cli.work import working

if TYPE_CHECKING:
    from lithograph.durable.run import Worker
    from lithograph.workflow.models import Models

_PATIENCE: Final = 30.0
"""Seconds that whatever is done waits for a server that cannot be reached."""


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
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", metavar="N", min=0, max=65_535, help="Serve /metrics; 0 takes any free one."),
    ] = None,
    metrics_host: Annotated[str, typer.Option("--metrics-host", metavar="H", help="Where.")] = "127.0.0.1",
    log_format: LogFormat = "text",
) -> int:
    """Run what is queued, of every organisation, until interrupted: any number of workers on any number of machines.

    Told to stop, a worker gives back what it runs at once, and another goes on with it. One that dies has its work
    taken over when its lease has run out.
    """
    asking = Asking(concurrency, requests_per_minute, tokens_per_minute, prices)
    metrics_at = None if metrics_port is None else (metrics_host, metrics_port)
    return logged(log_format, partial(_run, db, asking, executions, lease_seconds, metrics_at))


def _run(
    db: str, asking: Asking, executions: int, lease_seconds: float, metrics_at: tuple[str, int] | None, say: Say
) -> int:
    import anyio

    from lithograph.storage.open import open_storage

    models = asking.models()
    with ending_in_time(say) as told, ExitStack() as stack:
        storage = stack.enter_context(open_storage(db, create=False, patience=_PATIENCE))
        ready = stack.enter_context(working(storage, lease_seconds))
        metrics = None
        if metrics_at is not None:
            from lithograph.telemetry.metrics import Metrics, metrics_server

            metrics = Metrics()
            port = stack.enter_context(metrics_server(metrics, *metrics_at))
            say(f"metrics at http://{metrics_at[0]}:{port}/metrics")
        stack.enter_context(watched("lithograph-worker", storage, metrics))
        models.share(storage)
        anyio.run(_work, ready, models, executions, told, say)
    return ExitCode.COMPLETED


async def _work(ready: "Worker", models: "Models", executions: int, told: Callable[[], None], say: Say) -> None:
    import anyio

    from lithograph.workflow.work import work

    async def take(scope: "anyio.CancelScope") -> None:
        try:
            collect_seldom()
            await work(ready, models, executions, lambda: say(f"working as {ready.lease.owner}"))
        finally:
            scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                tasks.start_soon(take, tasks.cancel_scope)
                async for _ in signals:
                    tasks.cancel_scope.cancel()
                    told()
    finally:
        with anyio.CancelScope(shield=True):
            await models.aclose()
