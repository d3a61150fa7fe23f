"""`litho worker`: run whatever is queued on a server, until told to stop."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.options import (
    LEASE_SECONDS,
    Asking,
    LeaseSeconds,
    Place,
    Prices,
    RequestsPerMinute,
    TokensPerMinute,
)
from lithograph.cli.output import tell
from lithograph.cli.work import working

if TYPE_CHECKING:
    from lithograph.durable.run import Worker
    from lithograph.workflow.models import Models


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

    asking = Asking(concurrency, requests_per_minute, tokens_per_minute, prices)
    with Place(db).open() as storage, working(storage, lease_seconds) as ready:
        anyio.run(_work, ready, asking.models(), executions)
    tell("stopped; what was in work is given back")
    return ExitCode.COMPLETED


async def _work(ready: "Worker", models: "Models", executions: int) -> None:
    import anyio

    from lithograph.workflow.dispatch import dispatch
    from lithograph.workflow.kinds import kinds_of

    async def take(scope: "anyio.CancelScope") -> None:
        try:
            kinds = kinds_of(ready.storage, models, executions)
            await dispatch(ready, kinds, started=lambda: tell(f"working as {ready.lease.owner}"))
        finally:
            scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as told:
                tasks.start_soon(take, tasks.cancel_scope)
                async for _ in told:
                    tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await models.aclose()
