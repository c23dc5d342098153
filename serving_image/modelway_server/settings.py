"""The settings of `prepare` and `serve`, read from their arguments: one frozen value each."""

import argparse
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from modelway_server.arguments import names, not_negative, port, positive, positive_int

HOST_VARIABLE = "MODELWAY_HOST"
"""Environment variable for `--host`, for pods that share a network, as on a laptop."""
METHODS = ("predict", "predict_proba", "transform", "decision_function", "score_samples")
"""Values of `runtime.method`; `auto` takes the first that fits the model."""
ENGINES = ("auto", "onnx", "native")
"""Values of `runtime.engine`."""
FULL, INT8 = "full", "int8"
"""Values of `runtime.precision`."""


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """One model, and how to evaluate it."""

    model_dir: Path
    """Folder that holds the model's file, as `fetch` left it."""
    format: str = "auto"
    """Format of the artifact: auto, one of ours, or one that a package in the image adds."""
    method: str = "auto"
    """The method for requests that name none: auto or one of METHODS."""
    engine: str = "auto"
    """auto uses the fastest engine that gives the model's own answers; onnx uses that one alone; native converts nothing."""
    tolerance: float = 1e-5
    """The allowed difference of a number from the model's own, relative and absolute; labels may not differ."""
    precision: str = FULL
    """full evaluates the model's own weights; int8 evaluates weights of 8 bits, which change its answers."""
    trusted_types: tuple[str, ...] = ()
    """Classes beyond the known ones that the artifact may hold."""
    samples: Path | None = None
    """A file of rows on which engines are compared, in addition to made-up rows."""

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Self:
        """The settings in a parsed command line."""
        return cls(**{field.name: getattr(arguments, field.name) for field in fields(cls)})


METRIC_ALIASES = ("kserve", "mlserver")
"""Values of `runtime.metricAliases`."""


@dataclass(frozen=True, kw_only=True)
class ServeSettings(ModelSettings):
    """One served model and the bounds of its server."""

    name: str
    """Name of the model in URLs, metrics and answers."""
    prepared_dir: Path | None = None
    """Folder that `prepare` has filled; None to prepare now."""
    namespace: str = ""
    """Namespace of its ModelDeployment; shown in the logs."""
    revision: str = ""
    """Hash of the served revision."""
    model_version: str = ""
    """The user's own word for the version; empty when there is none."""
    workers: int = 1
    """Processes that share the port and, until they write to it, the model's memory."""
    host: str = ""
    """Address of all ports; empty for every address, IPv4 and IPv6, since `kubectl port-forward` dials loopback."""
    http_port: int = 8080
    """Port of the inference protocols over HTTP; 0 takes a free one."""
    grpc_port: int | None = None
    """Port of the inference protocol over gRPC; 0 takes a free one, None serves none."""
    metrics_port: int = 8082
    """Port of probes and metrics; 0 takes a free one."""
    metric_aliases: tuple[str, ...] = ()
    """Servers (of METRIC_ALIASES) by whose names metrics are published, too."""
    max_request_bytes: int = 8 * 1024 * 1024
    """Cap on one request body."""
    max_connections: int = 2048
    """Connections of one worker at a time; more are refused with 503."""
    access_log: bool = False
    """Whether each inference request has its line in the log."""
    max_batch_rows: int = 1024
    """Rows of several requests in one call of the model; 1 calls it for each request alone."""
    max_queue: int = 256
    """Requests of one worker that may wait for the model."""
    request_timeout: float = 30.0
    """Seconds until a request is answered with 503 or 504."""
    startup_timeout: float = 300.0
    """Seconds for loading and warming up."""
    traffic_dir: Path = Path("/mnt/traffic")
    """Folder in which the operator orders rollouts; where it is not there at the start, there is never one."""
    drain_seconds: float = 15.0
    """Seconds for which the server continues after SIGTERM, until every client knows that this pod ends."""


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `prepare` and `serve` about the model."""
    add, default = parser.add_argument, ModelSettings(model_dir=Path())
    add("--model-dir", required=True, type=Path, help="directory that holds the model's file")
    add("--format", default=default.format, help="format of the model; auto recognises it")
    add("--method", default=default.method, choices=("auto", *METHODS), help="what answers by default")
    add("--engine", default=default.engine, choices=ENGINES, help="what evaluates the model")
    add(
        "--tolerance",
        default=default.tolerance,
        type=positive,
        help="by how much an engine's numbers may differ from the model's own, relative and absolute",
    )
    add(
        "--precision",
        default=default.precision,
        choices=(FULL, INT8),
        help="int8 keeps the model's weights in 8 bits; its answers are then others",
    )
    add("--trusted-types", default=(), type=names, help="classes, by commas, that the file may hold beyond the known")
    add("--samples", type=Path, help="JSON file of rows on which engines are compared")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`."""
    add_model_arguments(parser)
    add, default = parser.add_argument, ServeSettings(model_dir=Path(), name="")
    add("--prepared-dir", type=Path, help="directory that `prepare` has filled; without it the model is prepared first")
    add("--name", required=True, help="the model's name in URLs")
    add("--namespace", default=default.namespace, help="namespace of the ModelDeployment")
    add("--revision", default=default.revision, help="hash of the revision")
    add("--model-version", default=default.model_version, help="your word for the model's version")
    add("--workers", default=default.workers, type=positive_int, help="processes that predict")
    add(
        "--host",
        default=os.environ.get(HOST_VARIABLE, default.host),
        help=f"address of all ports, also by {HOST_VARIABLE}; every address by default",
    )
    add("--http-port", default=default.http_port, type=port, help="port of the protocols; 0 takes a free one")
    add("--grpc-port", default=default.grpc_port, type=port, help="port of gRPC; 0 takes a free one; none by default")
    add(
        "--metrics-port",
        default=default.metrics_port,
        type=port,
        help="port of probes and metrics; 0 takes a free one",
    )
    add(
        "--metric-aliases",
        default=default.metric_aliases,
        type=_aliases,
        help="also publish metrics by the names of these servers: kserve, mlserver, or both with a comma",
    )
    add("--max-request-bytes", default=default.max_request_bytes, type=positive_int, help="cap on one request's body")
    add("--max-batch-rows", default=default.max_batch_rows, type=positive_int, help="rows of a common call; 1 for none")
    add("--max-connections", default=default.max_connections, type=positive_int, help="connections at a time")
    add("--access-log", action="store_true", help="write a line into the log for each inference request")
    add("--max-queue", default=default.max_queue, type=positive_int, help="requests that may wait for the model")
    add("--request-timeout", default=default.request_timeout, type=positive, help="seconds to answer a request")
    add("--startup-timeout", default=default.startup_timeout, type=positive, help="seconds to load and warm up")
    add(
        "--traffic-dir",
        default=default.traffic_dir,
        type=Path,
        help="directory in which the operator orders rollouts; not used where there is none at the start",
    )
    add("--drain-seconds", default=default.drain_seconds, type=not_negative, help="seconds of serving on after SIGTERM")


def _aliases(text: str) -> tuple[str, ...]:
    chosen = names(text)
    for name in chosen:
        if name not in METRIC_ALIASES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(METRIC_ALIASES)}")
    return chosen
