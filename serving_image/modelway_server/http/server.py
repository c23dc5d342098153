"""Both ports of one worker, from the first request to the last.

On SIGTERM the pod is not ready any more, and asks every client to open another connection. It continues to serve for the
drain time, since proxies in the cluster still send new connections. After that, and once no request has come for a
moment, it stops listening, answers the requests that it has begun, and ends.
"""

import asyncio
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from modelway_server.dataplane.plane import DataPlane
from modelway_server.http.app import InferenceApplication
from modelway_server.http.listener import Listener
from modelway_server.http.operations import Operation
from modelway_server.http.probes import ProbeApplication
from modelway_server.prediction.predictor import Predictor
from modelway_server.process.worker_state import WorkerStates
from modelway_server.telemetry.metrics import Metrics
from modelway_server.traffic.traffic import Traffic

BEAT_SECONDS = 1.0
QUIET_SECONDS = 1.0
MAX_EXTRA_SECONDS = 5.0
"""A drain is prolonged by this at most when requests still arrive at its end."""
MAX_PROBES = 128
"""Connections to the port of probes and metrics."""
PROBE_SECONDS = 1.0
"""How long probes under way may hold up the end."""
OTHER_FILES = 256
"""Files that a process has open beside its connections, at most."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The bound sockets of one pod, shared by its workers."""

    http: socket.socket
    grpc: socket.socket | None = None
    """Keeps the port; gRPC binds it itself."""
    metrics: socket.socket


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The bounds of one worker's requests and of its own end; see ServeSettings."""

    max_request_bytes: int
    request_timeout: float
    drain_seconds: float
    max_connections: int = 2048


class Companion(Protocol):
    """Another transport of the same worker: it starts before the worker is ready, and drains with it."""

    @property
    def address(self) -> str:
        """Where it listens, for the log."""

    @property
    def last_request(self) -> float:
        """Monotonic time of the last request; 0 before the first."""

    async def start(self) -> None:
        """Listen.

        Raises:
            LoadFailure: it cannot.
        """

    async def stop(self, grace: float) -> None:
        """Take no more requests, and give those that have begun `grace` seconds to end."""


class Worker:
    """One worker process's servers.

    Args:
        plane: what answers requests.
        predictor: where the model runs.
        worker_states: the states of the pod's workers.
        metrics: what counts.
        bounds: of requests and of the drain.
        companions: the other transports, by their name in the log.
        traffic: of a rollout; None where there is never one.
        inner: operations for requests that another server hands over, by their path.
    """

    def __init__(
        self,
        plane: DataPlane,
        predictor: Predictor,
        worker_states: WorkerStates,
        metrics: Metrics,
        *,
        bounds: Bounds,
        companions: Mapping[str, Companion],
        traffic: Traffic | None = None,
        inner: Mapping[bytes, Operation] | None = None,
    ) -> None:
        self._companions = companions
        self._worker_states = worker_states
        self._bounds = bounds
        self._metrics = metrics
        self._predictor = predictor
        self._application = InferenceApplication(
            plane,
            predictor,
            worker_states,
            metrics,
            max_bytes=bounds.max_request_bytes,
            traffic=traffic,
            inner=inner,
        )
        self._traffic = traffic
        self._inference = Listener(
            self._application,
            max_connections=bounds.max_connections,
            held=predictor.held_bytes,
            revision=plane.identity.revision,
        )
        self._probes = Listener(
            ProbeApplication(worker_states, metrics),
            max_connections=MAX_PROBES,
            held=predictor.held_bytes,
            displaces_silent=True,
        )
        self._end = asyncio.Event()

    async def serve(self, ports: Ports, *, started: Callable[[], None]) -> None:
        """Serve until a signal has come and the drain is over.

        Args:
            ports: to listen on.
            started: called once no further socket is bound.
        """
        allow_files(self._bounds.max_connections)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._begin_drain)
        loop.add_signal_handler(signal.SIGINT, self._end_now)
        for companion in self._companions.values():
            await companion.start()
        started()
        heart = asyncio.create_task(self._beat())
        await self._inference.listen(ports.http)
        await self._probes.listen(ports.metrics)
        self._announce(ports)
        await self._end.wait()
        await self._drain()
        grace = self._bounds.request_timeout + MAX_EXTRA_SECONDS
        ends = (self._inference.close(grace), *(companion.stop(grace) for companion in self._companions.values()))
        await asyncio.gather(*ends)
        await self._probes.close(PROBE_SECONDS)
        heart.cancel()
        if self._traffic is not None:
            self._traffic.close()
        self._predictor.close()
        _LOGGER.info("ended: every request that was begun is answered")

    def _announce(self, ports: Ports) -> None:
        """Be ready: both ports listen."""
        self._worker_states.mark_ready()
        others = {name: companion.address for name, companion in self._companions.items()}
        _LOGGER.info("ready", extra={"http": _address(ports.http), **others, "metrics": _address(ports.metrics)})

    async def _beat(self) -> None:
        while True:
            self._worker_states.beat()
            self._metrics.publish()  # another worker may be asked for the sum of all
            if self._traffic is not None:
                self._traffic.look()
            await asyncio.sleep(BEAT_SECONDS)

    def _begin_drain(self) -> None:
        if not self._end.is_set():
            _LOGGER.info("draining: not ready any more, serving on for %g s", self._bounds.drain_seconds)
        self._worker_states.begin_drain()
        self._end.set()

    def _end_now(self) -> None:
        """End at Ctrl-C in a terminal: no proxy has to notice."""
        self._bounds = replace(self._bounds, drain_seconds=0.0)
        self._begin_drain()

    async def _drain(self) -> None:
        begun = time.monotonic()
        await asyncio.sleep(self._bounds.drain_seconds)
        latest = begun + self._bounds.drain_seconds + MAX_EXTRA_SECONDS
        while (left := min(self._last_request() + QUIET_SECONDS, latest) - time.monotonic()) > 0:  # noqa: ASYNC110  (a moment, not an event)
            await asyncio.sleep(left)

    def _last_request(self) -> float:
        return max(self._application.last_request, *(one.last_request for one in self._companions.values()), 0.0)


def allow_files(connections: int) -> None:
    """Let this process open as many files as so many connections need, as far as it may."""
    wanted = connections + MAX_PROBES + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        _LOGGER.warning("%d connections need %d open files; this process may have %d", connections, wanted, most)


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
