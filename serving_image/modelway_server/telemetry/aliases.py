"""Metrics by the names and labels of other servers, for dashboards and autoscalers that know those.

Sources: KServe's Python server (`kserve/metrics.py`), MLServer (`mlserver/handlers/dataplane.py`). They are fed by the
same observations as our own.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary

from modelway_server.telemetry.observers import Finished, Observer


def observers_of(
    names: Iterable[str], registry: CollectorRegistry, *, model: str, version: str
) -> tuple[Observer, ...]:
    """The observers that publish metrics by the names of other servers.

    Args:
        names: kserve, mlserver.
        registry: that they are published with.
        model: its name.
        version: the user's word for its version.
    """
    makers: dict[str, Callable[[], Observer]] = {
        "kserve": lambda: KServe(registry, model),
        "mlserver": lambda: MLServer(registry, model, version),
    }
    return tuple(makers[name]() for name in dict.fromkeys(names))


class KServe:
    """`request_{preprocess,predict,postprocess}_seconds`, of requests that reached the stage."""

    def __init__(self, registry: CollectorRegistry, model: str) -> None:
        self._preprocess, self._predict, self._postprocess = (
            Histogram(
                f"request_{stage}_seconds", f"{stage} request latency", ("model_name",), registry=registry
            ).labels(model)
            for stage in ("preprocess", "predict", "postprocess")
        )

    def __call__(self, finished: Finished) -> None:
        """Count one request."""
        stages = finished.stages
        if stages is None:
            return
        self._preprocess.observe(stages.read - stages.reading)
        if stages.called:
            self._predict.observe(stages.called - stages.calling)
        if stages.encoded:
            self._postprocess.observe(stages.encoded - stages.called)


class MLServer:
    """`model_infer_request_{success,failure}_total` and `model_infer_request_duration`, in seconds."""

    def __init__(self, registry: CollectorRegistry, model: str, version: str) -> None:
        labels = ("model", "version")
        name = "model_infer_request"
        self._success = Counter(f"{name}_success", "Model infer request success count", labels, registry=registry)
        self._failure = Counter(f"{name}_failure", "Model infer request failure count", labels, registry=registry)
        duration = Summary(f"{name}_duration", "Model infer request duration", labels, registry=registry)
        self._succeeded, self._failed = (counter.labels(model, version) for counter in (self._success, self._failure))
        self._duration = duration.labels(model, version)

    def __call__(self, finished: Finished) -> None:
        """Count one request."""
        (self._succeeded if finished.code == 200 else self._failed).inc()
        self._duration.observe(finished.ended - finished.started)
