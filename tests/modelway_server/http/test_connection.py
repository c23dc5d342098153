"""The states of a connection, without a socket: whatever the order of bytes and events, requests are answered once, in order."""

import heapq
import itertools
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_server.http import connection
from modelway_server.http.application import Respond
from modelway_server.http.connection import (
    KEEP_ALIVE_SECONDS,
    LINGER_SECONDS,
    WRITE_SECONDS,
    Connection,
    State,
)
from modelway_server.http.reader import BODY_SECONDS, BYTES_PER_SECOND, HEAD_SECONDS, MAX_HEAD_BYTES, MAX_HEADERS
from modelway_server.http.replies import Reply, reply_to
from modelway_server.http.request import DISCARDED_BYTES, Request
from modelway_server.prediction import alarm
from modelway_server.prediction.held_bytes import Held, HeldBytes

LIMIT = 1000
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

    def abandon(self, request: Request) -> None:
        self.abandoned.append(request)
        self.accounts[request].release()

    def go_on(self) -> None:
        request, respond = self.waiting.pop(0)
        if request.failure is not None:
            respond(reply_to(request.failure))
        else:
            document = {
                "target": request.target.decode(),
                "body": request.take_body().decode(),
                "pad": "x" * self.padding,
            }
            respond(Reply(200, json.dumps(document).encode()))


class World:
    """A connection and all around it."""

    is_closing = False

    def __init__(self, application: Echo | None = None) -> None:
        self.application = application or Echo()
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

    def common_headers(self) -> bytes:
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


@pytest.fixture(autouse=True)
def _real_clock() -> Any:
    yield
    for module in MODULES:
        setattr(module, "time", time)  # noqa: B010  (as above)


def post(target: str, body: bytes, *lines: str) -> bytes:
    head = [f"POST {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join((*head, "", "")).encode() + body


def in_chunks(target: str, *chunks: bytes, trailer: str = "") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    parts = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks if chunk]
    return head + b"".join(parts) + b"0\r\n" + (f"{trailer}\r\n" if trailer else "").encode() + b"\r\n"


@dataclass(frozen=True)
class Sent:
    """A request of a client, and what the echo says of it."""

    content: bytes
    target: str
    body: str


@st.composite
def request_lists(draw: st.DrawFn) -> list[Sent]:
    requests = []
    for number in range(draw(st.integers(1, 5))):
        target, body = f"/{number}", draw(st.binary(max_size=60)).hex().encode()
        form = draw(st.sampled_from(["length", "chunks", "get", "offer", "offer of chunks", "trailer"]))
        half = len(body) // 2
        offer = "\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"
        content = {
            "length": post(target, body),
            "chunks": in_chunks(target, body[:half], body[half:]),
            "get": f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
            "offer": post(target, body, offer[2:]),
            "offer of chunks": in_chunks(target, body).replace(b"Host: x", b"Host: x" + offer.encode(), 1),
            "trailer": in_chunks(target, body, trailer="X-Sum: 1"),
        }[form]
        requests.append(Sent(content, target, "" if form == "get" else body.decode()))
    return requests


@given(request_lists(), st.data())
@settings(max_examples=150, deadline=None)
def test_requests_are_answered_once_and_in_order(sent: list[Sent], data: st.DataObject) -> None:
    """Bytes come in any pieces, answers take any time, and the client reads when it likes."""
    echo = Echo(at_once=data.draw(st.booleans()), padding=data.draw(st.sampled_from([0, 100_000])))
    world = World(echo)
    stream = b"".join(one.content for one in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = deque(stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)]) if a < b)
    for _ in range(400):
        world.loop.advance(0.001)
        step = data.draw(st.sampled_from(["piece", "answer", "full", "read"]))
        if step == "piece" and pieces and world.transport.reading:
            world.send(pieces.popleft())
        elif step == "answer" and echo.waiting:
            echo.go_on()
        elif step == "full":
            world.transport.is_full = True
        elif step == "read":
            world.transport.read_all()
        if len(echo.sent) == len(sent):
            break
    else:
        for _ in range(4 * len(sent) + len(pieces)):  # let it end
            world.transport.read_all()
            while echo.waiting:
                echo.go_on()
            world.loop.advance(0.001)
            if pieces and world.transport.reading:
                world.send(pieces.popleft())
    world.transport.read_all()
    world.loop.advance(0.001)
    assert [(status, echo["target"], echo["body"]) for status, echo in world.answers()] == [
        (200, one.target, one.body) for one in sent
    ]
    assert (world.transport.ended, world.transport.reading, world.connection.state) == ("", True, State.IDLE)
    assert (world.charged, echo.abandoned) == (0, [])


@given(request_lists(), st.integers(0, 400), st.booleans())
@settings(max_examples=100, deadline=None)
def test_nothing_is_held_of_a_lost_connection(sent: list[Sent], cut: int, at_once: bool) -> None:  # noqa: FBT001
    echo = Echo(at_once=at_once)
    world = World(echo)
    world.send(b"".join(one.content for one in sent)[:cut])
    world.transport.abort()
    world.loop.advance(1000.0)
    assert echo.held._size == 0
    assert len(echo.sent) + len(echo.abandoned) == len(echo.accounts)


def test_silent_connection_is_closed() -> None:
    world = World()
    world.loop.advance(HEAD_SECONDS + 0.1)
    assert (world.transport.ended, world.transport.written) == ("closed", b"")


def test_idle_connection_is_closed_after_its_time() -> None:
    world = World()
    world.send(post("/", b"a"))
    world.loop.advance(KEEP_ALIVE_SECONDS - 1)
    assert world.transport.ended == ""
    world.loop.advance(2)
    assert world.transport.ended == "closed"


def test_late_head_is_refused() -> None:
    world = World()
    world.send(b"GET / HT")
    world.loop.advance(HEAD_SECONDS + 0.1)
    assert [status for status, _ in world.answers()] == [408]


@pytest.mark.parametrize("kind", ["length", "chunks"])
def test_body_that_comes_fast_enough_is_taken(kind: str) -> None:
    """A body has time for its size: 20 s at the slowest pace that is allowed."""
    echo = Echo()
    world = World(echo)
    size = 20 * BYTES_PER_SECOND
    whole = post("/", b"x" * size) if kind == "length" else in_chunks("/", b"x" * size)
    step = BYTES_PER_SECOND * 2
    for start in range(0, len(whole), step):
        world.send(whole[start : start + step])
        world.loop.advance(1.9)
    assert [status for status, _ in world.answers()] == [413], "it is larger than the cap, and was read to its end"


def test_body_that_stops_after_a_burst_is_refused() -> None:
    world = World(Echo(limit=10**6))
    world.send(post("/", b"x" * 10**6)[: -(10**5)])
    world.loop.advance(2 * BODY_SECONDS + 0.1)
    assert [status for status, _ in world.answers()] == [408]


def test_late_body_keeps_an_earlier_refusal() -> None:
    world = World()
    world.send(post("/", b"x" * 10 * LIMIT)[:-LIMIT])
    world.loop.advance(2 * BODY_SECONDS + 0.1)
    assert [status for status, _ in world.answers()] == [413]


@pytest.mark.parametrize("pace", [1, 1000])
def test_body_that_drips_is_refused(pace: int) -> None:
    world = World(Echo(limit=10**6))
    world.send(post("/", b"x" * 10**6)[: -(10**6)])
    for _ in range(int(BODY_SECONDS) + 2):
        world.loop.advance(1.0)
        if world.transport.ended:
            break
        world.send(b"x" * pace)
    assert [status for status, _ in world.answers()] == [408]
    assert world.transport.ended == "eof"
    world.loop.advance(LINGER_SECONDS + 0.1)
    assert world.transport.ended == "aborted"


def test_client_that_does_not_read_is_cut_off() -> None:
    world = World(Echo(padding=10**6))
    world.transport.is_full = True
    world.send(post("/", b"a"))
    world.loop.advance(1.0)
    assert world.connection.state is State.WRITING
    assert world.charged > 10**6, "what it does not read counts as memory of requests"
    world.loop.advance(WRITE_SECONDS)
    assert (world.transport.ended, world.charged) == ("aborted", 0)
    assert len(world.application.abandoned) == 1, "it is counted as gone"


def test_last_answer_has_time_to_leave() -> None:
    world = World()
    world.transport.is_full = True
    world.send(post("/", b"a", "Connection: close"))
    world.loop.advance(WRITE_SECONDS - 1)
    assert world.transport.ended == "closed"
    world.loop.advance(1 + LINGER_SECONDS)
    assert world.transport.ended == "aborted"


def test_client_that_reads_slowly_gets_its_answer() -> None:
    world = World(Echo(padding=100 * BYTES_PER_SECOND))
    world.transport.is_full = True
    world.send(post("/", b"a"))
    for _ in range(40):
        world.loop.advance(1.0)
        world.transport.unread -= 2 * BYTES_PER_SECOND
    assert world.transport.ended == ""
    world.transport.read_all()
    assert len(world.application.sent) == 1


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 2 * MAX_HEAD_BYTES, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2 * MAX_HEADERS, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2 * MAX_HEADERS + b"\r\n", 431),
        (in_chunks("/", b"a")[:-2] + b"X: y\r\n" * 100_000, 400),
        (in_chunks("/", b"a")[:-2] + b"X: " + b"y" * 100_000, 400),
        (
            post("/", b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"") + b"1;" + b"e" * 10**6,
            400,
        ),
    ],
    ids=["a long header", "many headers", "a head of many headers", "many trailers", "a long trailer", "an extension"],
)
@pytest.mark.parametrize("step", [1 << 16, 999])
def test_heads_and_trailers_are_bounded(content: bytes, status: int, step: int) -> None:
    world = World()
    for start in range(0, len(content), step):
        if world.transport.ended:
            break
        world.send(content[start : start + step])
    assert [code for code, _ in world.answers()] == [status]


def test_refused_body_is_not_read_for_ever() -> None:
    world = World()
    world.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
    sent = 0
    while not world.transport.ended:
        world.send(b"x" * 60_000)
        sent += 60_000
        assert sent < 2 * DISCARDED_BYTES
    assert [status for status, _ in world.answers()] == [413]


def test_a_broken_request_waits_for_the_answers_before_it() -> None:
    echo = Echo(at_once=False)
    world = World(echo)
    world.send(post("/1", b"a") + post("/2", b"b") + b"\x00\x00")
    assert world.transport.written == b""
    echo.go_on()
    echo.go_on()
    assert [status for status, _ in world.answers()] == [200, 200, 400]


def test_continue_is_sent_when_the_turn_comes() -> None:
    echo = Echo(at_once=False)
    world = World(echo)
    world.send(post("/1", b"a") + post("/2", b"b", "Expect: 100-continue")[:-1])
    assert world.transport.written == b""
    echo.go_on()
    assert world.transport.written.endswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    world.send(b"b")
    echo.go_on()
    assert [echo["target"] for _, echo in world.answers()] == ["/1", "/2"]


def test_head_request_gets_no_body() -> None:
    world = World()
    world.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert world.transport.written.endswith(b"\r\n\r\n")


def test_connect_is_refused() -> None:
    world = World()
    world.send(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [status for status, _ in world.answers()] == [405]


def test_draining_application_closes_after_each_answer() -> None:
    world = World(Echo(draining=True))
    world.send(post("/", b"a"))
    assert b"connection: close" in world.transport.written
    assert world.transport.ended == "closed"
