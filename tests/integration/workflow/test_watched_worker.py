"""A worker, a process of its own, as those see it who watch it: its log, its metrics, its traces."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.collected import Collector, collecting
from tests.commands import Litho, sentence
from tests.postgres import Server
from tests.queued import events_of, execution, queue, until, until_ended

from lithograph.domain.ids import DEFAULT_ORGANIZATION, OrganizationId
from lithograph.durable.status import Status
from lithograph.storage.open import Storage, open_storage
from lithograph.testing.fake_model.process import fake_model_process
from lithograph.testing.workers import WorkerProcess
from lithograph.workflow.extractors import ModelChoice

KEY = "sk-proj-Qe81mT0nZx4hW7bLcV29"
OPTIONS = ("--metrics-port=0", "--log-format=json")


@pytest.fixture
def storage(postgres: Server) -> Iterator[Storage]:
    with postgres.database() as url, open_storage(url) as opened:
        yield opened


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def logged(worker: WorkerProcess) -> list[dict[str, Any]]:
    """Return its log, of which every line is an object."""
    return [json.loads(line) for line in worker.said.splitlines()]


def scraped(worker: WorkerProcess) -> dict[tuple[str, str], float]:
    """Return what a scrape says: by name and organisation, added up."""
    (address,) = re.findall(r"metrics at (http://127\.0\.0\.1:\d+/metrics)", worker.said)
    with urlopen(address) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    found: dict[tuple[str, str], float] = {}
    for sample in (one for family in families for one in family.samples):
        key = (sample.name.removeprefix("lithograph_"), sample.labels.get("organization", ""))
        found[key] = found.get(key, 0.0) + sample.value
    return found


def test_what_a_worker_does_is_in_its_log_its_metrics_and_its_traces(storage: Storage, collector: Collector) -> None:
    acme = OrganizationId("acme")
    with fake_model_process() as model:
        environment = {"OPENAI_API_KEY": KEY, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        with WorkerProcess(storage.url, options=OPTIONS, environment=environment) as worker:
            one = queue(storage, "annals", model=ModelChoice("openai:fake", model.url))
            queue(storage, "acme's", organization_id=acme)
            until_ended(storage, [one])
            until(lambda: scraped(worker).get(("executions_ended_total", acme)) == 1)
            seen = scraped(worker)
            worker.stop()
        asked = model.stats().requests

    assert worker.status == 0
    assert execution(storage, one).status is Status.COMPLETED
    mine = DEFAULT_ORGANIZATION
    assert seen["executions_ended_total", mine] == seen["database_up", ""] == 1
    assert seen["model_calls_total", mine] == asked
    assert seen["model_tokens_total", mine] > 1_000
    finished = [event for event in events_of(storage, one) if event.type == "activity.completed"]
    assert seen["activities_total", mine] == len(finished)

    log = logged(worker)
    about = [line["event"] for line in log if line.get("execution_id") == one]
    assert about == ["execution started", "execution completed"]
    assert log[-1]["event"] == "stopped; what was in work is given back"
    assert KEY not in worker.said

    whole = next(span for span in collector.spans if span.attributes.get("lithograph.execution_id") == one)
    below = [span for span in collector.spans if span.parent == whole.id]
    calls = [span for span in collector.spans if span.name == "chat fake"]
    assert (whole.name, whole.service) == ("execution extraction", "lithograph-worker")
    assert {span.name for span in below} >= {"activity mentions", "activity entities", "activity relations"}
    assert len(calls) == asked
    assert {span.parent for span in calls} <= {span.id for span in below}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_why_a_worker_cannot_begin_is_said_in_the_form_of_its_log(log_format: str, tmp_path: Path) -> None:
    litho = Litho(tmp_path, {"LITHOGRAPH_LOG_FORMAT": log_format})
    done = litho("worker", "--db", "postgresql://nobody:hunter2@127.0.0.1:5x/none")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    (line,) = done.stderr.splitlines()
    said = json.loads(line)["event"] if log_format == "json" else line.removeprefix("litho: ")
    assert said.startswith("the database URL cannot be understood;")


def test_a_port_that_is_taken_is_refused_in_a_sentence(storage: Storage, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = Litho(tmp_path)("worker", "--db", storage.url, "--metrics-port", str(port))
    assert done.returncode == 2
    assert sentence(done) == (
        f"metrics cannot be served at 127.0.0.1:{port} (Address already in use); name another one with --metrics-port "
        "or --metrics-host"
    )


def test_where_nobody_collects_traces_a_worker_stops_all_the_same(storage: Storage) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    with WorkerProcess(storage.url, environment=environment) as worker:
        until_ended(storage, [queue(storage, "annals")])
        worker.stop()
    assert worker.status == 0
    assert worker.said.splitlines()[-1] == "stopped; what was in work is given back"
