"""GRPCInferenceService of one model: each method of the protocol."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import grpc

from modelway_server.dataplane.plane import DataPlane
from modelway_server.errors import MalformedRequest, RequestTooLarge
from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.crowds import Context, Unread
from modelway_server.grpc.handlers import LIBRARY_ERRORS, Handler, abort, handle_one, status_of_any
from modelway_server.grpc.queries import decode_message, names_version, query_of_message
from modelway_server.prediction.calls import CALLER_GONE, Call, Calls, settle
from modelway_server.prediction.predictor import LARGE_BODY_BYTES, Predictor
from modelway_server.process.worker_state import WorkerStates
from modelway_server.protocol.trace_context import TRACE_ID, TraceContext, read_trace_context
from modelway_server.telemetry.metrics import Metrics
from modelway_server.telemetry.observers import time_reader
from modelway_server.traffic.incoming import DECIDING, GRPC_PATH, GRPC_TYPE, REVISION_HEADER, Incoming
from modelway_server.traffic.traffic import Traffic
from modelway_server.traffic.wire import CandidateAnswer

if TYPE_CHECKING:
    from modelway_server.dataplane.query import Answer, Query

SERVICE: Final = "inference.GRPCInferenceService"
METHOD: Final = "grpc_infer"
"""The metrics' word for ModelInfer."""
CANCELLING_SECONDS: Final = 0.05
"""The library cancels a call within this time after it gave no message, if it ends the call itself."""

_REVISION: Final = REVISION_HEADER.decode()
_INFER_REQUEST: Final = pb.ModelInferRequest.DESCRIPTOR.full_name


class InferenceServicer:
    """The protocol's methods.

    Args:
        plane: what answers.
        predictor: where it runs.
        worker_states: whether the model is ready.
        metrics: what counts.
        unread: the calls of all services of this server whose message has not arrived.
        max_bytes: cap on one message.
        traffic: has a rollout's candidate answer some calls; None where there is never a rollout.

    Attributes:
        idle: set while no call of inference is under way.
        last_request: monotonic time of the last inference call; 0 before the first.
    """

    def __init__(
        self,
        plane: DataPlane,
        predictor: Predictor,
        worker_states: WorkerStates,
        metrics: Metrics,
        unread: Unread,
        *,
        max_bytes: int,
        traffic: Traffic | None = None,
    ) -> None:
        self._plane = plane
        self._calls = Calls(predictor, metrics)
        self._worker_states = worker_states
        self._unread = unread
        self._max_bytes = max_bytes
        read_query = partial(query_of_message, plane)
        self._read_query: Callable[[bytes], Query] = time_reader(read_query) if metrics.observers else read_query
        self._traffic = traffic
        self._revision = plane.identity.revision.encode()
        self._under_way = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.last_request = 0.0

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server routes this service's calls by."""
        small: dict[str, tuple[Callable[[Any], Any], type[Any]]] = {
            "ServerLive": (lambda _: pb.ServerLiveResponse(live=True), pb.ServerLiveRequest),
            "ServerReady": (lambda _: pb.ServerReadyResponse(ready=self._worker_states.ready), pb.ServerReadyRequest),
            "ModelReady": (self._model_ready, pb.ModelReadyRequest),
            "ServerMetadata": (lambda _: self._server_metadata(), pb.ServerMetadataRequest),
            "ModelMetadata": (self._model_metadata, pb.ModelMetadataRequest),
        }
        handlers: dict[str, Handler] = {
            name: handle_one(self._unread, message, _wait_for_nothing(answer))
            for name, (answer, message) in small.items()
        }
        handlers["ModelInfer"] = grpc.stream_stream_rpc_method_handler(self._model_infer)
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def _model_infer(self, _: Any, context: Context) -> None:
        started = self.last_request = time.monotonic()
        self._under_way += 1
        self.idle.clear()
        callback: Any = self._end  # the library's types ask for a class of their own
        context.add_done_callback(callback)
        self._name_revision(context, self._revision)
        trace = _trace(context)
        if trace is not None:
            TRACE_ID.set(trace.trace_id)  # the library calls this in a task of its own
        call = self._calls.begin(METHOD, "grpc", started, timeout=None, trace=trace)
        # so it stays where the library cancels the call, or cannot write: the client is gone, or its deadline has passed
        counted = CALLER_GONE
        try:
            await context.write(await self._answer(context, call))
            counted = 200
        except LIBRARY_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001  (each has its status; what has none is logged)
            status = status_of_any(error)
            counted = status.counted
            await abort(context, status)
        finally:
            if counted == CALLER_GONE:
                self._calls.abandon(call)
            else:
                self._calls.finish(call, counted)

    def _end(self, _: Context) -> None:
        """Record that the answer of a call was handed to the client's connection."""
        self._under_way -= 1
        if not self._under_way:
            self.idle.set()

    def _name_revision(self, context: Context, revision: bytes) -> None:
        """Say with the end of the call who answers. Said before the answer, it takes 7 % more of a processor."""
        if revision:
            context.set_trailing_metadata(((_REVISION, revision),))

    async def _answer(self, context: Context, call: Call) -> bytes:
        """The answer to a call."""
        self._calls.admit()
        message = await self._read(context)
        call.arrival = time.monotonic()
        call.held.add(len(message))
        read, apart = partial(self._read_query, message), len(message) >= LARGE_BODY_BYTES
        active = None if self._traffic is None else self._traffic.active
        if active is None:
            own = await self._calls.answer(call, read, apart=apart)
            return own.body.content
        outcome: asyncio.Future[Answer | CandidateAnswer] = asyncio.get_running_loop().create_future()
        fields = _fields(context)
        incoming = Incoming(
            call,
            GRPC_PATH,
            fields | {b"content-type": GRPC_TYPE.encode()},
            message,
            read,
            apart,
            partial(settle, outcome),
            decode_message,
            timeouts=(context.time_remaining(),),  # None where there is no deadline, as below
            is_pinned=names_version(message),
        )
        if active.rollout.mirrors:
            taken = active.copying.answered(call, len(message), incoming.deliver, lambda: incoming)
            self._calls.ask(call, read, taken, apart=apart)
        else:
            active.ask(incoming)
        answer = await outcome
        if isinstance(answer, CandidateAnswer):
            self._name_revision(context, answer.headers.get(REVISION_HEADER, b""))
            return answer.body
        return answer.body.content

    async def _read(self, context: Context) -> bytes:
        """The call's one message."""
        message = await self._unread.read(context, _INFER_REQUEST)
        if message is not None:
            return message
        try:
            await asyncio.sleep(CANCELLING_SECONDS)
        except asyncio.CancelledError:
            if _deadline_has_passed(context):
                raise
            # the library has told the client already, unless the client has gone, which looks the same
            raise RequestTooLarge(
                f"the message has more than {self._max_bytes} bytes; send fewer rows a request, or raise runtime.limits.maxRequestBytes"
            ) from None
        raise MalformedRequest(f"the call has no message {_INFER_REQUEST}")

    def _model_ready(self, request: "pb.ModelReadyRequest") -> "pb.ModelReadyResponse":
        self._plane.identity.check(request.name, request.version)
        return pb.ModelReadyResponse(ready=self._worker_states.ready)

    def _server_metadata(self) -> "pb.ServerMetadataResponse":
        return pb.ServerMetadataResponse(**self._plane.server_metadata())

    def _model_metadata(self, request: "pb.ModelMetadataRequest") -> "pb.ModelMetadataResponse":
        self._plane.identity.check(request.name, request.version)
        metadata = self._plane.model_metadata()
        answer = pb.ModelMetadataResponse(
            name=metadata["name"], versions=metadata["versions"], platform=metadata["platform"]
        )
        for tensors, described in ((metadata["inputs"], answer.inputs), (metadata["outputs"], answer.outputs)):
            for tensor in tensors:
                described.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        return answer


def _wait_for_nothing(answer: Callable[[Any], Any]) -> Callable[[Any, Context], Awaitable[Any]]:
    async def reply(request: Any, _: Context) -> Any:
        return answer(request)

    return reply


def _fields(context: Context) -> dict[bytes, bytes]:
    """The metadata of a call, as headers of HTTP; none of it decides on the answer."""
    pairs = ((name.encode(), value) for name, value in context.invocation_metadata() or () if not name.endswith("-bin"))
    return {
        name: value if isinstance(value, bytes) else value.encode() for name, value in pairs if name not in DECIDING
    }


def _deadline_has_passed(context: Context) -> bool:
    left: float | None = (
        context.time_remaining()
    )  # None where there is no deadline, which the library's types do not know of
    return left is not None and left < CANCELLING_SECONDS


def _trace(context: Context) -> TraceContext | None:
    headers = {name: value for name, value in context.invocation_metadata() or () if name.startswith("trace")}
    parent, state = (str(headers.get(name, "")).encode() for name in ("traceparent", "tracestate"))
    return read_trace_context(parent, state) if parent else None
