"""How a process that lasts is watched: its log, its metrics and its traces."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from lithograph.cli.errors import code_of, sentence_of
from lithograph.cli.output import tell
from lithograph.errors import LithographError

if TYPE_CHECKING:
    from lithograph.storage.open import Storage
    from lithograph.telemetry.metrics import Metrics

LOG: Final = logging.getLogger("lithograph.process")

LogFormat = Annotated[
    Literal["text", "json"],
    typer.Option(
        "--log-format",
        envvar="LITHOGRAPH_LOG_FORMAT",
        help="How the log is written: text is what is wrong, json is what happens too, an object a line.",
    ),
]

Say = Callable[[str], None]
"""Says a line about the process itself: where it can be reached, that it stops."""


def log(log_format: Literal["text", "json"]) -> Say:
    """Have the log written, and return what says a line, so that all that is written has one form."""
    from lithograph.telemetry.logs import configure_logs

    as_json = log_format == "json"
    configure_logs(as_json=as_json)
    return partial(LOG.info, "%s") if as_json else tell


def logged(log_format: Literal["text", "json"], work: Callable[[Say], int]) -> int:
    """Do `work` with the log written, and return its exit code; as JSON, also why it failed is in the log."""
    say = log(log_format)
    try:
        return work(say)
    except LithographError as error:
        if log_format == "text":
            raise
        LOG.error("%s", sentence_of(error))  # noqa: TRY400  # it is a sentence for a person
        return code_of(error)


@contextmanager
def watched(service: str, storage: "Storage", metrics: "Metrics | None" = None) -> "Iterator[None]":
    """Let observers hear of all that happens meanwhile: the log, `metrics`, and traces where the environment asks for
    them. `service` is what the process is called there.

    Raises `UsageError` when traces are asked for and cannot be sent.
    """
    from lithograph.durable.backlog import backlog
    from lithograph.telemetry.logs import Logged
    from lithograph.telemetry.observe import observing
    from lithograph.telemetry.traces import tracing

    with ExitStack() as stack:
        stack.enter_context(observing(Logged()))
        stack.enter_context(tracing(service))
        if metrics is not None:
            metrics.watch(partial(backlog, storage))
            stack.enter_context(observing(metrics))
        yield
