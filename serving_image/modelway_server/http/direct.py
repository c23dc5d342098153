"""Answer ordinary inference requests without an ASGI cycle: no scope, no task, one write.

An ordinary prediction costs the model a few microseconds and ASGI five times as much. What is not ordinary, a body that
is large, compressed or chunked, a client that reads too slowly, goes the way of ASGI; both ways give the same answers.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Final

from modelway_server.dataplane.query import Body
from modelway_server.errors import MalformedRequest, QueueFull
from modelway_server.http.app import InferenceApplication
from modelway_server.http.messages import BodyTooSlow, Head, check_host, read_head
from modelway_server.http.operations import Operation
from modelway_server.http.replies import Reply, compress_reply, reply_to, reply_unread, shall_compress
from modelway_server.prediction.held_bytes import Held
from modelway_server.prediction.predictor import Predictor, QueryJob
from modelway_server.protocol.trace_context import TRACE_ID

MAX_BYTES = 512 * 1024
"""The event loop reads these bodies itself; a larger one would block it for more than a millisecond."""
_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

Respond = Callable[[Reply], None]


class _Nobody:
    """An event that nobody waits for."""

    def set(self) -> None:
        """Nothing happens."""


_NOBODY: Final = _Nobody()


class Exchange:
    """One request and its answer; the connection treats it like uvicorn's cycle of a request and its response.

    Attributes:
        operation: the route.
        head: of the request.
        held: the account of its bytes.
        refusal: why its body is not kept, if it is not.
        body: as far as it has arrived.
        more_body: whether it has not arrived yet.
        response_complete: whether the answer was written.
        disconnected: whether the client has gone.
        keep_alive: whether the connection is kept after the answer.
        message_event: what uvicorn sets when something has arrived.
        pending: the job, while the model has not answered.
    """

    __slots__ = (
        "body",
        "disconnected",
        "head",
        "held",
        "keep_alive",
        "message_event",
        "more_body",
        "operation",
        "pending",
        "refusal",
        "response_complete",
        "started",
    )

    def __init__(self, operation: Operation, head: Head, started: float, held: Held) -> None:
        self.operation = operation
        self.head = head
        self.started = started
        self.held = held
        self.refusal: QueueFull | None = None
        self.body = bytearray()
        self.more_body = True
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.message_event = _NOBODY
        self.pending: QueryJob | None = None

    def feed(self, part: bytes) -> None:
        """Keep a part of the body; without room for it, the body is read to its end and refused."""
        if self.refusal is not None:
            return
        try:
            self.held.add(len(part))
        except QueueFull as error:
            self.refusal = error
            self.body.clear()
            return
        self.body += part


class Direct:
    """The short way from a connection to the predictor.

    Args:
        application: whose routes and replies these are.
        predictor: what answers.
    """

    def __init__(self, application: InferenceApplication, predictor: Predictor) -> None:
        self._application = application
        self._predictor = predictor
        self._routes = {path.encode(): operation for path, operation in application.operations.items()}
        self._max_bytes = min(MAX_BYTES, application.max_bytes)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def draining(self) -> bool:
        """Whether clients shall open another connection for their next request."""
        return self._application.draining

    def begin(self, url: bytes, headers: list[tuple[bytes, bytes]]) -> Exchange | None:
        """An exchange for a POST with that head; None when it is not an ordinary one."""
        operation = self._routes.get(url)
        if operation is None:
            return None
        try:
            head = read_head({"headers": headers})
        except MalformedRequest:
            return None
        if not 0 <= head.content_length <= self._max_bytes or head.content_encoding or head.expects_continue:
            return None
        self._application.last_request = started = time.monotonic()
        return Exchange(operation, head, started, self._predictor.hold())

    def answer(self, exchange: Exchange, respond: Respond) -> None:
        """Answer a request that has arrived, now or when the model has.

        Args:
            exchange: with the whole body.
            respond: called once, unless `give_up` is.
        """
        trace = exchange.head.trace
        if trace is None:
            self._try(exchange, respond)
            return
        token = TRACE_ID.set(trace.trace_id)
        try:
            self._try(exchange, respond)
        finally:
            TRACE_ID.reset(token)

    def refuse_late(self, exchange: Exchange, respond: Respond) -> None:
        """Answer a request whose body does not arrive."""
        self._finish(exchange, respond, reply_to(BodyTooSlow()))

    def give_up(self, exchange: Exchange) -> None:
        """Drop the request of a client that has gone."""
        job = exchange.pending
        if job is None:
            exchange.held.release()
        else:
            job.answer.cancel()
            self._predictor.forget(job)

    def _try(self, exchange: Exchange, respond: Respond) -> None:
        try:
            self._answer(exchange, respond)
        except Exception as error:  # noqa: BLE001  (each has its status)
            self._finish(exchange, respond, reply_to(error))

    def _answer(self, exchange: Exchange, respond: Respond) -> None:
        check_host({"http_version": "1.1"}, exchange.head)
        reader = exchange.operation.reader(exchange.head)
        if reader is None:
            self._finish(exchange, respond, reply_unread(exchange.operation, exchange.head))
            return
        if exchange.refusal is not None:
            raise exchange.refusal
        self._predictor.check_room()
        query = reader(bytes(exchange.body), exchange.head)
        deadline = self._predictor.deadline(exchange.started, exchange.head.timeout, query.timeout)
        job = exchange.pending = self._predictor.submit(query, deadline)
        self._application.in_flight.inc()
        job.answer.add_done_callback(partial(self._answered, exchange, respond))

    def _answered(self, exchange: Exchange, respond: Respond, answer: asyncio.Future[Body]) -> None:
        job = exchange.pending
        assert job is not None
        exchange.pending = None
        self._application.in_flight.dec()
        if answer.cancelled():
            exchange.held.release()
        else:
            outcome = answer.exception() or answer.result()
            self._finish(exchange, respond, self._application.reply(job.query, outcome))

    def _finish(self, exchange: Exchange, respond: Respond, reply: Reply) -> None:
        exchange.held.release()
        if shall_compress(exchange.head, reply):
            task = asyncio.create_task(self._compress(exchange, respond, reply))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        self._application.observe(exchange.operation, exchange.head, reply, exchange.started)
        respond(reply)

    async def _compress(self, exchange: Exchange, respond: Respond, reply: Reply) -> None:
        packed = await compress_reply(reply)
        self._application.observe(exchange.operation, exchange.head, reply, exchange.started)
        respond(packed)


def response(reply: Reply, headers: Iterable[tuple[bytes, bytes]], *, close: bool) -> bytes:
    """The bytes of an answer.

    Args:
        reply: what it says.
        headers: that every answer of the server has, beside the reply's own.
        close: whether the connection ends with it.
    """
    parts = [_STATUS_LINES[reply.status], b"content-type: ", reply.content_type]
    parts.append(b"\r\ncontent-length: %d\r\n" % len(reply.body))
    for name, value in (*headers, *reply.headers):
        parts += (name, b": ", value, b"\r\n")
    if close:
        parts.append(b"connection: close\r\n")
    parts += (b"\r\n", reply.body)
    return b"".join(parts)
