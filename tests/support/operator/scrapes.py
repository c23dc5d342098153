"""What Prometheus gets from both programs, each metric with a value."""

from modelway.metrics import Metrics as OfOperator
from modelway.model_gauges import Model, ModelGauges
from modelway_server.telemetry.metrics import PROTOCOLS
from modelway_server.telemetry.metrics import Metrics as OfServer
from modelway_server.traffic.series import RolloutSeries
from modelway_server.traffic.shared import Shared
from support.operator.observed import owner


def operators() -> str:
    """A scrape of the operator, each metric with a value."""
    metrics = OfOperator()
    metrics.reconciles.labels(result="ok").inc()
    metrics.api_writes.labels(kind="Deployment", verb="apply").inc()
    for counter in (metrics.repairs, metrics.misses):
        counter.labels(kind="Service").inc()
    metrics.deployments.labels(ready="True").set(1)
    ModelGauges(lambda: [Model(owner(), None)], metrics.registry)
    return metrics.exposition().decode()


def servers() -> str:
    """A scrape of a model's server, each metric with a value."""
    metrics = OfServer(model="fraud", model_version="v7", revision="abc")
    metrics.add_collector(RolloutSeries(Shared(1), lambda: "w-1", metrics.identity))
    for method in PROTOCOLS:
        metrics.observe(method, 200, 0.1)
    metrics.describe(
        platform_name="sklearn",
        estimator="sklearn.ensemble.X",
        digest="sha256:0",
        load_seconds=1,
        engine="onnx",
        walls={"landlock": True},
    )
    return metrics.exposition().decode()
