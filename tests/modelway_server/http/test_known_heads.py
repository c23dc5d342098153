"""A head that came before is not parsed again, and means what it meant."""

import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway_server.http.known_heads import MAX_HEADS, KnownHeads
from modelway_server.http.request import DISCARDED_BYTES
from support.server.one_connection import Echo, World, in_chunks, post, restore_clock


@pytest.fixture(autouse=True)
def _real_clock() -> Iterator[None]:
    yield
    restore_clock()


@given(
    st.binary(max_size=30).map(bytes.hex),
    st.sampled_from(["length", "chunks", "get"]),
    st.sampled_from([b"", b"\r\n", b"\n", b"\r\n\r\n"]),
    st.sampled_from([b"\r\n", b"\n"]),
)
@settings(max_examples=100, deadline=None)
def test_head_that_came_before_means_the_same(text: str, form: str, before: bytes, line: bytes) -> None:
    """Whatever body follows it: bytes of a body never become a head."""
    contents = {
        "length": post("/", text.encode()),
        "chunks": in_chunks("/", text.encode()),
        "get": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    }
    head, end, body = contents[form].partition(b"\r\n\r\n")
    head = before + (head + end).replace(b"\r\n", line)
    known_heads = KnownHeads()
    for follows in (body, body[::-1], body[1:], body + body, b"\r\n\r\n" + body[4:], body + head + body):
        first, second = World(), World(known_heads=known_heads)
        for world in (first, second):
            world.send(head + follows)
        assert first.answers() == second.answers()
        assert first.transport.ended == second.transport.ended


@pytest.mark.parametrize(
    ("lines", "is_known"),
    [
        ((), True),
        (("X-Client: a",), True),
        (("Traceparent: 00-1-1-00",), False),
        (("Expect: 100-continue",), False),
        (("X-Long: " + "y" * 2000,), False),
    ],
)
def test_head_that_may_come_again_is_not_parsed_again(lines: tuple[str, ...], is_known: bool) -> None:  # noqa: FBT001
    echo = Echo()
    world = World(echo)
    for body in (b"a", b"b"):
        world.send(post("/", body, *lines))
    assert [request.known is not None for request in echo.sent] == [False, is_known]


def test_head_that_ends_its_connection_is_not_kept() -> None:
    world = World()
    world.send(post("/", b"a", "Connection: close"))
    assert len(world.known_heads._heads) == 0


def test_part_of_a_body_is_no_request_whose_head_is_known() -> None:
    known_heads = KnownHeads()
    World(known_heads=known_heads).send(post("/a", b"abc"))
    echo = Echo(at_once=False)
    world = World(echo, known_heads)
    content = post("/", b"x" * (5 * DISCARDED_BYTES))
    world.send(content[: DISCARDED_BYTES + 1000])
    assert len(echo.waiting) == 1, "it is refused, since so much of it came"
    world.send(post("/a", b"abc"))
    assert len(echo.accounts) == 1


@pytest.mark.parametrize("rounds", [1, 2])
def test_connection_keeps_nothing_of_an_answered_request(rounds: int) -> None:
    echo = Echo()
    world = World(echo)
    for _ in range(rounds):
        world.send(post("/", b"a"))
    request = weakref.ref(echo.sent[-1])
    echo.sent.clear()
    echo.accounts.clear()
    assert request() is None


def test_heads_that_are_known_are_bounded() -> None:
    world = World()
    for number in range(2 * MAX_HEADS + 10):
        world.send(post(f"/{number}", b"a"))
    assert len(world.known_heads._heads) == 10
