"""Traces, as a collector has them."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import anyio
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.chats import KEY, probe
from tests.collected import Collector, collecting
from tests.journals import Steps, run, started, worker
from tests.provided import DOWN, World, first
from tests.served import Answer, served

from lithograph.domain.usage import Usage
from lithograph.durable.clock import SystemClock
from lithograph.errors import AnswerError, UsageError
from lithograph.models.openai import OpenAIChat
from lithograph.storage.open import Storage
from lithograph.telemetry.observe import headers_of_request, watch_activity, watch_call
from lithograph.telemetry.requests import WatchRequests
from lithograph.telemetry.traces import tracing

CLOCK = SystemClock()
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SERVER, CLIENT = 2, 3


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment names."""
    with collecting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.url)
        yield collector


async def test_a_run_is_a_span_above_those_of_its_activities(collector: Collector, storage: Storage) -> None:
    async def fail() -> None:
        raise AnswerError("nonsense")

    execution = started(storage, CLOCK).id
    with tracing("lithograph-test") as sent:
        assert sent
        await run(worker(storage), execution, Steps("a", "b", b=fail))
    whole = collector.named("execution ")
    good, bad = sorted(
        (span for span in collector.spans if span.name == "activity step"),
        key=lambda span: str(span.attributes["lithograph.activity"]),
    )
    assert (whole.parent, whole.service, whole.failed) == ("", "lithograph-test", True)
    assert whole.attributes["lithograph.execution_id"] == execution
    assert whole.attributes["lithograph.outcome"] == "failed"
    assert {good.parent, bad.parent} == {whole.id}
    assert {good.trace, bad.trace} == {whole.trace}
    assert (good.failed, good.attributes["lithograph.activity"], good.attributes["lithograph.attempt"]) == (
        False,
        "step/a",
        1,
    )
    assert (bad.failed, bad.attributes["lithograph.outcome"]) == (True, "failed")


async def test_a_call_says_which_model_and_what_it_cost(collector: Collector) -> None:
    with tracing("lithograph-test"):
        world = World(first(DOWN))
        await world.end()
    failed, answered = collector.spans
    assert {span.name for span in collector.spans} == {"chat gpt"}
    assert (failed.failed, failed.attributes["lithograph.outcome"]) == (True, "unavailable")
    assert answered.kind == CLIENT
    assert answered.attributes == {
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt",
        "lithograph.task": "mentions",
        "lithograph.outcome": "completed",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 20,
        "lithograph.cost_usd": 0.5,
    }


async def test_spans_of_tasks_side_by_side_do_not_mix(collector: Collector) -> None:
    async def one(name: str) -> None:
        with watch_activity(f"{name}/x", 1):
            await anyio.lowlevel.checkpoint()
            with watch_call(f"openai:{name}", "mentions"):
                await anyio.lowlevel.checkpoint()

    with tracing("lithograph-test"):
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, f"m{number}")
    for number in range(20):
        assert collector.named(f"chat m{number}").parent == collector.named(f"activity m{number}").id


async def test_a_model_is_told_which_trace_its_request_belongs_to(collector: Collector) -> None:
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}]}
    async with served(Answer(answer)) as server:
        chat = OpenAIChat("m", key=KEY, base_url=f"{server.url}/v1")
        try:
            with tracing("lithograph-test"), watch_call("openai:m", "probe") as watch:
                await chat.send(probe(), lambda headers: None)
                watch.end("completed", Usage(1, 1, 1, 0.0))
            await chat.send(probe(), lambda headers: None)
        finally:
            await chat.aclose()
    span = collector.named("chat m")
    traced, untraced = server.asked
    assert traced.headers["traceparent"].startswith(f"00-{span.trace}-{span.id}-")
    assert {"traceparent", "baggage"}.isdisjoint(untraced.headers)


def test_a_request_is_a_span_in_the_trace_that_its_sender_names(collector: Collector) -> None:
    app = FastAPI()

    @app.get("/v1/things/{thing}")
    def thing(thing: str) -> dict[str, str]:
        if thing == "bad":
            raise ZeroDivisionError
        return headers_of_request()

    app.add_middleware(WatchRequests)
    client = TestClient(app, raise_server_exceptions=False)
    sender = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with tracing("lithograph-test"):
        inside = client.get("/v1/things/secret-id", headers={"traceparent": sender}).json()
        client.get("/v1/things/bad")
        client.get("/nowhere/at/all")
    found, lost = collector.named("GET other"), collector.spans[1]
    span = collector.spans[0]
    assert (span.name, span.kind) == ("GET /v1/things/{thing}", SERVER)
    assert (span.trace, span.parent) == (sender.split("-")[1], sender.split("-")[2])
    assert span.attributes["http.response.status_code"] == 200
    assert inside["traceparent"] == f"00-{span.trace}-{span.id}-01"
    assert (lost.failed, lost.attributes["http.response.status_code"]) == (True, 500)
    assert found.attributes["http.response.status_code"] == 404
    assert "secret-id" not in str(collector.spans)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {ENDPOINT: ""},
        {ENDPOINT: "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_sent_unless_it_is_asked_for(environment: dict[str, str]) -> None:
    with tracing("lithograph-test", environment) as sent:
        assert not sent
        assert headers_of_request() == {}


def test_a_collector_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has an hour, which this test has not."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600")
        with tracing("lithograph-test"), watch_activity("a/b", 1):
            pass


def test_another_protocol_is_refused() -> None:
    environment = {ENDPOINT: "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'"), tracing("x", environment):
        pass


def test_where_opentelemetry_is_missing_a_sentence_says_so() -> None:
    """In a process in which it cannot be imported."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from lithograph.telemetry.traces import tracing\n"
        f"with tracing('x', {{'{ENDPOINT}': 'http://127.0.0.1:9'}}): pass"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"lithograph.errors.UsageError: traces are asked for by {ENDPOINT}, but OpenTelemetry is not installed; "
        "run `pip install 'lithograph[telemetry]'`, or unset the variable"
    )
