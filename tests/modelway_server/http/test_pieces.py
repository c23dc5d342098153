"""Bytes that come in any pieces, with events in any order: requests are answered once, in order, and hostile bytes are read alike."""

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_server.http.connection import State
from modelway_server.http.known_heads import KnownHeads
from support.server.one_connection import Echo, World, in_chunks, post, restore_clock

OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
SEEDS = (
    post("/1", b"abc"),
    post("/2", b"abc", "Expect: 100-continue"),
    post("/3", b"abc", *OFFER),
    in_chunks("/4", b"abc", b"defg", trailer="X-Sum: 1"),
    in_chunks("/5", b"abc").replace(b"Host: x", "\r\n".join(("Host: x", *OFFER)).encode(), 1),
    b"GET /6 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /7 HTTP/1.0\r\n\r\n",
)
"""Requests that hostile bytes are made of."""
WORDS = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\x00", b"\xff", b":", b";a=b", b"0", b"fffffff"),
    *(b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n"),
    *(b"Connection: close\r\n", b"Connection: Upgrade\r\n", b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n"),
    *(b"HTTP/1.0", b"HTTP/2.0", b"CONNECT ", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
)
"""What is put into them, and in place of some of their bytes."""


@pytest.fixture(autouse=True)
def _real_clock() -> Iterator[None]:
    yield
    restore_clock()


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


def heads_of(requests: list[Sent]) -> KnownHeads:
    """What is known once these came, over a connection each."""
    known_heads = KnownHeads()
    for one in requests:
        World(known_heads=known_heads).send(one.content)
    return known_heads


@given(request_lists(), st.data())
@settings(max_examples=150, deadline=None)
def test_requests_are_answered_once_and_in_order(sent: list[Sent], data: st.DataObject) -> None:
    """Bytes come in any pieces, answers take any time, and the client reads when it likes."""
    echo = Echo(at_once=data.draw(st.booleans()), padding=data.draw(st.sampled_from([0, 100_000])))
    world = World(echo, heads_of(sent if data.draw(st.booleans()) else []))
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


@st.composite
def hostile_bytes(draw: st.DrawFn) -> bytes:
    """Some requests, each changed at some places."""
    requests = []
    for seed in draw(st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3)):
        request = seed
        for _ in range(draw(st.integers(0, 3))):
            place, size = draw(st.integers(0, len(request))), draw(st.sampled_from([0, 0, 0, 1, 2, 5]))
            request = request[:place] + draw(st.sampled_from(WORDS)) + request[place + size :]
        requests.append(request)
    return b"".join(requests)


@given(hostile_bytes(), st.lists(st.integers(0, 400), max_size=6), st.booleans())
@settings(max_examples=400, deadline=None)
def test_hostile_bytes_are_read_alike_in_any_pieces(content: bytes, cuts: list[int], at_once: bool) -> None:  # noqa: FBT001
    """A server that reads one stream in two ways could be made to read a request that its proxy did not see."""
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    pieces = [content[a:b] for a, b in itertools.pairwise(places)]
    whole = outcome([content], at_once=True)
    assert outcome(pieces, at_once=at_once) == whole
    assert outcome([bytes([byte]) for byte in content], at_once=True) == whole
    known_heads = KnownHeads()
    for _ in range(2):
        assert outcome([content], at_once=True, known_heads=known_heads) == whole


def outcome(
    pieces: Sequence[bytes], *, at_once: bool, known_heads: KnownHeads | None = None
) -> tuple[list[tuple[int, Any]], str]:
    """What a connection answers to these pieces, and how it ended."""
    echo = Echo(at_once=at_once)
    world = World(echo, known_heads)
    coming = deque(pieces)
    while (coming or echo.waiting) and world.transport.ended not in {"closed", "aborted"}:
        if coming and world.transport.reading:
            world.send(coming.popleft())
        else:
            echo.go_on()
    ended = world.transport.ended
    if ended not in {"closed", "aborted"}:
        world.transport.abort()
    assert (echo.held._size, len(echo.sent) + len(echo.abandoned)) == (0, len(echo.accounts))
    return [(status, answer if status == 200 else None) for status, answer in world.answers()], ended
