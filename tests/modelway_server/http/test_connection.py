"""The states of a connection, without a socket: what arrives, what is answered, and what ends each of them."""

from collections.abc import Iterator

import pytest

from modelway_server.http.connection import KEEP_ALIVE_SECONDS, LINGER_SECONDS, State
from modelway_server.http.reader import BODY_SECONDS, BYTES_PER_SECOND, HEAD_SECONDS, MAX_HEAD_BYTES, MAX_HEADERS
from modelway_server.http.request import DISCARDED_BYTES
from modelway_server.http.unread import WRITE_SECONDS
from support.server.one_connection import LIMIT, Echo, World, in_chunks, post, restore_clock


@pytest.fixture(autouse=True)
def _real_clock() -> Iterator[None]:
    yield
    restore_clock()


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


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("pieces", [1, 2])
def test_nothing_is_begun_after_the_last_request(pieces: int, at_once: bool) -> None:  # noqa: FBT001
    """HTTP/1.0 with keep-alive, which the server does not keep (RFC 9112, 9.6)."""
    world = World(Echo(at_once=at_once))
    last = post("/1", b"a", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    for piece in (last + post("/2", b"b"),) if pieces == 1 else (last, post("/2", b"b")):
        if not world.transport.ended:
            world.send(piece)
    world.loop.advance(HEAD_SECONDS + 1)
    if not at_once:
        world.application.go_on()
    assert (len(world.application.accounts), world.transport.ended) == (1, "closed")
    assert [echo["target"] for _, echo in world.answers()] == ["/1"]


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
