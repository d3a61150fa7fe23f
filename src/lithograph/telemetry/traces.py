"""Traces: runs, activities, calls and requests as OpenTelemetry's spans, sent over HTTP to whoever collects them.

What is sent and where to is said by OpenTelemetry's own environment variables; see `wanted`. A request to a model
carries the W3C `traceparent` of its call.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Final

from lithograph.domain.usage import Usage
from lithograph.errors import UsageError
from lithograph.telemetry.observe import Answered, Ended, Observer, Outcome, Subject, observing

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    Attributes = dict[str, str | int | float]

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN: Final = "http/protobuf"

_FAREWELL: Final = 3.0
"""Seconds at the end for what was not sent yet."""

_WRONG: Final = (Outcome.FAILED, Outcome.UNAVAILABLE, Outcome.OVERLOADED, Outcome.REJECTED, Outcome.UNUSABLE)


def wanted(environment: Mapping[str, str]) -> bool:
    """Return whether traces are to be sent: an endpoint is set, and neither OpenTelemetry nor its traces are off."""
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    off = off or environment.get("OTEL_TRACES_EXPORTER", "").lower() == "none"
    return not off and any(environment.get(name) for name in _ENDPOINTS)


@contextmanager
def tracing(service: str, environment: Mapping[str, str] = os.environ) -> Iterator[bool]:
    """Send traces, if they are `wanted`, as long as this lasts; give whether any are sent.

    `service` is what the process is called where `OTEL_SERVICE_NAME` says nothing. Raises `UsageError` when they are
    wanted and cannot be sent.
    """
    if not wanted(environment):
        yield False
        return
    asked_by = next(name for name in _ENDPOINTS if environment.get(name))
    for name in _PROTOCOLS:
        if environment.get(name, _SPOKEN) != _SPOKEN:
            raise UsageError(f"{name} is {environment[name]!r}, but traces are sent as {_SPOKEN} only; unset it")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise UsageError(
            f"traces are asked for by {asked_by}, but OpenTelemetry is not installed; run "
            "`pip install 'lithograph[telemetry]'`, or unset the variable"
        ) from error

    named = {} if environment.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
    exporter = OTLPSpanExporter()
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        with observing(Traced(provider.get_tracer("lithograph"))):
            yield True
    finally:
        farewell = Thread(target=provider.shutdown, name="traces", daemon=True)
        farewell.start()
        farewell.join(_FAREWELL)
        if farewell.is_alive():
            exporter.shutdown()  # type: ignore[no-untyped-call]  # it would try again and again


class Traced(Observer):
    """An observer that makes spans: those of activities below those of their run, those of calls below both."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer

    def run(self, subject: Subject) -> Ended:
        """Begin the span of a run."""
        about: Attributes = {
            "lithograph.execution_id": subject.execution_id,
            "lithograph.organization_id": subject.organization_id,
            "lithograph.workflow_type": subject.workflow_type,
        }
        return self._begin(f"execution {subject.workflow_type}", about)

    def activity(self, name: str, attempt: int) -> Ended:
        """Begin the span of an attempt at an activity."""
        about: Attributes = {"lithograph.activity": name, "lithograph.attempt": attempt}
        return self._begin(f"activity {name.partition('/')[0]}", about)

    def call(self, model: str, task: str) -> Ended:
        """Begin the span of a call."""
        provider, _, name = model.partition(":")
        about: Attributes = {
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": name or provider,
            "lithograph.task": task,
        }
        return self._begin(f"chat {name or provider}", about, client=True)

    def request(self, method: str, headers: Mapping[str, str]) -> Answered:
        """Begin the span of a request, in the trace that its headers name."""
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, Status, StatusCode

        span = self._tracer.start_span(method, extract(headers), SpanKind.SERVER, {"http.request.method": method})
        leave = _entered(span)

        def answered(route: str, status: int, seconds: float) -> None:  # noqa: ARG001  # a span knows its own
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= 500:  # a fault of ours
                span.set_status(Status(StatusCode.ERROR))
            leave()

        return answered

    def headers(self) -> Mapping[str, str]:
        """Return what names the current span to another process."""
        from opentelemetry.propagate import inject

        carrier: dict[str, str] = {}
        inject(carrier)
        return {name: carrier[name] for name in ("traceparent", "tracestate") if name in carrier}

    def _begin(self, name: str, about: "Attributes", *, client: bool = False) -> Ended:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        span = self._tracer.start_span(name, kind=kind, attributes=about)
        leave = _entered(span)

        def ended(outcome: str, seconds: float, usage: Usage) -> None:  # noqa: ARG001  # a span knows its own
            span.set_attribute("lithograph.outcome", str(outcome))
            if usage.tokens:
                span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
                span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
                span.set_attribute("lithograph.cost_usd", usage.cost_usd)
            if outcome in _WRONG:
                span.set_status(Status(StatusCode.ERROR, str(outcome)))
            leave()

        return ended


def _entered(span: "Span") -> Callable[[], None]:
    """Let what happens now be part of a span; return what ends both."""
    from opentelemetry import context
    from opentelemetry.trace import set_span_in_context

    token = context.attach(set_span_in_context(span))

    def leave() -> None:
        context.detach(token)
        span.end()

    return leave
