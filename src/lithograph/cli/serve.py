"""`litho serve`: the HTTP API, the web UI and, unless it is left to others, a worker, in one process."""

import gc
import ipaddress
import os
import signal
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lithograph.cli.errors import ExitCode
from lithograph.cli.options import (
    LEASE_SECONDS,
    Asking,
    Db,
    LeaseSeconds,
    Prices,
    RequestsPerMinute,
    TokensPerMinute,
)
from lithograph.cli.output import tell
from lithograph.cli.work import working
from lithograph.cli.worker import log_plainly
from lithograph.storage.location import DEFAULT_URL

if TYPE_CHECKING:
    from lithograph.api.server import Server
    from lithograph.api.settings import ApiSettings
    from lithograph.durable.run import Worker
    from lithograph.storage.open import Storage
    from lithograph.workflow.aside import WorkAside

_PATIENCE: Final = 5.0
"""Seconds that a request waits for a server that cannot be reached."""

_MEGABYTE: Final = 1_000_000


def serve(
    db: Db = DEFAULT_URL,
    host: Annotated[str, typer.Option(metavar="H", help="The address to serve.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="0 takes any that is free.")] = 8000,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave executions to other processes.")] = False,
    executions: Annotated[
        int, typer.Option("--executions", metavar="N", min=1, help="Documents in work at once.")
    ] = 20,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, help="Calls to each model at once.")] = 20,
    base_urls: Annotated[
        list[str] | None,
        typer.Option("--base-url", metavar="URL", help="Where requests may have models asked; may be given again."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="M", help="A model that people are offered; may be given again."),
    ] = None,
    upload_mb: Annotated[
        int, typer.Option("--upload-mb", metavar="N", min=1, help="Megabytes of a document, at most.")
    ] = 100,
    rate: Annotated[
        float, typer.Option("--rate", metavar="N", min=0.1, help="Requests a second with one key, in the long run.")
    ] = 50.0,
    requests_per_minute: RequestsPerMinute = None,
    tokens_per_minute: TokensPerMinute = None,
    prices: Prices = None,
    lease_seconds: LeaseSeconds = LEASE_SECONDS,
) -> int:
    """Serve the API and the web pages, and run what is started there, until interrupted.

    With a file, on an address of this machine alone, no key is needed; anywhere else one is (`litho key create`). Told
    to stop, it finishes what was asked and gives back what it runs; the same command goes on with it.
    """
    from lithograph.api.settings import ApiSettings
    from lithograph.storage.open import open_storage

    log_plainly()
    asking = Asking(concurrency, requests_per_minute, tokens_per_minute, prices)
    with ExitStack() as stack:
        storage = stack.enter_context(open_storage(db, patience=_PATIENCE))
        settings = ApiSettings(
            keyless=storage.path is not None and _is_loopback(host),
            base_urls=frozenset(base_urls or ()),
            models=tuple(models or ()),
            upload_bytes=upload_mb * _MEGABYTE,
            requests_per_second=rate,
            burst=max(1, round(4 * rate)),
            metrics_token=os.environ.get("LITHOGRAPH_METRICS_TOKEN", ""),
        )
        ready = None if no_worker else stack.enter_context(working(storage, lease_seconds))
        _run(_server(storage, settings, asking, lease_seconds), ready, asking, executions, host, port)
    tell("stopped; what was in work is given back")
    gc.freeze()  # or Python looks through all there is for what it could free, which takes longer than all the rest
    return ExitCode.COMPLETED


def _server(storage: "Storage", settings: "ApiSettings", asking: Asking, lease_seconds: float) -> "Server":
    from dataclasses import replace

    from lithograph.api.server import Server
    from lithograph.durable.database_clock import clock_of
    from lithograph.service.keys import pepper_of

    models = {priced: replace(asking, priced=priced).models() for priced in (False, True)}
    return Server(
        storage,
        clock_of(storage),
        settings,
        models.__getitem__,
        pepper=pepper_of(os.environ),
        lease_seconds=lease_seconds,
    )


def _run(server: "Server", ready: "Worker | None", asking: Asking, executions: int, host: str, port: int) -> None:
    """Serve until a signal comes, or the worker has lost the right to work; raises what kept it from working."""
    import asyncio

    import anyio

    from lithograph.api.app import create_app
    from lithograph.api.serving import bound
    from lithograph.api.serving import serve as serve_app
    from lithograph.workflow.aside import WorkAside

    app, listening = create_app(server), bound(host, port)
    address, number = listening.getsockname()[:2]
    url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"

    async def main() -> "WorkAside | None":
        loop = asyncio.get_running_loop()
        with ExitStack() as stack:
            async with anyio.create_task_group() as tasks:
                cancel = tasks.cancel_scope.cancel
                aside = None
                if ready is not None:
                    work = WorkAside(ready, asking.models, executions, partial(loop.call_soon_threadsafe, cancel))
                    aside = stack.enter_context(work)
                tasks.start_soon(serve_app, app, listening, lambda: tell(f"serving {url}"))
                await _told(aside)
                cancel()
        return aside

    aside = anyio.run(main)
    if aside is not None and aside.error is not None:
        raise aside.error


async def _told(aside: "WorkAside | None") -> None:
    """Return when a signal has come; what is run here is given back from then on, and a second one ends at once."""
    import anyio

    def end(*_: object) -> None:
        os._exit(ExitCode.INTERRUPTED)

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as told:
        async for _ in told:
            break
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    if aside is not None:
        aside.stop()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
