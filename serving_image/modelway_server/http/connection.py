"""One HTTP/1.1 connection: uvicorn's, with bounds on the time and size of a request's head.

uvicorn itself waits for ever for the rest of a head and keeps all of it. The bounds cost an ordinary request, whose
head comes in one piece, one comparison.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelway_server.http.joined_writes import JoinedWrites
from modelway_server.protocol.strict_json import dumps

HEAD_SECONDS = 10.0
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 128


class Connection(HttpToolsProtocol):
    """A connection whose client must send each head soon and keep it small.

    Args:
        args: of uvicorn.
        max_connections: how many there may be at a time; what is beyond is refused.
        kwargs: of uvicorn.
    """

    def __init__(self, *args: Any, max_connections: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_connections = max_connections
        self._in_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock of a connection that may never send anything, unless there are too many."""
        if len(self.connections) >= self._max_connections:
            self.transport = transport
            self._refuse(503, f"there are {self._max_connections} connections, as many as there may be; try again")
            return
        super().connection_made(JoinedWrites(transport))  # type: ignore[arg-type]  # it has all that is called
        self.timeout_keep_alive_task = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and hold a head that is not complete to its bounds."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
                self._refuse(431, f"the head of a request may have {MAX_HEADERS} headers and {MAX_HEAD_BYTES} bytes")
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._in_head = False
        self._stop_head_timer()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer is complete, also one without a body."""
        self.transport.flush()  # type: ignore[attr-defined]  # see connection_made
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP as all other errors are answered."""
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
