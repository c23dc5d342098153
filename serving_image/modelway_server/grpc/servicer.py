"""GRPCInferenceService of one model: each method of the protocol, and the statuses of its failures."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn

import grpc

from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Body, Query
from modelway_server.dataplane.v2 import query_of
from modelway_server.errors import MalformedRequest, ModelwayServerError, RequestTooLarge, TooSlow
from modelway_server.grpc import inference_pb2 as pb
from modelway_server.grpc.codec import decode_request, encode_answer
from modelway_server.grpc.statuses import CLIENT_GONE, RETRY_PUSHBACK, Status, status_of
from modelway_server.prediction.predictor import Predictor
from modelway_server.process.worker_state import WorkerStates
from modelway_server.protocol.trace_context import TRACE_ID, TraceContext, read_trace_context
from modelway_server.telemetry.metrics import Metrics
from modelway_server.telemetry.observers import Finished, time_reader

SERVICE: Final = "inference.GRPCInferenceService"
METHOD: Final = "grpc_infer"
"""The metrics' word for ModelInfer."""
READERS: Final = 16
"""Messages that are read at a time, since each may be as large as the cap. The bytes of others wait with their senders."""
MESSAGE_SECONDS: Final = 10.0
"""A client must send its whole message within this time."""

Context = grpc.aio.ServicerContext[Any, Any]
_LOGGER = logging.getLogger(__name__)


class InferenceServicer:
    """The protocol's methods.

    Args:
        plane: what answers.
        predictor: where it runs.
        worker_states: whether the model is ready.
        metrics: what counts.
        max_bytes: cap on one message.

    Attributes:
        idle: set while no call of inference is under way.
        last_request: monotonic time of the last inference call; 0 before the first.
    """

    def __init__(
        self, plane: DataPlane, predictor: Predictor, worker_states: WorkerStates, metrics: Metrics, *, max_bytes: int
    ) -> None:
        self._plane = plane
        self._predictor = predictor
        self._worker_states = worker_states
        self._metrics = metrics
        self._max_bytes = max_bytes
        self._read_query = time_reader(self._query) if metrics.observers else self._query
        self._readers = asyncio.Semaphore(READERS)
        self._calls = 0
        self.idle = asyncio.Event()
        self.idle.set()
        self.last_request = 0.0

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server routes this service's calls by.

        ModelInfer is declared with a stream of requests, which looks the same on the wire: so its one message is read
        here, when there is room for it, and not by the library as soon as the call begins.
        """
        small: dict[str, tuple[Callable[[Any], Any], type[Any]]] = {
            "ServerLive": (lambda _: pb.ServerLiveResponse(live=True), pb.ServerLiveRequest),
            "ServerReady": (lambda _: pb.ServerReadyResponse(ready=self._worker_states.ready), pb.ServerReadyRequest),
            "ModelReady": (self._model_ready, pb.ModelReadyRequest),
            "ServerMetadata": (lambda _: self._server_metadata(), pb.ServerMetadataRequest),
            "ModelMetadata": (self._model_metadata, pb.ModelMetadataRequest),
        }
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            name: grpc.unary_unary_rpc_method_handler(
                _answering(answer), request_deserializer=message.FromString, response_serializer=_serialized
            )
            for name, (answer, message) in small.items()
        }
        handlers["ModelInfer"] = grpc.stream_unary_rpc_method_handler(self._model_infer)
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def _model_infer(self, _: Any, context: Context) -> bytes:
        started = self.last_request = time.monotonic()
        self._metrics.in_flight.inc()
        self._calls += 1
        self.idle.clear()
        callback: Any = self._end  # the library's types ask for a class of their own
        context.add_done_callback(callback)
        trace = _trace(context)
        if trace is not None:
            TRACE_ID.set(trace.trace_id)  # the library calls this in a task of its own
        counted = 200
        queries: list[Query] = []
        try:
            return await self._answered(context, started, queries)
        except asyncio.CancelledError:
            # the library cancels a call both when its client is gone and when its deadline has passed
            left = _time_left(context)
            counted = CLIENT_GONE if left is None or left > 0 else 504
            raise
        except Exception as error:  # noqa: BLE001  (each has its status; what has none is logged)
            status = _status(error)
            counted = status.counted
            await _abort(context, status)
        finally:
            self._metrics.in_flight.dec()
            stages, rows = (queries[0].stages, queries[0].rows.count) if queries else (None, 0)
            ended = time.monotonic()
            self._metrics.observe(METHOD, counted, ended - started)
            self._metrics.notify(Finished(METHOD, counted, started, ended, stages, rows, trace, "grpc"))

    def _end(self, _: Context) -> None:
        """Record that the answer of a call was handed to the client's connection."""
        self._calls -= 1
        if not self._calls:
            self.idle.set()

    async def _answered(self, context: Context, started: float, queries: list[Query]) -> bytes:
        """The answer; the query is appended to `queries` once it is read."""
        self._predictor.check_room()
        held = self._predictor.hold()
        try:
            message = await self._read(context)
            held.add(len(message))
            query = await self._predictor.read(self._read_query, message, held)
            queries.append(query)
            timeout = min((t for t in (query.timeout, _time_left(context)) if t is not None), default=None)
            answer = await self._predictor.run(query, self._predictor.deadline(started, timeout))
        finally:
            held.release()
        self._metrics.rows.inc(query.rows.count)
        return answer.content

    async def _read(self, context: Context) -> bytes:
        """The call's one message."""
        try:
            async with asyncio.timeout(MESSAGE_SECONDS), self._readers:
                message = await context.read()
        except TimeoutError:
            raise TooSlow(f"the message did not arrive within {MESSAGE_SECONDS:g} s") from None
        if isinstance(message, bytes):
            return message
        # the library has told the client already, unless there was no message at all
        raise RequestTooLarge(
            f"there is no message of at most {self._max_bytes} bytes; send fewer rows a request, or raise runtime.limits.maxRequestBytes"
        )

    def _query(self, content: bytes) -> Query:
        try:
            message = pb.ModelInferRequest.FromString(content)
        except Exception as error:
            raise MalformedRequest("the message is no inference.ModelInferRequest") from error
        self._plane.identity.check(message.model_name, message.model_version)
        request = decode_request(message)
        identity = self._plane.identity

        def encode(outputs: Any, classes: Any) -> Body:
            answer = encode_answer(
                model=identity.name,
                version=identity.version,
                request_id=request.id,
                outputs=outputs,
                classes=classes,
                raw=bool(message.raw_input_contents),
            )
            return Body(answer.SerializeToString())

        return query_of(self._plane, request, encode)

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


def _answering(answer: Callable[[Any], Any]) -> Callable[[Any, Context], Awaitable[Any]]:
    async def method(request: Any, context: Context) -> Any:
        try:
            return answer(request)
        except Exception as error:  # noqa: BLE001  (as above)
            await _abort(context, _status(error))

    return method


def _trace(context: Context) -> TraceContext | None:
    headers = {name: value for name, value in context.invocation_metadata() or () if name.startswith("trace")}
    parent, state = (str(headers.get(name, "")).encode("latin-1") for name in ("traceparent", "tracestate"))
    return read_trace_context(parent, state) if parent else None


def _time_left(context: Context) -> float | None:
    """Seconds until the client's deadline; None when it has none, which the library's types do not know of."""
    left: float | None = context.time_remaining()
    return left


def _serialized(message: Any) -> bytes:
    return bytes(message.SerializeToString())


def _status(error: Exception) -> Status:
    if isinstance(error, ModelwayServerError):
        return status_of(error)
    _LOGGER.error("a call failed", exc_info=error)
    return Status(grpc.StatusCode.INTERNAL, 500, "the server failed; its log has the error")


async def _abort(context: Context, status: Status) -> NoReturn:
    await context.abort(status.code, status.details, RETRY_PUSHBACK if status.again else ())
