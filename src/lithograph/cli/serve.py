"""`litho serve`: the HTTP API, the web UI and, unless it is left to others, a worker, in one process."""

import ipaddress
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lithograph.cli.ending import ending_in_time
from lithograph.cli.errors import ExitCode
from lithograph.cli.garbage import collect_seldom
from lithograph.cli.options import (
    LEASE_SECONDS,
    Asking,
    Db,
    LeaseSeconds,
    Prices,
    RequestsPerMinute,
    TokensPerMinute,
)
from lithograph.cli.watched import LogFormat, Say, logged, watched
from lithograph.cli.work import working
from lithograph.errors import HeldError, UsageError
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
    log_format: LogFormat = "text",
) -> int:
    """Serve the API and the web pages, and run what is started there, until interrupted.

    With a file, on an address of this machine alone, no key is needed; anywhere else one is (`litho key create`). Told
    to stop, it finishes what was asked and gives back what it runs; the same command goes on with it.
    """
    from lithograph.api.settings import ApiSettings

    asking = Asking(concurrency, requests_per_minute, tokens_per_minute, prices)
    settings = ApiSettings(
        keyless=db.startswith("sqlite:") and _is_loopback(host),
        base_urls=frozenset(base_urls or ()),
        models=tuple(models or ()),
        upload_bytes=upload_mb * _MEGABYTE,
        requests_per_second=rate,
        burst=max(1, round(4 * rate)),
        metrics_token=os.environ.get("LITHOGRAPH_METRICS_TOKEN", ""),
    )
    working_on = None if no_worker else executions
    return logged(log_format, partial(_serve, db, (host, port), settings, asking, working_on, lease_seconds))


def _serve(
    db: str,
    address: tuple[str, int],
    settings: "ApiSettings",
    asking: Asking,
    executions: int | None,
    lease_seconds: float,
    say: Say,
) -> int:
    """Serve and, unless `executions` is None, run so many at once."""
    from dataclasses import replace

    from lithograph.api.server import Server
    from lithograph.durable.database_clock import clock_of
    from lithograph.service.keys import pepper_of
    from lithograph.storage.open import open_storage
    from lithograph.telemetry.metrics import Metrics

    models = {priced: replace(asking, priced=priced).models() for priced in (False, True)}
    metrics = Metrics()
    with ending_in_time(say) as told, ExitStack() as stack:
        storage = stack.enter_context(open_storage(db, patience=_PATIENCE))
        work = None
        if executions is not None:
            from lithograph.workflow.aside import WorkAside

            work = WorkAside(stack.enter_context(_alone(storage, lease_seconds)), asking.models, executions)
        stack.enter_context(watched("lithograph-serve", storage, metrics))
        server = Server(
            storage,
            clock_of(storage),
            settings,
            models.__getitem__,
            pepper=pepper_of(os.environ),
            lease_seconds=lease_seconds,
            registry=metrics.registry,
        )
        _run(server, work, address, told, say)
    return ExitCode.COMPLETED


@contextmanager
def _alone(storage: "Storage", lease_seconds: float) -> "Iterator[Worker]":
    """Give what it takes to run executions; raises `UsageError`, with what to do, when another process works there."""
    try:
        with working(storage, lease_seconds) as ready:
            yield ready
    except HeldError as error:
        raise UsageError(f"{error}; `litho serve --no-worker` serves it beside that process") from error


def _run(server: "Server", work: "WorkAside | None", at: tuple[str, int], told: Callable[[], None], say: Say) -> None:
    """Serve until a signal comes, or the worker has lost the right to work; raises what kept it from working."""
    import asyncio

    import anyio

    from lithograph.api.app import create_app
    from lithograph.api.serving import bound, serve

    app, listening = create_app(server), bound(*at)
    if not server.settings.keyless:
        say("every request needs a key: `litho key create` makes one")
    address, number = listening.getsockname()[:2]
    url = f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"

    async def main() -> None:
        with ExitStack() as stack:
            async with anyio.create_task_group() as tasks:
                cancel = tasks.cancel_scope.cancel
                if work is not None:
                    work.ended = partial(asyncio.get_running_loop().call_soon_threadsafe, cancel)
                    stack.enter_context(work)
                collect_seldom()
                tasks.start_soon(serve, app, listening, lambda: say(f"serving {url}"))
                await _signal()
                told()
                if work is not None:
                    work.stop()
                cancel()

    anyio.run(main)
    if work is not None and work.error is not None:
        raise work.error


async def _signal() -> None:
    """Return when a signal has come; a second one ends the process at once."""
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as told:
        async for _ in told:
            break
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(ExitCode.INTERRUPTED))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
