"""One connection of the model server without a socket: its loop, its transport, and an application that echoes."""

import heapq
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from modelway_server.http import connection
from modelway_server.http.application import Respond
from modelway_server.http.connection import Connection
from modelway_server.http.known_heads import KnownHeads
from modelway_server.http.replies import Reply, reply_to
from modelway_server.http.request import Request
from modelway_server.prediction import alarm
from modelway_server.prediction.held_bytes import Held, HeldBytes

LIMIT = 1000
"""Bytes of a body."""
MODULES = (connection, alarm)
"""Those that look at the clock."""


class Timer:
    """What `call_later` gives."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop whose clock the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[tuple[float, int, Timer, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = itertools.count()

    def call_later(self, delay: float, call: Callable[..., None], *arguments: Any) -> Timer:
        timer = Timer()
        heapq.heappush(self._timers, (self.now + delay, next(self._numbers), timer, call, arguments))
        return timer

    def call_soon(self, call: Callable[..., None], *arguments: Any) -> Timer:
        return self.call_later(0.0, call, *arguments)

    def advance(self, seconds: float = 0.0) -> None:
        end = self.now + seconds
        while self._timers and self._timers[0][0] <= end:
            self.now, _, timer, call, arguments = heapq.heappop(self._timers)
            if not timer.cancelled:
                call(*arguments)
        self.now = end


class Transport:
    """A socket's other side."""

    def __init__(self) -> None:
        self.protocol: Connection
        self.written = b""
        self.unread = 0
        self.is_full = False
        self.reading = True
        self.ended = ""

    def write(self, data: bytes) -> None:
        assert not self.ended, "nothing is written after the end"
        self.written += data
        if self.is_full:
            self.unread += len(data)
            if self.unread > 64 * 1024:
                self.protocol.pause_writing()

    def read_all(self) -> None:
        """The client reads what there is."""
        was, self.unread, self.is_full = self.unread, 0, False
        if was > 64 * 1024:
            self.protocol.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.unread

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = "eof"

    def close(self) -> None:
        if self.ended not in {"closed", "aborted"}:
            self.ended = "closed"
            if not self.unread:
                self.protocol.connection_lost(None)

    def abort(self) -> None:
        if self.ended != "aborted":
            self.ended = "aborted"
            self.protocol.connection_lost(None)

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True


@dataclass
class Echo:
    """Answers with what it was asked, at once or when the test says so."""

    at_once: bool = True
    limit: int = LIMIT
    held: HeldBytes = field(default_factory=lambda: HeldBytes(10 * LIMIT))
    waiting: list[tuple[Request, Respond]] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    abandoned: list[Request] = field(default_factory=list)
    draining: bool = False
    padding: int = 0
    accounts: dict[Request, Held] = field(default_factory=dict)

    def begin(self, request: Request) -> None:
        self.accounts[request] = Held(self.held)
        request.keep_body(self.limit, self.accounts[request])
        names = dict(request.headers)
        request.head = request.head._replace(expects_continue=b"expect" in names)

    def answer(self, request: Request, respond: Respond) -> None:
        self.waiting.append((request, respond))
        if self.at_once:
            self.go_on()

    def note_sent(self, request: Request, _: Reply) -> None:
        self.sent.append(request)
        self.accounts[request].release()

    def once_published(self, leave: Callable[[], None]) -> None:
        leave()

    def abandon(self, request: Request) -> None:
        self.abandoned.append(request)
        self.accounts[request].release()

    def go_on(self) -> None:
        request, respond = self.waiting.pop(0)
        if request.failure is not None:
            respond(reply_to(request.failure))
        else:
            document = {
                "target": request.target.decode("latin-1"),
                "body": request.take_body().decode("latin-1"),
                "pad": "x" * self.padding,
            }
            respond(Reply(200, json.dumps(document).encode()))


class World:
    """A connection and all around it."""

    is_closing = False

    def __init__(self, application: Echo | None = None, known_heads: KnownHeads | None = None) -> None:
        self.application = application or Echo()
        self.known_heads = KnownHeads() if known_heads is None else known_heads
        self.loop, self.transport = Loop(), Transport()
        self.charged = 0
        set_clock(self.loop)
        self.connection = Connection(self, self.loop)  # type: ignore[arg-type]  # it has what is called
        self.transport.protocol = self.connection
        self.connection.connection_made(self.transport)  # type: ignore[arg-type]

    def admit(self, _: Connection) -> None:
        return None

    def release(self, _: Connection) -> None:
        """Nothing is counted."""

    def charge(self, size: int) -> None:
        self.charged += size

    def common_headers(self, *, is_foreign: bool = False) -> bytes:  # noqa: ARG002  (as a listener has it)
        return b""

    def send(self, data: bytes) -> None:
        self.connection.data_received(data)

    def answers(self) -> list[tuple[int, Any]]:
        """Status and document of each answer so far; those of 100 are left out."""
        answers, rest = [], self.transport.written
        while rest:
            head, _, rest = rest.partition(b"\r\n\r\n")
            status = int(head.split()[1])
            if status == 100:
                continue
            size = int(head.lower().partition(b"content-length: ")[2].split()[0])
            answers.append((status, json.loads(rest[:size])))
            rest = rest[size:]
        return answers


def set_clock(loop: Loop) -> None:
    """Have the modules' clock show the loop's time."""
    for module in MODULES:
        setattr(module, "time", SimpleNamespace(monotonic=lambda: loop.now))  # noqa: B010  (no module exports it)


def restore_clock() -> None:
    """Have the modules' clock show the real time again."""
    for module in MODULES:
        setattr(module, "time", time)  # noqa: B010  (as above)


def post(target: str, body: bytes, *lines: str) -> bytes:
    """A request whose body has a length; `lines` are more lines of its head."""
    head = [f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join((*head, "", "")).encode() + body


def in_chunks(target: str, *chunks: bytes, trailer: str = "") -> bytes:
    """A request whose body comes in chunks."""
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk]
    return head + b"".join(parts) + b"0\r\n" + (f"{trailer}\r\n" if trailer else "").encode() + b"\r\n"
