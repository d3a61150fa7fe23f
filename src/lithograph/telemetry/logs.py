"""Logs: what a process says to whoever keeps its logs, a line each, without anything that looks like a key.

As text they are sentences for a person at a terminal, and only what is wrong. As JSON they are for programs: each line
is an object with `timestamp`, `level`, `logger` and `event`, and with `execution_id`, `organization_id` and
`workflow_type` where it is about an execution.
"""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from lithograph.resilience.redact import redact
from lithograph.telemetry.observe import Observer, Subject, current_subject

if TYPE_CHECKING:
    from structlog.types import Processor

LOG: Final = logging.getLogger("lithograph.telemetry")

_OURS: Final = ("lithograph", "uvicorn")
"""Whose records are written. What other libraries have to say of a trouble, ours say in a sentence."""

_TRACEBACK: Final = 40
"""Lines of one that are kept, the last."""

_ID: Final = re.compile(r"\b(?:chunk|document|entity|execution|mention|relation)_[0-9a-f]{32}\b")
_KEPT: Final = re.compile(r"\ue000(\d+)\ue001")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_SECRET: Final = re.compile(r"(?:^|[_-])(?:key|token|secret|password|authorization|cookie)$", re.IGNORECASE)
"""What a value is called that is never written, whatever it looks like."""

Record = MutableMapping[str, Any]
"""What structlog's processors hand on."""


def configure_logs(*, as_json: bool, level: int | None = None) -> None:
    """Have this process' log written to standard error, from `level` on: by default warnings as text, and as JSON what
    is of interest too.

    To be called once, when a process begins that lasts. uvicorn's log is written along; `uvicorn.run` is to be given
    `log_config=None`, or it sets up its own.
    """
    least = level if level is not None else logging.INFO if as_json else logging.WARNING
    handler = _Lines(_json() if as_json else _text)
    logging.getLogger().addHandler(logging.NullHandler())  # or Python writes warnings of others in its own way
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(least)
    for name in ("uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []


class Logged(Observer):
    """Logs what becomes of executions and of providers."""

    def changed(self, subject: Subject, change: str) -> None:
        """Log a change of status."""
        about = {
            "execution_id": subject.execution_id,
            "organization_id": subject.organization_id,
            "workflow_type": subject.workflow_type,
        }
        LOG.info("execution %s", change.replace("_", " "), extra=about)

    def circuit_changed(self, model: str, state: str) -> None:
        """Log that a provider is away, tried or back."""
        grave = logging.WARNING if state == "open" else logging.INFO
        LOG.log(grave, "the circuit of %s is %s", model, state.replace("_", "-"), extra={"model": model})


def without_secrets(text: str) -> str:
    """Return `text` on one line and without what looks like a key; ids of ours, which look like one, stay."""
    ids: list[str] = []

    def keep(found: re.Match[str]) -> str:
        ids.append(found[0])
        return f"\ue000{len(ids) - 1}\ue001"

    def restore(found: re.Match[str]) -> str:
        place = int(found[1])
        return ids[place] if place < len(ids) else ""

    return _KEPT.sub(restore, redact(_ID.sub(keep, text)))


class _Lines(logging.Handler):
    """Writes records to standard error, if anybody listens."""

    def __init__(self, line: Callable[[logging.LogRecord], str]) -> None:
        super().__init__()
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{self._line(record)}\n")
            sys.stderr.flush()


def _text(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    why = "" if error is None else f" ({type(error).__name__}: {error})"
    return _UNPRINTABLE.sub("\ufffd", without_secrets(record.getMessage() + why))


def _json() -> Callable[[logging.LogRecord], str]:
    # Imported here since those who only look need no log.
    import structlog

    about_it: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _about,
    ]
    structlog.configure(
        processors=[*about_it, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *about_it],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redacted,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    return formatter.format


def _about(logger: object, method: str, record: Record) -> Record:  # noqa: ARG001  # as structlog calls it
    subject = current_subject.get()
    if subject is not None:
        record.setdefault("execution_id", subject.execution_id)
        record.setdefault("organization_id", subject.organization_id)
        record.setdefault("workflow_type", subject.workflow_type)
    return record


def _redacted(logger: object, method: str, record: Record) -> Record:  # noqa: ARG001  # as structlog calls it
    return {name: value if name == "timestamp" else _clean(value, name) for name, value in record.items()}


def _clean(value: object, name: str = "") -> object:
    if value is not None and _SECRET.search(name):
        return "[removed]"
    if isinstance(value, str):
        if name != "exception":
            return without_secrets(value)
        return "\n".join(without_secrets(line) for line in value.splitlines()[-_TRACEBACK:])
    if isinstance(value, dict):
        return {str(key): _clean(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value if isinstance(value, int | float | bool | None) else without_secrets(str(value))
