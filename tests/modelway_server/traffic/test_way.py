"""A worker's way to the process that sends copies: what finds no room is left out, and nothing is held for ever."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

import pytest

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.traffic.way import PACKET_BYTES, READ, Way

Ask = Callable[["World"], Awaitable[None]]


class World:
    """A way, and what is at its other end.

    Attributes:
        others: the other ends, one for each time that a way was asked for.
        held: bytes that the worker holds.
        settled: how often the way said that it is settled.
        left_out: large copies that did not go.
    """

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error
        self.others: list[socket.socket] = []
        self.held = HeldBytes(8 << 20)
        self.settled = self.left_out = 0
        self.way = Way(self, self.held, self._settle)

    async def open_mirror(self) -> socket.socket:
        """See `Opener`."""
        if self.error is not None:
            raise self.error
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.settimeout(5)
        self.others.append(other)
        return own

    async def open(self) -> socket.socket:
        """Open the way, and have the other side be there."""
        before = len(self.others)
        self.way.open()
        await until(lambda: len(self.others) > before)
        self.others[-1].send(READ.pack(0))
        await until(lambda: self.way.is_settled)
        return self.others[-1]

    def leave_out(self) -> None:
        """Count a copy that did not go."""
        self.left_out += 1

    def _settle(self) -> None:
        self.settled += 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (no event tells)
            await asyncio.sleep(0.005)


def run(ask: Ask, error: OSError | None = None) -> None:
    async def within() -> None:
        world = World(error)
        try:
            await ask(world)
        finally:
            world.way.close()
            for other in world.others:
                other.close()
        assert not world.held._size

    asyncio.run(within())


def test_packet_goes_once_the_other_side_is_there() -> None:
    async def ask(world: World) -> None:
        assert not world.way.send(b"early")
        other = await world.open()
        assert world.way.send(b"one")
        assert other.recv(10) == b"one"
        assert world.settled == 1

    run(ask)


def test_packets_that_nobody_reads_are_left_out_in_the_end() -> None:
    async def ask(world: World) -> None:
        await world.open()
        sent = [world.way.send(bytes(PACKET_BYTES)) for _ in range(100)]
        assert sent[0]
        assert not sent[-1]

    run(ask)


def test_large_one_lies_in_a_file_until_it_is_read() -> None:
    async def ask(world: World) -> None:
        other = await world.open()
        world.way.send_large([b"a" * 1_000_000, b"b"], world.leave_out)
        content, [file], _, _ = await asyncio.to_thread(socket.recv_fds, other, 100, 1)
        assert READ.unpack(content) == (1_000_001,)
        assert os.pread(file, 10, 999_995) == b"aaaaab"
        os.close(file)
        assert world.held._size == 1_000_001
        other.send(READ.pack(1_000_001))
        await until(lambda: not world.held._size)

    run(ask)


def test_large_ones_that_nobody_reads_are_left_out() -> None:
    async def ask(world: World) -> None:
        await world.open()
        for _ in range(10):
            world.way.send_large([bytes(400_000)], world.leave_out)
        assert world.left_out == 8
        assert world.held._size == 800_000

    run(ask)


def test_process_that_ends_gets_nothing_until_the_next_rollout(caplog: pytest.LogCaptureFixture) -> None:
    async def ask(world: World) -> None:
        other = await world.open()
        world.way.send_large([bytes(100_000)], world.leave_out)
        other.close()
        await until(lambda: world.way._socket is None)
        assert not world.way.send(b"one")
        world.way.look()
        world.way.send_large([bytes(100_000)], world.leave_out)
        assert len(world.others) == 1
        assert world.way.is_settled
        await world.open()
        assert world.way.send(b"two")

    run(ask)
    assert [record.getMessage()[:41] for record in caplog.records] == ["the process that sends copies has ended: "]


def test_process_that_ends_before_it_is_there_is_asked_for_again() -> None:
    async def ask(world: World) -> None:
        world.way.open()
        await until(lambda: bool(world.others))
        world.others[0].close()

        def look() -> bool:
            world.way.look()
            return len(world.others) == 2

        await until(look)
        assert not world.way.is_settled

    run(ask)


@pytest.mark.parametrize(("error", "settled"), [(BrokenPipeError(), 1), (OSError(), 0)])
def test_broker_that_has_gone_settles_it_and_a_busy_one_does_not(error: OSError, settled: int) -> None:
    async def ask(world: World) -> None:
        world.way.open()
        await until(lambda: world.way._opening is None)
        assert (world.settled, world.way.is_settled) == (settled, bool(settled))
        assert not world.way.send(b"one")

    run(ask, error)


def test_other_side_cannot_free_more_than_there_is() -> None:
    async def ask(world: World) -> None:
        other = await world.open()
        other.send(READ.pack(1 << 60))
        other.send(READ.pack(1))
        await asyncio.sleep(0.05)
        assert world.held._size == 0

    run(ask)
