"""Metrics: what happens in this process, counted for Prometheus, and what the database says when it is asked.

Every label has few values. Those that come from users, organisations and models, have a value of their own for the
first that are met, and `other` for all that come after them. No label holds a text of a document or of an error.
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily

from lithograph.domain.usage import Usage
from lithograph.errors import StorageError, UsageError
from lithograph.telemetry.backlog import Backlog, BacklogOf, Standing
from lithograph.telemetry.observe import Answered, Ended, Observed, Observer, Subject, current_subject

if TYPE_CHECKING:
    from prometheus_client.core import Metric

OTHER: Final = "other"
"""The value of a label for everything beyond the first."""

_SECONDS: Final = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)

_CIRCUITS: Final = {"closed": 0, "half_open": 1, "open": 2}

_ENDS: Final = ("completed", "completed_with_errors", "failed", "cancelled")


class _Few:
    """Gives a label's value for everything that is met: its own for the first, `other` for the rest."""

    def __init__(self, most: int) -> None:
        self._most, self._known = most, {""}
        self._lock = Lock()

    def __call__(self, value: str) -> str:
        if value in self._known:
            return value
        with self._lock:
            if len(self._known) <= self._most:
                self._known.add(value)
                return value
        return OTHER


class Metrics(Observer):
    """An observer that counts; `registry` has all of its collectors, and is what a scrape is answered from.

    Safe to share between threads.
    """

    def __init__(self, *, organizations: int = 100, models: int = 50) -> None:
        """`organizations` and `models` are how many have values of their own."""
        self.registry = CollectorRegistry()
        self._organization, self._model = _Few(organizations), _Few(models)
        self._providers = _Providers(self._model)
        counter, histogram = self._counter, self._histogram
        self._activities = counter("activities", "Attempts at activities.", "organization", "stage", "outcome")
        self._activity_seconds = histogram("activity_seconds", "Seconds of an attempt at an activity.", "stage")
        self._replayed = counter("activities_replayed", "Activities that the journal gave back.", "organization")
        self._repeated = counter(
            "activities_repeated",
            "Activities in flight when their execution was lost or given back: these at most were paid for twice.",
            "organization",
        )
        self._calls = counter("model_calls", "Requests to models.", "organization", "model", "outcome")
        self._call_seconds = histogram("model_call_seconds", "Seconds of a request to a model.", "model")
        self._tokens = counter("model_tokens", "Tokens sent and received.", "organization", "model", "direction")
        self._cost = counter("model_cost_usd", "US dollars that calls have cost.", "organization", "model")
        self._waits = histogram("limiter_wait_seconds", "Seconds that a call waited for its turn.", "model")
        self._circuits = counter("circuit_changes", "How often a circuit has become so.", "model", "state")
        self._ended = counter("executions_ended", "Executions that have ended.", "organization", "type", "status")
        self._suspended = counter("executions_suspended", "Executions that were suspended.", "organization", "type")
        self._recoveries = counter("recoveries", "Executions taken over from the dead.", "organization", "type")
        self._runs = Gauge(
            "lithograph_executions_in_work", "Executions that this process runs.", ("type",), registry=self.registry
        )
        self._requests = counter("http_requests", "Requests that were answered.", "method", "route", "status")
        self._request_seconds = histogram("http_request_seconds", "Seconds until an answer began.", "route")
        ProcessCollector(registry=self.registry)
        self.registry.register(self._providers)

    def watch(self, backlog_of: BacklogOf) -> None:
        """Ask a database for its backlog at every scrape."""
        self.registry.register(_Database(backlog_of, self._organization))

    def run(self, subject: Subject) -> Ended:
        """Count an execution as in work."""
        running = self._runs.labels(subject.workflow_type)
        running.inc()

        def ended(outcome: str, seconds: float, usage: Usage) -> None:  # noqa: ARG001
            running.dec()

        return ended

    def loaded(self, subject: Subject, replayed: int, repeated: int) -> None:
        """Count what need not run, and what has to run again."""
        organization = self._organization(subject.organization_id)
        if replayed:
            self._replayed.labels(organization).inc(replayed)
        if repeated:
            self._repeated.labels(organization).inc(repeated)

    def activity(self, name: str, attempt: int) -> Ended:  # noqa: ARG002
        """Count an attempt when it has ended."""
        stage, organization = name.partition("/")[0], self._mine()

        def ended(outcome: str, seconds: float, usage: Usage) -> None:  # noqa: ARG001
            self._activities.labels(organization, stage, str(outcome)).inc()
            self._activity_seconds.labels(stage).observe(seconds)

        return ended

    def call(self, model: str, task: str) -> Ended:  # noqa: ARG002
        """Count a call when it has ended."""
        model, organization = self._model(model), self._mine()

        def ended(outcome: str, seconds: float, usage: Usage) -> None:
            self._calls.labels(organization, model, str(outcome)).inc()
            self._call_seconds.labels(model).observe(seconds)
            if usage.tokens:
                self._tokens.labels(organization, model, "input").inc(usage.input_tokens)
                self._tokens.labels(organization, model, "output").inc(usage.output_tokens)
            if usage.cost_usd:
                self._cost.labels(organization, model).inc(usage.cost_usd)

        return ended

    def request(self, method: str, headers: Mapping[str, str]) -> Answered:  # noqa: ARG002
        """Count a request when it is answered."""

        def answered(route: str, status: int, seconds: float) -> None:
            self._requests.labels(method, route, str(status)).inc()
            self._request_seconds.labels(route).observe(seconds)

        return answered

    def changed(self, subject: Subject, change: str) -> None:
        """Count ends, suspensions and recoveries."""
        about = self._organization(subject.organization_id), subject.workflow_type
        if change in _ENDS:
            self._ended.labels(*about, change).inc()
        elif change == "suspended":
            self._suspended.labels(*about).inc()
        elif change == "recovered":
            self._recoveries.labels(*about).inc()

    def waited(self, model: str, seconds: float) -> None:
        """Count a wait."""
        self._waits.labels(self._model(model)).observe(seconds)

    def circuit_changed(self, model: str, state: str) -> None:
        """Count a change."""
        self._circuits.labels(self._model(model), str(state)).inc()

    def provider(self, provider: Observed) -> None:
        """Look at a provider at every scrape, as long as it lives."""
        self._providers.add(provider)

    def _mine(self) -> str:
        subject = current_subject.get()
        return self._organization(subject.organization_id) if subject is not None else ""

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(f"lithograph_{name}", said, labels, registry=self.registry)

    def _histogram(self, name: str, said: str, *labels: str) -> Histogram:
        return Histogram(f"lithograph_{name}", said, labels, registry=self.registry, buckets=_SECONDS)


class _Providers:
    """Collects how the circuits and the queues of this process stand at the moment."""

    def __init__(self, model: _Few) -> None:
        self._model = model
        self._providers: weakref.WeakSet[Observed] = weakref.WeakSet()
        self._lock = Lock()

    def add(self, provider: Observed) -> None:
        """Look at a provider, as long as it lives."""
        with self._lock:
            self._providers.add(provider)

    def collect(self) -> "Iterator[Metric]":
        """Yield the gauges; of several providers of one name, the sum, and the worst state."""
        state = GaugeMetricFamily("lithograph_circuit_state", "0 closed, 1 half-open, 2 open.", labels=["model"])
        queue = GaugeMetricFamily("lithograph_limiter_queue", "Calls that wait for their turn.", labels=["model"])
        running = GaugeMetricFamily("lithograph_model_calls_running", "Requests that are out.", labels=["model"])
        found: dict[str, tuple[int, int, int]] = {}
        with self._lock:
            providers = list(self._providers)
        for one in providers:
            worst, queued, out = found.get(self._model(one.name), (0, 0, 0))
            worst = max(worst, _CIRCUITS[one.circuit.state])
            found[self._model(one.name)] = worst, queued + one.limiter.queued, out + one.limiter.running
        for model, (worst, queued, out) in sorted(found.items()):
            state.add_metric([model], worst)
            queue.add_metric([model], queued)
            running.add_metric([model], out)
        yield from (state, queue, running)


class _Database:
    """Collects the backlog of a database; where that cannot be asked, it says so and the scrape goes on."""

    def __init__(self, backlog_of: BacklogOf, organization: _Few) -> None:
        self._backlog_of, self._organization = backlog_of, organization

    def describe(self) -> "Iterator[Metric]":
        """Yield the gauges without asking the database."""
        return self._gauges(())

    def collect(self) -> "Iterator[Metric]":
        """Yield the gauges."""
        up = GaugeMetricFamily("lithograph_database_up", "Whether the database could be asked.")
        try:
            found = self._backlog_of()
        except StorageError:
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
            yield from self._gauges(found)
        yield up

    def _gauges(self, found: Sequence[Backlog]) -> "Iterator[Metric]":
        labels = ["organization", "type", "standing"]
        counts = GaugeMetricFamily("lithograph_executions", "Executions that have not ended.", labels=labels)
        silent = GaugeMetricFamily(
            "lithograph_execution_silent_seconds",
            "Seconds since the execution was heard of that has been silent longest: waiting, the age of the queue; "
            "running, of the oldest heartbeat.",
            labels=labels,
        )
        overdue = GaugeMetricFamily(
            "lithograph_leases_overdue", "Executions whose lease has run out.", labels=["organization", "type"]
        )
        together: dict[tuple[str, str, Standing], Backlog] = {}
        for one in found:
            key = (self._organization(one.organization_id), one.workflow_type, one.standing)
            known = together.get(key)
            together[key] = one if known is None else _both(one, known)
        for (organization, kind, standing), one in sorted(together.items()):
            counts.add_metric([organization, kind, standing], one.count)
            silent.add_metric([organization, kind, standing], one.silent)
            if standing is Standing.RUNNING:
                overdue.add_metric([organization, kind], one.overdue)
        yield from (counts, silent, overdue)


def _both(one: Backlog, other: Backlog) -> Backlog:
    counts = one.count + other.count, max(one.silent, other.silent), one.overdue + other.overdue
    return Backlog(OTHER, one.workflow_type, one.standing, *counts)


@contextmanager
def metrics_server(metrics: Metrics, host: str, port: int) -> Iterator[int]:
    """Answer scrapes at a port of their own as long as this lasts, and give its number; 0 takes any that is free.

    Raises `UsageError` when the port cannot be had.
    """
    try:
        server, thread = start_http_server(port, host, registry=metrics.registry)
    except OSError as error:
        raise UsageError(
            f"metrics cannot be served at {host}:{port} ({error.strerror or error}); name another one with "
            "--metrics-port or --metrics-host"
        ) from error
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
