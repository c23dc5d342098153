"""One HTTP/1.1 connection: uvicorn's, with bounds on the time and size of a request's head.

uvicorn itself waits for ever for the rest of a head and keeps all of it. The bounds cost an ordinary request, whose
head comes in one piece, one comparison.
"""

import asyncio
from collections.abc import Sized
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelway_server.http.direct import Direct, Exchange, response
from modelway_server.http.joined_writes import JoinedWrites
from modelway_server.http.messages import BODY_SECONDS
from modelway_server.http.replies import Reply
from modelway_server.protocol.strict_json import dumps

HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 128


class _Flow(FlowControl):
    """Resumes reading only once every request that was read is being answered; uvicorn resumes after each answer.

    Args:
        transport: of the connection.
        waiting: the requests that were read and whose turn has not come.
    """

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, unless requests wait."""
        if not self._waiting:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """A connection whose client must send each head soon and keep it small.

    Args:
        args: of uvicorn.
        max_connections: how many there may be at a time; what is beyond is refused.
        direct: what answers small inference requests; None where there are none.
        kwargs: of uvicorn.
    """

    def __init__(self, *args: Any, max_connections: int, direct: Direct | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_connections = max_connections
        self._direct = direct
        self.cycle: Any = None  # uvicorn's own, or an Exchange
        self._exchange: Exchange | None = None
        self._body_timer: asyncio.TimerHandle | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._wire: asyncio.Transport
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of a connection that may never send anything; refuse it if there are too many."""
        if len(self.connections) >= self._max_connections:
            self.transport = transport
            self._refuse(503, f"there are {self._max_connections} connections, as many as there may be; try again")
            return
        self._wire = transport
        super().connection_made(JoinedWrites(transport))  # type: ignore[arg-type]  # it has all that is called
        self.flow = _Flow(transport, self.pipeline)
        self.timeout_keep_alive_task = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        for timer in (self._head_timer, self._body_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        if self._exchange is not None and self._direct is not None:
            self._direct.give_up(self._exchange)
            self._exchange.disconnected = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, and check the bounds of an incomplete head."""
        if self.transport.is_closing():
            return
        self._heard_at = self.loop.time()
        super().data_received(data)
        if self._exchange is not None and self._exchange.more_body and self._body_timer is None:
            self._body_timer = self.loop.call_later(BODY_SECONDS, self._body_is_late)
        if self._in_head and not self.transport.is_closing():
            # where a head begins, other requests may stand before it
            before = max(data.rfind(b" HTTP/1."), 0) if self._head_bytes == 0 else 0
            self._head_bytes += len(data) - before
            if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
                self._refuse(431, f"the head of a request may have {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes")
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def on_message_begin(self) -> None:
        """Begin a head; its scope for ASGI is made only if ASGI answers it."""
        self._in_head = True
        self._head_bytes = 0
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._in_head = False
        self._stop_head_timer()
        exchange = self._begin_exchange()
        if exchange is not None:
            self._exchange = self.cycle = exchange  # it has what uvicorn looks at
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.headers.extend(headers)
        self.url, self.expect_100_continue = url, expects
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer is complete, also one without a body."""
        self.transport.flush()  # type: ignore[attr-defined]  # see connection_made
        super().on_response_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body has come."""
        exchange = self._exchange
        if exchange is not None and self.cycle is exchange:
            exchange.feed(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is complete."""
        super().on_message_complete()
        exchange = self._exchange
        if exchange is not None and self.cycle is exchange and self._direct is not None:
            self._stop_body_timer()
            self._direct.answer(exchange, self._respond)

    def _begin_exchange(self) -> Exchange | None:
        """The begun request as an exchange that needs no ASGI; None if it needs it."""
        parser = self.parser
        if (
            self._direct is None
            or (self.cycle is not None and not self.cycle.response_complete)
            or self.flow.write_paused
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
        ):
            return None
        return self._direct.begin(self.url, self.headers)

    def _respond(self, reply: Reply) -> None:
        """Write the answer of the exchange, and continue with the requests that came meanwhile."""
        exchange, self._exchange = self._exchange, None
        if exchange is None or self._direct is None or self.transport.is_closing():
            return
        close = reply.close or not exchange.keep_alive or self._direct.draining
        self._wire.write(response(reply, self.server_state.default_headers, close=close))
        exchange.response_complete = True
        if close:
            self.transport.close()
        if self.pipeline:
            self.on_response_complete()
        elif self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._idle)

    def _idle(self) -> None:
        """Close a connection that was silent for long; one timer serves all its requests, since timers cost."""
        self._idle_timer = None
        if self.timeout_keep_alive_task is not None:
            return  # uvicorn has a timer of its own after each answer by ASGI
        left = self._heard_at + self.timeout_keep_alive - self.loop.time()
        if left <= 0 and (self.cycle is None or self.cycle.response_complete):
            self.timeout_keep_alive_handler()
        else:
            self._idle_timer = self.loop.call_later(max(left, 1.0), self._idle)

    def _body_is_late(self) -> None:
        self._body_timer = None
        if self._exchange is not None and self._direct is not None:
            self._direct.refuse_late(self._exchange, self._respond)

    def _stop_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def send_400_response(self, msg: str) -> None:
        """Answer a malformed request like all other errors."""
        self._refuse(400, f"this is not a valid HTTP/1.1 request ({msg})")

    def _head_is_late(self) -> None:
        self._refuse(408, f"the head of a request must arrive within {HEAD_SECONDS:g} s")

    def _refuse(self, status: int, message: str) -> None:
        if self.transport.is_closing():
            return
        body = dumps({"error": message})
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        retry = "retry-after: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        self.transport.write(f"{head}{retry}\r\n".encode() + body)
        self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
