"""What a scrape says."""

import gc
from collections.abc import Callable, Sequence
from urllib.request import urlopen

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from tests.journals import ORGANIZATION, Steps, run, started, worker
from tests.provided import DOWN, World, first

from lithograph.domain.ids import ExecutionId, OrganizationId
from lithograph.domain.usage import Usage
from lithograph.durable.backlog import backlog
from lithograph.durable.clock import SystemClock
from lithograph.errors import AnswerError, StorageError, UsageError
from lithograph.storage.open import Storage, connect
from lithograph.telemetry.backlog import Backlog, Standing
from lithograph.telemetry.metrics import OTHER, Metrics, metrics_server
from lithograph.telemetry.observe import Subject, observing, watch_call, watch_run
from lithograph.telemetry.requests import WatchRequests

CLOCK = SystemClock()
Sample = Callable[..., float | None]


def sampled(metrics: Metrics) -> Sample:
    """Return what gives a sample of a scrape by its name and labels; None where there is none."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    samples = [sample for family in families for sample in family.samples]

    def sample(name: str, **labels: str) -> float | None:
        values = [one.value for one in samples if one.name == f"lithograph_{name}" and one.labels == labels]
        assert len(values) <= 1
        return values[0] if values else None

    return sample


def subject(organization: str) -> Subject:
    return Subject(OrganizationId(organization), ExecutionId("execution_1"), "test")


async def test_activities_and_executions_are_counted(storage: Storage) -> None:
    async def fail() -> None:
        raise AnswerError("nonsense")

    metrics = Metrics()
    metrics.watch(lambda: backlog(storage))
    with observing(metrics):
        await run(worker(storage), started(storage, CLOCK).id, Steps("a", "b", b=fail))
    sample = sampled(metrics)

    assert sample("activities_total", organization=ORGANIZATION, stage="step", outcome="completed") == 1
    assert sample("activities_total", organization=ORGANIZATION, stage="step", outcome="failed") == 1
    assert sample("activity_seconds_count", stage="step") == 2
    # The helpers of this test name no type for the run; the row has one.
    assert sample("executions_ended_total", organization=ORGANIZATION, type="test", status="failed") == 1
    assert sample("executions_in_work", type="") == 0
    assert sample("database_up") == 1


async def test_calls_tokens_money_waits_and_circuits_are_counted() -> None:
    metrics = Metrics()
    with observing(metrics), watch_run(subject("acme")):
        world = World(first(*[DOWN] * 5), retries=9)
        await world.end(world.patient())
        sample = sampled(metrics)
        about = {"organization": "acme", "model": "openai:gpt"}
        assert sample("model_calls_total", **about, outcome="unavailable") == 5
        assert sample("model_calls_total", **about, outcome="completed") == 1
        assert sample("model_tokens_total", **about, direction="input") == 10
        assert sample("model_tokens_total", **about, direction="output") == 20
        assert sample("model_cost_usd_total", **about) == 0.5
        assert sample("limiter_wait_seconds_count", model="openai:gpt") == 6
        assert sample("circuit_changes_total", model="openai:gpt", state="open") == 1
        assert sample("circuit_state", model="openai:gpt") == 0
        assert sample("limiter_queue", model="openai:gpt") == 0
        await world.open()
        assert sampled(metrics)("circuit_state", model="openai:gpt") == 2


def test_requests_are_counted_by_their_route_and_not_by_their_path() -> None:
    app = FastAPI()

    @app.get("/v1/things/{thing}")
    def thing(thing: str) -> str:
        return thing

    app.add_middleware(WatchRequests)
    metrics, client = Metrics(), TestClient(app)
    client.get("/v1/things/unwatched")
    with observing(metrics):
        for path in ("/v1/things/1", "/v1/things/2", "/elsewhere/1", "/elsewhere/2"):
            client.get(path)
        client.request("BREW", "/v1/things/1")
    sample = sampled(metrics)
    assert sample("http_requests_total", method="GET", route="/v1/things/{thing}", status="200") == 2
    assert sample("http_requests_total", method="GET", route=OTHER, status="404") == 2
    assert sample("http_request_seconds_count", route="/v1/things/{thing}") in (2, 3)
    assert b"BREW" not in generate_latest(metrics.registry)


async def test_a_provider_that_is_gone_is_looked_at_no_more() -> None:
    metrics = Metrics()
    with observing(metrics):
        world = World()
    assert sampled(metrics)("circuit_state", model="openai:gpt") == 0
    del world
    gc.collect()
    assert sampled(metrics)("circuit_state", model="openai:gpt") is None


def test_labels_that_come_from_users_have_few_values() -> None:
    metrics = Metrics(organizations=2, models=2)
    with observing(metrics):
        for number in range(5):
            with watch_run(subject(f"org{number}")), watch_call(f"openai:m{number}", "mentions") as watch:
                watch.end("completed", Usage(1, 10, 0, 0.0))
    sample = sampled(metrics)
    for number in range(2):
        about = {"organization": f"org{number}", "model": f"openai:m{number}"}
        assert sample("model_calls_total", **about, outcome="completed") == 1
    assert sample("model_calls_total", organization=OTHER, model=OTHER, outcome="completed") == 3


def test_organisations_beyond_the_first_are_added_up() -> None:
    def found() -> Sequence[Backlog]:
        return [Backlog(f"org{n}", "extraction", Standing.RUNNING, n, 10.0 * n, 1) for n in range(1, 5)]

    metrics = Metrics(organizations=2)
    metrics.watch(found)
    sample = sampled(metrics)
    about = {"type": "extraction", "standing": "running"}
    assert sample("executions", organization="org2", **about) == 2
    assert sample("executions", organization=OTHER, **about) == 7
    assert sample("execution_silent_seconds", organization=OTHER, **about) == 40
    assert sample("leases_overdue", organization=OTHER, type="extraction") == 2


def test_a_scrape_goes_on_where_the_database_cannot_be_asked() -> None:
    def away() -> Sequence[Backlog]:
        raise StorageError("it is away")

    metrics = Metrics()
    metrics.watch(away)
    sample = sampled(metrics)
    assert sample("database_up") == 0
    assert sample("executions", organization="a", type="b", standing="waiting") is None


def test_a_server_that_nobody_can_reach_is_said_to_be_away() -> None:
    metrics = Metrics()
    with connect("postgresql://nobody@127.0.0.1:9/none") as storage:
        metrics.watch(lambda: backlog(storage))
        assert sampled(metrics)("database_up") == 0


def test_a_scrape_is_answered_at_a_port_of_its_own_until_the_end() -> None:
    metrics = Metrics()
    with metrics_server(metrics, "127.0.0.1", 0) as port:
        with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"lithograph_executions_in_work" in answer.read()
        with (
            pytest.raises(UsageError, match=f"metrics cannot be served at 127.0.0.1:{port} .*in use"),
            metrics_server(metrics, "127.0.0.1", port),
        ):
            pass
    with pytest.raises(OSError, match="refused"):
        urlopen(f"http://127.0.0.1:{port}/metrics")
