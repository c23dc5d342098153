"""The gRPC port of one worker: the inference service, health and reflection.

Each worker binds the port itself and the kernel shares connections out, since the library takes no socket that is bound
already. Connections are asked to leave in good time (`connection_age`): clients learn of new replicas by that, and when
a drain ends none is left that stopping the library would cut.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from modelway_server.dataplane.plane import DataPlane
from modelway_server.errors import PortTaken
from modelway_server.grpc.crowds import Crowd, Unread
from modelway_server.grpc.handlers import handle_one, handle_stream, handle_watch
from modelway_server.grpc.inference_pb2 import DESCRIPTOR
from modelway_server.grpc.servicer import SERVICE, InferenceServicer
from modelway_server.prediction.predictor import Predictor
from modelway_server.process.worker_state import WorkerStates
from modelway_server.telemetry.metrics import Metrics
from modelway_server.traffic.traffic import Traffic

MAX_STREAMS: Final = 256
"""Calls at a time on one connection; more wait in the client."""
MAX_WATCHES: Final = 256
"""Calls at a time that watch the health of one worker."""
MAX_CALLS: Final = 4096
"""Calls at a time of one worker, whatever they wait for: only a client that takes no answer holds one for longer than its bounds allow."""
MAX_METADATA_BYTES: Final = 16 * 1024
HANDSHAKE_SECONDS: Final = 10
IDLE_SECONDS: Final = 90
"""A connection without a call is asked to leave after this time, as over HTTP."""
LONG_AGE_SECONDS: Final = 600.0
"""A connection is asked to leave after this time where there is no drain. Only by that a call ends whose client takes no answer."""
DEAD_PEER_SECONDS: Final = 60
"""A client that is silent for so long is pinged, and has 20 s to answer."""
PING_SECONDS: Final = 10
"""Clients may ping this server so often; after two violations the connection is closed."""
HEALTH_SECONDS: Final = 0.25
"""How often the states of the workers are read: other workers change them, too."""

logging.getLogger("grpc").setLevel(logging.CRITICAL)  # it logs what a client does wrong: one could fill the disk
_Status = health_pb2.HealthCheckResponse.ServingStatus


@dataclass(frozen=True, kw_only=True)
class GrpcBounds:
    """The bounds of the port's clients.

    Attributes:
        max_request_bytes: cap on one message.
        request_timeout: seconds until a call is answered.
        max_connections: at a time.
        max_queue: calls that may wait for the model.
        drain_seconds: of serving on after SIGTERM; 0 for a server that nobody's traffic is led away from.
    """

    max_request_bytes: int
    request_timeout: float
    max_connections: int
    max_queue: int
    drain_seconds: float


class _Health(health.aio.HealthServicer):  # type: ignore[misc]  # the library has no types
    """The standard health service; Check reads the states of the workers first, Watch is updated within HEALTH_SECONDS."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._look = look

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802  (the protocol's name)
        await self._look()
        return await super().Check(request, context)


class GrpcServer:
    """One worker's gRPC server; see the module.

    Args:
        plane: what answers.
        predictor: where it runs.
        worker_states: the states of the pod's workers.
        metrics: what counts.
        bounds: of its clients.
        address: host and port to listen on.
        traffic: of a rollout; None where there is never one.

    Attributes:
        address: as given.
    """

    def __init__(
        self,
        plane: DataPlane,
        predictor: Predictor,
        worker_states: WorkerStates,
        metrics: Metrics,
        *,
        bounds: GrpcBounds,
        address: str,
        traffic: Traffic | None = None,
    ) -> None:
        self.address = address
        self._unread = Unread()
        self._servicer = InferenceServicer(
            plane,
            predictor,
            worker_states,
            metrics,
            self._unread,
            max_bytes=bounds.max_request_bytes,
            traffic=traffic,
        )
        self._worker_states = worker_states
        self._health = _Health(self._publish_health)
        self._server = grpc.aio.server(
            options=options(bounds), maximum_concurrent_rpcs=2 * bounds.max_queue + MAX_CALLS
        )
        self._published: bool | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def last_request(self) -> float:
        """Monotonic time of the last inference call; 0 before the first."""
        return self._servicer.last_request

    async def start(self) -> None:
        """Listen.

        Raises:
            PortTaken: the port cannot be bound.
        """
        await self._publish_health()
        self._server.add_generic_rpc_handlers((self._servicer.handler(), self._health_handler(), self._reflection()))
        try:
            self._server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise PortTaken(f"the server cannot listen on {self.address} for gRPC: {error}") from error
        await self._server.start()
        self._following = asyncio.create_task(self._follow())

    async def stop(self, grace: float) -> None:
        """Take no more calls, and wait for the inference that has begun, but not for streams of health.

        Args:
            grace: seconds that it has.
        """
        if self._following is not None:
            self._following.cancel()
        ended = asyncio.create_task(self._server.stop(grace))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._servicer.idle.wait(), grace)
        await self._server.stop(0)
        await ended

    def _health_handler(self) -> grpc.GenericRpcHandler:
        request = health_pb2.HealthCheckRequest
        watches = Crowd(MAX_WATCHES, "watch the health of this server")
        handlers = {
            "Check": handle_one(self._unread, request, self._health.Check),
            "Watch": handle_watch(self._unread, watches, request, self._health.Watch),
        }
        return grpc.method_handlers_generic_handler(health.SERVICE_NAME, handlers)

    def _reflection(self) -> grpc.GenericRpcHandler:
        for module in (health_pb2, reflection_pb2):
            DESCRIPTOR.pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        servicer = reflection.aio.ReflectionServicer(names, pool=DESCRIPTOR.pool)
        request = reflection_pb2.ServerReflectionRequest
        handlers = {"ServerReflectionInfo": handle_stream(self._unread, request, servicer.ServerReflectionInfo)}
        return grpc.method_handlers_generic_handler(reflection.SERVICE_NAME, handlers)

    async def _follow(self) -> None:
        while True:
            await self._publish_health()
            await asyncio.sleep(HEALTH_SECONDS)

    async def _publish_health(self) -> None:
        ready = self._worker_states.ready
        if ready is self._published:
            return
        status = _Status.SERVING if ready else _Status.NOT_SERVING
        for service in ("", SERVICE):
            await self._health.set(service, status)
        self._published = ready


def options(bounds: GrpcBounds) -> list[tuple[str, int]]:
    """The library's settings, by its names (grpc_types.h)."""
    seconds = {
        "grpc.keepalive_time_ms": DEAD_PEER_SECONDS,
        "grpc.keepalive_timeout_ms": 20,
        "grpc.http2.min_recv_ping_interval_without_data_ms": PING_SECONDS,
        "grpc.server_handshake_timeout_ms": HANDSHAKE_SECONDS,
        "grpc.max_connection_idle_ms": IDLE_SECONDS,
        "grpc.max_connection_age_ms": connection_age(bounds.drain_seconds),
        "grpc.max_connection_age_grace_ms": bounds.request_timeout + 5,
    }
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", bounds.max_request_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_allowed_incoming_connections", bounds.max_connections),
        ("grpc.max_concurrent_streams", MAX_STREAMS),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_ping_strikes", 2),
        *((name, int(value * 1000)) for name, value in seconds.items()),
    ]


def connection_age(drain_seconds: float) -> float:
    """Seconds after which a connection is asked to leave, give or take a tenth.

    Two thirds of the drain: a connection that a proxy still leads here in the drain's first fifth has gone at its end.
    """
    return drain_seconds * 2 / 3 or LONG_AGE_SECONDS
