"""An OpenTelemetry collector in miniature: OTLP over HTTP, on loopback, which keeps every span it is sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """What has arrived.

    Attributes:
        url: for OTEL_EXPORTER_OTLP_ENDPOINT.
        spans: as OTLP has them.
        resources: the attributes of what sent them.
    """

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    def named(self, name: str) -> Any:
        """The only span of that name; None while there is none."""
        matching = [span for span in self.spans if span.name == name]
        assert len(matching) <= 1, [span.name for span in self.spans]
        return matching[0] if matching else None

    def take(self, content: bytes) -> None:
        """Keep what a request holds."""
        for sender in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.resources.append({one.key: one.value.string_value for one in sender.resource.attributes})
            self.spans += [span for scope in sender.scope_spans for span in scope.spans]


@contextmanager
def collector() -> Iterator[Collector]:
    """A collector until the end of the block."""
    traces = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            traces.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        traces.url = "http://{}:{}".format(*server.server_address[:2])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield traces
        finally:
            server.shutdown()
            thread.join()
