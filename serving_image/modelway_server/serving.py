"""The composition root of `serve`: load, fork the workers if there are several, warm up, serve.

Each worker warms up its own copy, since a process that has run OpenMP code cannot be forked.
"""

import asyncio
import gc
import logging
import os
import signal
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import FrameType

import uvloop

from modelway_server.artifacts.record import ArtifactRecord, locate_model
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Query
from modelway_server.engines.load import load_prepared
from modelway_server.engines.prepared import Prepared
from modelway_server.errors import LoadFailed, LoadFailure, PortTaken, describe
from modelway_server.http.heads import Head
from modelway_server.http.operations import Operation
from modelway_server.http.server import Bounds, Companion, Ports, Worker
from modelway_server.prediction.limits import Limits
from modelway_server.prediction.predictor import Predictor
from modelway_server.prepare import prepared_folder
from modelway_server.process.enclosure import Enclosure
from modelway_server.process.exit_report import report_failure
from modelway_server.process.listening import bind_socket, late_ports, reserve_port
from modelway_server.process.walls import Walls
from modelway_server.process.watchdog import watchdog
from modelway_server.process.worker_state import WorkerStates
from modelway_server.process.workers import supervise
from modelway_server.runtimes.base import Runtime
from modelway_server.settings import ServeSettings
from modelway_server.telemetry import aliases as metric_aliases
from modelway_server.telemetry import tracing
from modelway_server.telemetry.metrics import Metrics, be_worker
from modelway_server.telemetry.observers import log_access, time_reader
from modelway_server.traffic.broker import Rollouts
from modelway_server.traffic.connector import BrokerConnector
from modelway_server.traffic.incoming import GRPC_PATH, GRPC_TYPE
from modelway_server.traffic.traffic import Traffic

_LOGGER = logging.getLogger(__name__)

STUCK_TIMEOUTS = 4
"""The pod is restarted when a prediction runs for so many request timeouts, and at least a minute."""


def serve(settings: ServeSettings, walls: Walls, rollouts: Rollouts | None = None) -> int:
    """Serve one model until SIGTERM.

    Args:
        settings: the model and the bounds of its server.
        walls: around this process; this function raises those that depend on its ports.
        rollouts: what the workers need for them; None where there is never one.

    Returns:
        The exit status of the process: 0 after a drain, or that of the load failure.
    """
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _end_while_loading)
    # columns are checked by the contract
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    try:
        sockets = bind(settings)
    except OSError as error:
        wanted = [
            settings.http_port,
            *([] if settings.grpc_port is None else [settings.grpc_port]),
            settings.metrics_port,
        ]
        ports = f"ports {', '.join(map(str, wanted))} of {settings.host or 'this machine'}"
        return _report(PortTaken(f"the server cannot listen on {ports}: {error}"))
    late = () if sockets.grpc is None else late_ports(sockets.grpc)
    enclosure = Enclosure(walls, settings.workers, bind=late, connect=tracing.ports())
    try:
        runtime, max_batch_rows = _load(settings, started + settings.startup_timeout, enclosure)
    except Exception as error:  # noqa: BLE001  (each has its reason; what has none is logged)
        return _report(error)
    gc.freeze()
    worker_states = WorkerStates(settings.workers, stuck_after=max(60.0, STUCK_TIMEOUTS * settings.request_timeout))
    settings = replace(settings, max_batch_rows=max_batch_rows)
    pod = _Pod(
        settings,
        sockets,
        runtime,
        worker_states,
        enclosure=enclosure,
        load_seconds=time.monotonic() - started,
        rollouts=rollouts,
    )
    if settings.workers == 1:
        return pod.work(0)
    return supervise(settings.workers, pod.work, worker_states)


def _load(settings: ServeSettings, deadline: float, enclosure: Enclosure) -> tuple[Runtime, int]:
    """The model with its engine, and the number of rows of several requests that one call may have.

    Without a folder that `prepare` has filled, the model is prepared first.
    """
    path = locate_model(settings.model_dir)
    model = f"{settings.namespace}/{settings.name}".lstrip("/")
    _LOGGER.info("loading %s", path.name, extra={"model": model, "bytes": path.stat().st_size})
    with prepared_folder(settings, settings.prepared_dir, seconds=settings.startup_timeout) as directory:
        enclosure.before_loading()  # and before there is a second thread
        load = partial(load_prepared, settings.model_dir, directory, trusted_types=settings.trusted_types)
        with watchdog(deadline, allowed=settings.startup_timeout):
            runtime = load() if settings.workers == 1 else _in_passing_thread(load)
        joined = Prepared.read(directory).joined
    if joined and settings.max_batch_rows == 1:
        runtime.description |= {"batching": "rows not joined: runtime.batching.maxRows is 1"}
    return runtime, settings.max_batch_rows if joined else 1


def _in_passing_thread(load: Callable[[], Runtime]) -> Runtime:
    """The model, loaded by a thread that has ended when workers are forked.

    OpenMP keeps a pool of threads for each thread that runs its code, and loading a booster runs it. A worker starts as a
    copy of this thread, and would wait for ever for a pool that exists in the parent alone.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader") as loader:
        return loader.submit(load).result()


def bind(settings: ServeSettings) -> Ports:
    """Bind all ports now, so that a second server on them fails before it loads; nothing is accepted yet.

    Raises:
        OSError: a port is taken, or the address is not this machine's.
    """
    return Ports(
        http=bind_socket(settings.host, settings.http_port),
        grpc=None if settings.grpc_port is None else reserve_port(settings.host, settings.grpc_port),
        metrics=bind_socket(settings.host, settings.metrics_port),
    )


class _Pod:
    """The common state of a pod's workers; `work` runs one of them."""

    def __init__(
        self,
        settings: ServeSettings,
        ports: Ports,
        runtime: Runtime,
        worker_states: WorkerStates,
        *,
        enclosure: Enclosure,
        load_seconds: float,
        rollouts: Rollouts | None,
    ) -> None:
        self._rollouts = rollouts
        self._slot = 0
        self._settings = settings
        self._ports = ports
        self._runtime = runtime
        self._worker_states = worker_states
        self._enclosure = enclosure
        self._load_seconds = load_seconds

    def work(self, slot: int) -> int:
        """Warm up and serve as worker `slot`, until the drain is over; the exit status."""
        self._worker_states.enter(slot)
        if self._rollouts is not None:
            self._rollouts.shared.enter(slot)
        self._slot = slot
        self._enclosure.in_worker()
        if self._settings.workers > 1:
            be_worker(slot)
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except Exception as error:  # noqa: BLE001  (as above)
            return _report(error)
        return 0

    async def _serve(self) -> None:
        settings = self._settings
        plane = DataPlane(self._runtime, _identity(settings))
        identity = plane.identity
        metrics = Metrics(model=identity.name, model_version=identity.version, revision=identity.revision)
        spans = _spans(identity)
        aliases = metric_aliases.observers_of(
            settings.metric_aliases, metrics.registry, model=identity.name, version=identity.version
        )
        metrics.observers = (*aliases, *([log_access] if settings.access_log else []), *([spans] if spans else []))
        limits = Limits(
            request_timeout=settings.request_timeout,
            max_request_bytes=settings.max_request_bytes,
            max_queue=settings.max_queue,
            max_batch_rows=settings.max_batch_rows,
        )
        predictor = Predictor(plane, self._worker_states, metrics, limits)
        begun = time.monotonic()
        with watchdog(begun + settings.startup_timeout - self._load_seconds, allowed=settings.startup_timeout):
            await predictor.warm_up()
        self._describe(plane, metrics, self._load_seconds + time.monotonic() - begun)
        gc.freeze()
        bounds = Bounds(
            max_request_bytes=settings.max_request_bytes,
            request_timeout=settings.request_timeout,
            drain_seconds=settings.drain_seconds,
            max_connections=settings.max_connections,
        )
        traffic = self._traffic(predictor, metrics)
        others = self._companions(plane, predictor, metrics, traffic)
        worker = Worker(
            plane,
            predictor,
            self._worker_states,
            metrics,
            bounds=bounds,
            companions=others,
            traffic=traffic,
            inner=self._inner(plane, metrics),
        )
        await worker.serve(self._ports, started=self._enclosure.when_listening)
        if spans:
            await spans.close()

    def _traffic(self, predictor: Predictor, metrics: Metrics) -> Traffic | None:
        if self._rollouts is None:
            return None
        return Traffic(
            self._settings.traffic_dir,
            self._rollouts.shared,
            BrokerConnector(self._rollouts.brokers[self._slot]),
            predictor,
            metrics,
            max_request_bytes=self._settings.max_request_bytes,
        )

    def _inner(self, plane: DataPlane, metrics: Metrics) -> dict[bytes, Operation]:
        """The operations for servers of the same model: a candidate gets gRPC's messages as bodies of HTTP."""
        if self._ports.grpc is None:
            return {}
        from modelway_server.grpc.queries import decode_message, query_of_message  # noqa: PLC0415  (costs time and memory)

        def read(body: bytes, _: Head) -> Query:
            return query_of_message(plane, body)

        readers = {GRPC_TYPE: time_reader(read) if metrics.observers else read}
        return {GRPC_PATH: Operation("grpc_infer", readers, decode_message, protocol="grpc")}

    def _companions(
        self, plane: DataPlane, predictor: Predictor, metrics: Metrics, traffic: Traffic | None
    ) -> dict[str, Companion]:
        if self._ports.grpc is None:
            return {}
        from modelway_server.grpc.server import GrpcBounds, GrpcServer  # noqa: PLC0415  (costs time and memory)

        bounds = GrpcBounds(
            max_request_bytes=self._settings.max_request_bytes,
            request_timeout=self._settings.request_timeout,
            max_connections=self._settings.max_connections,
            max_queue=self._settings.max_queue,
            drain_seconds=self._settings.drain_seconds,
        )
        host, port = self._ports.grpc.getsockname()[:2]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        states = self._worker_states
        server = GrpcServer(plane, predictor, states, metrics, bounds=bounds, address=address, traffic=traffic)
        return {"grpc": server}

    def _describe(self, plane: DataPlane, metrics: Metrics, load_seconds: float) -> None:
        identity, description = plane.identity, plane.description()
        metrics.describe(
            platform_name=self._runtime.platform,
            estimator=description["estimator"],
            digest=identity.digest,
            load_seconds=load_seconds,
            engine=self._runtime.engine,
            walls=self._enclosure.walls.standing,
        )
        if self._settings.workers == 1:
            metrics.include_process()
        _LOGGER.info("warmed up", extra={"model": identity.name, "seconds": round(load_seconds, 3), **description})


def _spans(identity: Identity) -> tracing.Tracing | None:
    if not tracing.is_wanted():
        return None
    return tracing.tracing(model=identity.name, version=identity.version, revision=identity.revision)


def _report(error: Exception) -> int:
    """Report why this process cannot serve; the exit status."""
    if isinstance(error, LoadFailure):
        return report_failure(error)
    _LOGGER.error("serving failed in a way it has no name for", exc_info=error)
    return report_failure(LoadFailed(describe(error), remedy="Report this; the log has the details."))


def _identity(settings: ServeSettings) -> Identity:
    record = ArtifactRecord.read(settings.model_dir)
    return Identity(
        name=settings.name,
        version=settings.model_version,
        revision=settings.revision,
        digest=record.digest if record else "",
    )


def _end_while_loading(signum: int, _: FrameType | None) -> None:
    """End at SIGTERM before the first request: there is nothing to drain, and process 1 has no default for signals."""
    _LOGGER.info("ended while loading")
    os._exit(128 + signum)
