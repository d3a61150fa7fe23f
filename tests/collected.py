"""A collector of traces: a real HTTP server that takes OTLP as protobuf, and remembers the spans."""

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Collected:
    """A span as it was sent; ids are hexadecimal, empty where there is none."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    attributes: Mapping[str, object]
    service: str


@dataclass(slots=True)
class Collector:
    """Listens at `url`."""

    url: str
    spans: list[Collected] = field(default_factory=list)

    def named(self, name: str) -> Collected:
        """Return the only span of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen until the context ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            assert self.path == "/v1/traces"
            assert self.headers["content-type"] == "application/x-protobuf"
            collector.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Collected]:
    for resource in request.resource_spans:
        (service,) = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {
                    one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value")
                    for one in span.attributes
                }
                ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                yield Collected(span.name, *ids, span.kind, span.status.code == 2, attributes, service)
