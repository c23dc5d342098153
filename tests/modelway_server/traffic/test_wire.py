"""One connection to a candidate: what comes on it that was not asked for, and when it ends."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.traffic.wire import BrokenOff, NoRoom, Room, Wire

T = TypeVar("T")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
QUESTION = (b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",)


def on_a_wire(use: Callable[[Wire, socket.socket], Awaitable[T]], room: Room | None = None) -> T:
    room = room or Room(100, HeldBytes(100))

    async def run() -> T:
        own, other = socket.socketpair()
        with other:
            _, wire = await asyncio.get_running_loop().create_connection(lambda: Wire(100, room), sock=own)
            try:
                return await asyncio.wait_for(use(wire, other), 5)
            finally:
                wire.close()

    return asyncio.run(run())


@pytest.mark.parametrize(("more", "is_kept"), [(b"", True), (ANSWER, False), (b"HTTP/1.1 200 OK\r\nx", False)])
def test_wire_with_more_than_was_asked_for_is_not_kept(more: bytes, is_kept: bool) -> None:  # noqa: FBT001
    async def use(wire: Wire, other: socket.socket) -> bool:
        asking = asyncio.ensure_future(wire.ask(QUESTION))
        await asyncio.sleep(0)
        other.sendall(ANSWER + more)
        assert (await asking).body == b"{}"
        return wire.is_free

    assert on_a_wire(use) is is_kept


def test_wire_that_ended_before_it_is_asked_says_so() -> None:
    async def use(wire: Wire, _: socket.socket) -> None:
        wire.connection_lost(None)
        with pytest.raises(BrokenOff) as error:
            await wire.ask(QUESTION)
        assert not error.value.begun

    on_a_wire(use)


@pytest.mark.parametrize(("others", "is_refused"), [(0, False), (95, True)])
def test_answer_that_arrives_counts_among_what_is_held(others: int, is_refused: bool) -> None:  # noqa: FBT001
    """Alone it may take more than there is; beside another answer it may not."""
    held = HeldBytes(10)
    room = Room(100, held)
    room.take(others, others)

    async def use(wire: Wire, other: socket.socket) -> bool:
        asking = asyncio.ensure_future(wire.ask(QUESTION))
        await asyncio.sleep(0)
        other.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n" + b"x" * 12)
        while not (held.is_scarce or asking.done()):  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0)
        is_scarce = held.is_scarce
        other.sendall(b"xxx")
        await asyncio.wait([asking])
        assert held.is_scarce == bool(others), "it is held no more"
        return is_scarce and isinstance(asking.exception(), NoRoom)

    assert on_a_wire(use, room) is is_refused


def test_answers_that_arrive_together_leave_half_to_requests() -> None:
    room = Room(100, HeldBytes(10))
    assert room.take(3, 3)
    assert not room.take(3, 3)
    assert Room(100, HeldBytes(10)).take(8, 8), "one alone may take more"
