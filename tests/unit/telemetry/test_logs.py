"""What is written to the log."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.telemetry.logs import Logged, configure_logs, without_secrets
from lithograph.telemetry.observe import Subject, observing, tell_changed, tell_circuit, watch_run

LOG = logging.getLogger("lithograph.dispatch")
ID = "execution_7a6cf00cac110526bec8d73959b9573b"
SUBJECT = Subject(OrganizationId("acme"), ExecutionId(ID), "extraction")
KEYS = ("sk-proj-Qe81mT0nZx4hW7bLcV29", "litho_1f6e0b7c9a42_x9Zk-3Qm_7aLwP0sVbN2")


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "lithograph", "uvicorn", "uvicorn.error", "uvicorn.access")]
    before = [(logger, logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    for logger in loggers:
        logger.propagate = True  # a server of this process, of another test, may have silenced one
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate, logger.handlers = propagate, handlers
    structlog.reset_defaults()


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_as_json_a_line_says_when_who_and_about_what(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(as_json=True)
    with watch_run(SUBJECT):
        LOG.info("%d executions had no job", 3, extra={"sweep": 2})
    LOG.debug("too little")
    (line,) = lines(capfd)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "3 executions had no job",
        "level": "info",
        "logger": "lithograph.dispatch",
        "execution_id": ID,
        "organization_id": "acme",
        "workflow_type": "extraction",
        "sweep": 2,
    }


def test_what_structlog_and_uvicorn_log_goes_the_same_way(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(as_json=True)
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("lithograph.api").warning("slow", seconds=2.5)
        logging.getLogger("uvicorn.access").info('%s - "%s %s" %d', "1.2.3.4", "GET", "/v1?key=abc", 200)
    first, second = lines(capfd)
    assert (first["event"], first["seconds"], first["request_id"], first["logger"]) == (
        "slow",
        2.5,
        "r1",
        "lithograph.api",
    )
    assert (second["event"], second["logger"]) == ('1.2.3.4 - "GET /v1?key=[removed]" 200', "uvicorn.access")


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("key", KEYS)
def test_no_key_is_written(key: str, as_json: bool, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(as_json=as_json)
    LOG.warning("%s said: wrong key %s", ID, key, extra={"api_key": "short", "about": {"said": [key]}})
    try:
        int(f"the key {key} is wrong")
    except ValueError:
        LOG.exception("a defect")
    written = capfd.readouterr().err
    assert key not in written
    assert '"short"' not in written
    assert ID in written


def test_a_defect_is_written_with_the_end_of_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    def deep(left: int) -> None:
        if left == 0:
            raise ValueError("at the bottom")
        deep(left - 1)

    configure_logs(as_json=True)
    try:
        deep(100)
    except ValueError:
        LOG.exception("a defect")
    (line,) = lines(capfd)
    said = line["exception"].splitlines()
    assert said[-1] == "ValueError: at the bottom"
    assert len(said) <= 40


def test_as_text_only_what_is_wrong_is_a_line_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(as_json=False)
    LOG.info("fine")
    LOG.warning("the queue\n cannot be reached\x1b[2J")
    logging.getLogger("uvicorn.error").info("started")
    assert capfd.readouterr().err == "the queue cannot be reached\ufffd[2J\n"


def test_as_text_a_defect_is_a_line_without_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(as_json=False)
    try:
        int("x")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    assert capfd.readouterr().err == (
        "Exception in ASGI application (ValueError: invalid literal for int() with base 10: 'x')\n"
    )


def test_what_becomes_of_executions_and_providers_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(as_json=True)
    with observing(Logged()):
        tell_changed(SUBJECT, "completed_with_errors")
        tell_circuit("openai:gpt", "open")
        tell_circuit("openai:gpt", "half_open")
    ended, opened, tried = lines(capfd)
    assert (ended["event"], ended["execution_id"]) == ("execution completed with errors", ID)
    assert (opened["event"], opened["level"]) == ("the circuit of openai:gpt is open", "warning")
    assert (tried["event"], tried["level"]) == ("the circuit of openai:gpt is half-open", "info")


def test_ids_of_ours_stay_and_what_looks_like_them_does_not() -> None:
    digits = ID.removeprefix("execution_")
    assert without_secrets(f"{ID} and {digits}") == f"{ID} and [removed]"
    assert without_secrets("\ue0007\ue001 odd") == " odd"
