"""Traces and metrics by other names: what a platform that has them already is told of each request."""

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from modelway_server.protocol.trace_context import read_trace_context
from support.models import WINE
from support.server.collector import collector
from support.server.grpc_calls import calling, question
from support.server.served import Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (SAMPLED, True),
        (f" {SAMPLED} ", True),
        (f"cc-{TRACE}-{CALLER}-01-of-the-future", True),
        (f"00-{TRACE}-{CALLER}-01-more", False),
        (f"ff-{TRACE}-{CALLER}-01", False),
        (f"00-{'0' * 32}-{CALLER}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (SAMPLED.upper(), False),
        (SAMPLED[:-1], False),
        ("", False),
    ],
)
def test_invalid_traceparent_is_ignored(header: str, known: bool) -> None:  # noqa: FBT001
    context = read_trace_context(header.encode(), b"vendor=1")
    assert (context is not None) is known
    if context is not None:
        assert (context.trace_id, context.parent_id, context.sampled, context.state) == (
            TRACE,
            CALLER,
            True,
            "vendor=1",
        )


@pytest.mark.slow
def test_spans_of_a_request_reach_a_collector(
    launched: Launch, monkeypatch: pytest.MonkeyPatch, forest_model: SharedModel
) -> None:
    rows = {"instances": WINE[:3].tolist()}
    with collector() as spans:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", spans.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        server = launched("--workers=2", "--grpc-port=0", "--revision=abc", **forest_model).started()
        assert server.predict(rows, headers={"traceparent": SAMPLED}).status == 200
        http = eventually(lambda: spans.named("predict model"), deadline=10)
        eventually(lambda: len(spans.spans) == 5, deadline=5)
        parts = {name: spans.named(name) for name in ("read", "queue", "predict", "encode")}
        assert (http.trace_id.hex(), http.parent_span_id.hex()) == (TRACE, CALLER)
        assert {part.parent_span_id for part in parts.values()} == {http.span_id}
        assert http.start_time_unix_nano <= parts["queue"].start_time_unix_nano <= parts["predict"].start_time_unix_nano
        assert parts["predict"].end_time_unix_nano <= http.end_time_unix_nano
        assert {"service.name": "model", "modelway.revision": "abc"}.items() <= spans.resources[0].items()
        spans.spans.clear()
        with calling(server.addresses["grpc"]) as client:
            client.infer(question({"rows": WINE[:1]}), metadata=(("traceparent", SAMPLED),))
            client.infer(question({"rows": WINE[:1]}), metadata=(("traceparent", UNSAMPLED),))
        assert server.predict(rows, headers={"traceparent": UNSAMPLED}).status == 200
        server.send_signal(signal.SIGTERM)  # what was not sent yet is sent at the end
        assert server.process.wait(timeout=20) == 0
        assert spans.named("grpc_infer model").trace_id.hex() == TRACE
        assert spans.named("predict model") is None


@pytest.mark.slow
def test_absent_collector_delays_no_request_and_no_end(
    launched: Launch, monkeypatch: pytest.MonkeyPatch, sleeping_model: SharedModel
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    server = launched(**sleeping_model).started()
    assert server.predict({"instances": [[0.0]]}).status == 200
    server.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=15) == 0


@pytest.mark.slow
def test_no_tracing_library_is_imported_without_an_endpoint() -> None:
    code = "import sys, modelway_server.serving; print([name for name in sys.modules if name.partition('.')[0] in ('opentelemetry', 'grpc')])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


@pytest.mark.slow
def test_log_lines_name_the_trace(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--grpc-port=0", "--access-log", **sleeping_model).started()
    server.predict({"instances": [[0.0]]}, headers={"traceparent": SAMPLED})
    with calling(server.addresses["grpc"]) as client:
        client.infer(question({"rows": WINE[:1, :1] * 0}), metadata=(("traceparent", SAMPLED),))
    server.predict({"instances": [[0.0]]})
    eventually(lambda: len(_lines(server)) == 3, deadline=5)
    assert [line.get("trace_id") for line in _lines(server)] == [TRACE, TRACE, None]


@pytest.mark.slow
def test_metrics_have_the_names_of_kserve_and_mlserver(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--workers=2", "--grpc-port=0", "--metric-aliases=kserve,mlserver", **sleeping_model).started()
    rows: list[list[list[float]]] = [[[0.0]], [[0.0]], []]
    assert [server.predict({"instances": some}).status for some in rows] == [200, 200, 422]
    with calling(server.addresses["grpc"]) as client:
        client.infer(question({"rows": WINE[:1, :1] * 0}))
    metrics = server.probe("/metrics").body.splitlines()
    for stage in ("preprocess", "predict", "postprocess"):
        assert f'request_{stage}_seconds_count{{model_name="model"}} 3.0' in metrics
    assert 'model_infer_request_success_total{model="model",version=""} 3.0' in metrics
    assert 'model_infer_request_failure_total{model="model",version=""} 1.0' in metrics
    assert 'model_infer_request_duration_count{model="model",version=""} 4.0' in metrics


def _lines(server: Served) -> list[dict[str, object]]:
    return [line for line in server.log if line["message"] == "request"]
