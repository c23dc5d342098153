"""Spans for OpenTelemetry: one for each request, with a child for each stage of it.

The libraries, of the extra `tracing`, are imported only if OTEL_EXPORTER_OTLP_ENDPOINT is set. All settings are
OpenTelemetry's own environment variables (sampler, resource attributes, headers, timeouts).

Source: OpenTelemetry, "Environment Variable Specification"; semantic conventions for HTTP and RPC servers.
"""

import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

    from modelway_server.telemetry.observers import Finished, Stages

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")
_DNS: Final = 53
_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080}
CLOSE_SECONDS: Final = 3.0
"""The end of a worker waits this long for spans that are not sent yet."""
_LOGGER = logging.getLogger(__name__)


def is_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether an endpoint for spans is set, and spans are not switched off."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)


def ports(environ: Mapping[str, str] = os.environ) -> tuple[int, ...]:
    """The TCP ports that spans are sent to, those of proxies included; none where spans are not wanted."""
    if not is_wanted(environ):
        return ()
    urls = (environ.get(name) for name in (*ENDPOINTS, *PROXIES, *map(str.upper, PROXIES)))
    places = [urlsplit(url) for url in urls if url]
    return tuple(sorted({_DNS, *(place.port or _PORTS.get(place.scheme, 80) for place in places)}))


def tracing(*, model: str, version: str, revision: str) -> "Tracing | None":
    """The exporter of spans of this process; None where the extra is not installed, which is logged.

    Args:
        model: its name, which is the name of the service unless OTEL_SERVICE_NAME is set.
        version: the user's word for its version.
        revision: hash of its revision.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        _LOGGER.warning("no spans are exported: %s; install the extra `tracing`, or unset %s", error, ENDPOINTS[0])
        return None
    named = {"service.version": version, "modelway.revision": revision}
    attributes = {name: value for name, value in named.items() if value}
    if "OTEL_SERVICE_NAME" not in os.environ:
        attributes["service.name"] = model
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider, model)


class Tracing:
    """Makes spans of finished requests; see `tracing`.

    Args:
        provider: with its sampler and exporter.
        model: its name.
    """

    def __init__(self, provider: "TracerProvider", model: str) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("modelway_server")
        self._model = model

    def __call__(self, finished: "Finished") -> None:
        """Make the spans once the request's answer is on its way."""
        import asyncio  # noqa: PLC0415  (what looks for spans alone, as `fetch`, needs none of it)

        asyncio.get_running_loop().call_soon(self._record, finished)

    async def close(self) -> None:
        """Send the spans that are left, for at most CLOSE_SECONDS."""
        import asyncio  # noqa: PLC0415  (what looks for spans alone, as `fetch`, needs none of it)

        closing = asyncio.get_running_loop().run_in_executor(None, self._provider.shutdown)
        await asyncio.wait((closing,), timeout=CLOSE_SECONDS)

    def _record(self, finished: "Finished") -> None:
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context  # noqa: PLC0415

        epoch = time.time_ns() - time.monotonic_ns()
        span = self._tracer.start_span(
            f"{finished.method} {self._model}",
            context=_parent(finished),
            kind=SpanKind.SERVER,
            start_time=_nanoseconds(finished.started, epoch),
            attributes={
                "modelway.model": self._model,
                "modelway.method": finished.method,
                "modelway.rows": finished.rows,
                "network.protocol.name": finished.protocol,
                "http.response.status_code": finished.code,
            },
        )
        if span.is_recording():
            inside = set_span_in_context(span)
            for name, begin, end in _parts(finished.stages):
                part = self._tracer.start_span(name, context=inside, start_time=_nanoseconds(begin, epoch))
                part.end(_nanoseconds(end, epoch))
            if finished.code >= 500:
                span.set_status(StatusCode.ERROR)
        span.end(_nanoseconds(finished.ended, epoch))


def _parts(stages: "Stages | None") -> list[tuple[str, float, float]]:
    """The stages that a request passed: name, begin and end."""
    if stages is None:
        return []
    ways = (
        ("read", stages.reading, stages.read),
        ("queue", stages.read, stages.calling),
        ("predict", stages.calling, stages.called),
        ("encode", stages.called, stages.encoded),
    )
    return [way for way in ways if way[1] and way[2]]


def _parent(finished: "Finished") -> "Context":
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import (  # noqa: PLC0415
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        TraceState,
        set_span_in_context,
    )

    trace = finished.trace
    if trace is None:
        return Context()
    parent = SpanContext(
        int(trace.trace_id, 16),
        int(trace.parent_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if trace.sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([trace.state]),
    )
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _nanoseconds(monotonic: float, epoch: int) -> int:
    return int(monotonic * 1e9) + epoch
