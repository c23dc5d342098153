"""The metrics of this server for Prometheus. Children are kept, since a look-up costs as much as counting.

Requests are summed in plain numbers first. `publish` adds them to the metrics once for all requests of one call of the
model, before their answers leave: so whoever has an answer finds it counted.

With several workers, each writes its own files below `PROMETHEUS_MULTIPROC_DIR`, and the one that is scraped sums them.
That variable must be set before this module is imported. The files bear the worker's number: the successor of a dead
worker continues its counts, so no counter falls, and there are as many files after a thousand deaths as before.
"""

import os
import platform
import re
from collections import deque
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from modelway_server.telemetry.batch_histogram import BatchHistogram
from modelway_server.telemetry.observers import Finished, Observer

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
RECENT = 1024
"""Answers whose times are kept."""
ROW_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
_MODEL = ("model", "version", "revision")
PROTOCOLS: Final = {"infer": "v2", "grpc_infer": "grpc", "predict": "v1", "invocations": "mlflow", "rows": "rows"}
"""The protocol of a request by the word for its route, which is the label `method` in this release."""
RENAMED: Final = {
    "modelway_request_duration_seconds": "modelway_request_seconds",
    "modelway_queue_duration_seconds": "modelway_queue_seconds",
    "modelway_load_duration_seconds": "modelway_load_seconds",
}
"""Metrics and their names until 0.1; both are published for one release."""


class _WorkerFiles(Collector):
    """The sum of the files of all workers.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """The metrics; a file without a byte has only just been created, by a worker that may have died there."""
        files = [str(path) for path in self._folder.glob("*.db") if _size(path)]
        metrics: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return metrics


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # gauges of a worker that has died
        return 0


def be_worker(slot: int) -> None:
    """Let this process, one of several, count in the files of worker `slot`; called before it makes its metrics."""
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]


class _Answered:
    """The requests of one route that had one status.

    Attributes:
        count, histogram: their metrics.
        seconds: of those that are not published yet.
    """

    def __init__(self, count: Counter, histogram: BatchHistogram) -> None:
        self.count = count
        self.histogram = histogram
        self.seconds: list[float] = []


class Metrics:
    """The metrics of one served model.

    Args:
        model: its name.
        model_version: the user's word for its version.
        revision: hash of its revision.

    Attributes:
        registry: that they are published with.
        observers: called with each answered inference request.
        identity: model, version and revision.
        recent_seconds: how long the latest answers of the model took, without those that another server was asked for first.
    """

    def __init__(self, *, model: str, model_version: str, revision: str) -> None:
        self._labels = self.identity = (model, model_version, revision)
        self.recent_seconds: deque[float] = deque(maxlen=RECENT)
        self._collectors: list[Collector] = []
        self.observers: tuple[Observer, ...] = ()
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "modelway_requests_total",
            "Inference requests answered.",
            (*_MODEL, "method", "protocol", "code"),
            registry=registry,
        )
        self._seconds = BatchHistogram(
            "modelway_request_duration_seconds",
            "Seconds from a request's header to its answer.",
            (*_MODEL, "method", "protocol"),
            buckets=BUCKETS,
            registry=registry,
        )
        self._rows = Counter("modelway_rows_total", "Rows predicted.", _MODEL, registry=registry)
        self._in_flight = Gauge(
            "modelway_in_flight",
            "Inference requests not yet answered.",
            _MODEL,
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._batch_rows = BatchHistogram(
            "modelway_batch_rows", "Rows of one call of the model.", _MODEL, buckets=ROW_BUCKETS, registry=registry
        )
        self._queue_seconds = BatchHistogram(
            "modelway_queue_duration_seconds",
            "Seconds that a request waited for the model.",
            _MODEL,
            buckets=BUCKETS,
            registry=registry,
        )
        self._queue_depth = Gauge(
            "modelway_queue_depth",
            "Requests that wait for the model.",
            _MODEL,
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._define_facts()
        self._answered: dict[tuple[str, int], _Answered] = {}
        self._row_count = self._under_way = self._published_under_way = 0
        self.rows = self._rows.labels(*self._labels)
        self.in_flight = self._in_flight.labels(*self._labels)
        self.batch_rows = self._batch_rows.labels(*self._labels)
        self.queue_seconds = self._queue_seconds.labels(*self._labels)
        self.queue_depth = self._queue_depth.labels(*self._labels)

    def _define_facts(self) -> None:
        """Define the metrics that each worker sets once."""
        registry = self.registry
        self._load = Gauge(
            "modelway_load_duration_seconds",
            "Seconds from start to ready.",
            _MODEL,
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._model = Gauge(
            "modelway_model_info",
            "The served model; always 1.",
            (*_MODEL, "platform", "estimator", "digest"),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._engine = Gauge(
            "modelway_engine_info",
            "What evaluates the model; always 1.",
            (*_MODEL, "engine"),
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._wall = Gauge(
            "modelway_wall_stands",
            "Whether a wall around the model stands: files, programs, network.",
            ("wall",),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self._build = Gauge(
            "modelway_build_info",
            "The server; always 1.",
            ("version", "python"),
            multiprocess_mode="livemax",
            registry=registry,
        )

    def begin(self) -> None:
        """Count a request that has begun; `observe` counts its end."""
        self._under_way += 1

    def add_rows(self, count: int) -> None:
        """Count rows that were predicted."""
        self._row_count += count

    def end(self) -> None:
        """Count the end of a request that another server counts."""
        self._under_way -= 1

    def add_collector(self, collector: Collector) -> None:
        """Publish the metrics of a collector, too; it sums over the workers itself."""
        self._collectors.append(collector)
        self.registry.register(collector)

    def observe(self, method: str, code: int, seconds: float) -> None:
        """Count one request that has ended; `publish` publishes it.

        Args:
            method: the word for its route: `infer`, `predict`, `rows`, `invocations` or `grpc_infer`.
            code: its HTTP status.
            seconds: from its header to its answer.
        """
        self._under_way -= 1
        answered = self._answered.get((method, code))
        if answered is None:
            answered = self._answered[method, code] = self._series(method, code)
        answered.seconds.append(seconds)

    def publish(self) -> None:
        """Add what was counted to the metrics."""
        for answered in self._answered.values():
            if answered.seconds:
                answered.count.inc(len(answered.seconds))
                answered.histogram.observe_all(answered.seconds)
                answered.seconds.clear()
        if self._row_count:
            self.rows.inc(self._row_count)
            self._row_count = 0
        if self._under_way != self._published_under_way:
            self._published_under_way = self._under_way
            self.in_flight.set(self._under_way)

    def _series(self, method: str, code: int) -> "_Answered":
        labels = (*self._labels, method, PROTOCOLS[method])
        return _Answered(self._requests.labels(*labels, str(code)), self._seconds.labels(*labels))

    def notify(self, finished: Finished) -> None:
        """Notify the observers of one answered request."""
        for observer in self.observers:
            observer(finished)

    def describe(
        self,
        *,
        platform_name: str,
        estimator: str,
        digest: str,
        load_seconds: float,
        engine: str,
        walls: Mapping[str, bool],
    ) -> None:
        """Publish the model, its engine, its load time and the walls around it."""
        for wall, stands in walls.items():
            self._wall.labels(wall).set(stands)
        self._engine.labels(*self._labels, engine).set(1)
        self._model.labels(*self._labels, platform_name, estimator, digest).set(1)
        self._build.labels(version("modelway"), platform.python_version()).set(1)
        self._load.labels(*self._labels).set(load_seconds)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format, summed over the workers where there are several."""
        self.publish()
        registry = self.registry
        if MULTIPROCESS_VARIABLE in os.environ:
            registry = CollectorRegistry()
            registry.register(_WorkerFiles(Path(os.environ[MULTIPROCESS_VARIABLE])))
            for collector in self._collectors:
                registry.register(collector)
        return with_old_names(generate_latest(registry))

    def include_process(self) -> None:
        """Add this process's own memory, CPU and file descriptors; not defined over several workers."""
        ProcessCollector(registry=self.registry)


def with_old_names(text: bytes) -> bytes:
    """The text that a scrape gets, with each renamed metric a second time under its old name."""
    return text + b"".join(
        line.replace(new, old, 1)
        for new, old in ((new.encode(), old.encode()) for new, old in RENAMED.items())
        for line in text.splitlines(keepends=True)
        if re.match(rb"(# (HELP|TYPE) )?" + new + rb"[_ {]", line)
    )
