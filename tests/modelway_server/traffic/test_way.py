"""A worker's way to the process that sends copies: what finds no room is left out, and nothing is held for ever."""

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.traffic.way import PACKET_BYTES, READ, Way

Ask = Callable[["World"], Awaitable[None]]


class World:
    """A way, and what is at its other end.

    Attributes:
        others: the other ends, one for each time that a way was asked for.
        held: bytes that the worker holds.
        asks: how often it was asked for.
        changes: whether the process was there, each time that this changed.
        left_out: large copies that did not go.
    """

    def __init__(self, error: OSError | None = None) -> None:
        self.error = error
        self.others: list[socket.socket] = []
        self.held = HeldBytes(8 << 20)
        self.asks = self.left_out = 0
        self.changes: list[bool] = []
        self.way = Way(self, self.held, lambda: self.changes.append(self.way.is_there))

    async def open_mirror(self) -> socket.socket:
        """See `Opener`."""
        self.asks += 1
        if self.error is not None:
            raise self.error
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.settimeout(5)
        self.others.append(other)
        return own

    async def open(self) -> socket.socket:
        """Open the way, and have the other side be there."""
        self.way.open()
        return await self._be_there(1)

    async def open_again(self) -> socket.socket:
        """Look until there is another way, and have the other side be there."""
        return await self._be_there(len(self.others) + 1)

    async def _be_there(self, ways: int) -> socket.socket:
        def are_open() -> bool:
            self.way.look()
            return len(self.others) == ways

        await until(are_open)
        self.others[-1].send(READ.pack(0))
        await until(lambda: self.way.is_there)
        return self.others[-1]

    def leave_out(self) -> None:
        """Count a copy that did not go."""
        self.left_out += 1


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
        assert world.changes == [True]

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


def test_process_that_ends_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("modelway_server.traffic.way.AGAIN_SECONDS", 0.01)
    caplog.set_level(logging.INFO)

    async def ask(world: World) -> None:
        other = await world.open()
        world.way.send_large([bytes(100_000)], world.leave_out)
        other.close()
        await until(lambda: not world.way.is_there)
        assert world.changes == [True, False]
        assert not world.way.send(b"one")
        world.way.send_large([bytes(100_000)], world.leave_out)
        assert world.left_out >= 1
        other = await world.open_again()
        assert world.changes == [True, False, True]
        assert world.way.send(b"two")
        assert other.recv(10) == b"two"

    run(ask)
    assert [record.getMessage() for record in caplog.records] == [
        "no copies are sent: the process that sends them has ended",
        "copies are sent again",
    ]


def test_process_that_ends_before_it_is_there_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.traffic.way.AGAIN_SECONDS", 0.01)

    async def ask(world: World) -> None:
        world.way.open()
        await until(lambda: bool(world.others))
        world.others[0].close()
        await world.open_again()
        assert world.changes == [True]

    run(ask)


@pytest.mark.parametrize("error", [BrokenPipeError("gone"), OSError("busy")])
def test_way_is_asked_for_ever_less_often(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: OSError
) -> None:
    now = 1000.0
    monkeypatch.setattr("modelway_server.traffic.way.time", SimpleNamespace(monotonic=lambda: now))
    times: list[float] = []

    async def ask(world: World) -> None:
        nonlocal now
        world.way.open()
        for _ in range(200):
            asks = world.asks
            world.way.look()
            await until(lambda: world.way._opening is None)
            times.extend([now - 1000] * (world.asks - asks))
            now += 1
        assert not world.changes
        assert not world.way.send(b"one")

    run(ask, error)
    assert times == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert len(caplog.records) == 1


def test_process_that_reads_nothing_in_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.traffic.way.READ_SECONDS", 0.05)

    async def ask(world: World) -> None:
        other = await world.open()
        world.way.send_large([bytes(100_000)], world.leave_out)
        _, [file], _, _ = await asyncio.to_thread(socket.recv_fds, other, 100, 1)
        os.close(file)

        def is_left() -> bool:
            world.way.look()
            return not world.way.is_there

        await until(is_left)
        assert not world.held._size
        assert not other.recv(10)

    run(ask)


def test_large_copies_leave_half_of_the_room_to_clients() -> None:
    async def ask(world: World) -> None:
        await world.open()
        world.way.send_large([bytes(5 << 20)], world.leave_out)
        assert (world.left_out, world.held._size) == (1, 0)
        world.held.charge(7 << 19)
        world.way.send_large([bytes(1 << 20)], world.leave_out)
        assert (world.left_out, world.held._size) == (2, 7 << 19)
        world.held.charge(-(7 << 19))

    run(ask)


def test_large_copy_without_a_thread_to_write_it_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async def ask(world: World) -> None:
        await world.open()
        executor = ThreadPoolExecutor(1)
        executor.shutdown()  # it refuses as one does that cannot start a thread
        asyncio.get_running_loop().set_default_executor(executor)
        for _ in range(2):
            world.way.send_large([bytes(100_000)], world.leave_out)
        assert (world.left_out, world.held._size) == (2, 0)

    run(ask)
    assert len(caplog.records) == 1


def test_large_copy_that_finds_no_memory_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_name: str) -> int:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(os, "memfd_create", refuse)

    async def ask(world: World) -> None:
        await world.open()
        for number in range(1, 3):
            world.way.send_large([bytes(100_000)], world.leave_out)
            await until(lambda number=number: world.left_out == number)  # type: ignore[misc]
        assert not world.held._size

    run(ask)
    assert ["Cannot allocate memory" in record.getMessage() for record in caplog.records] == [True]


def test_other_side_cannot_free_more_than_there_is() -> None:
    async def ask(world: World) -> None:
        other = await world.open()
        other.send(READ.pack(1 << 60))
        other.send(READ.pack(1))
        await asyncio.sleep(0.05)
        assert world.held._size == 0

    run(ask)
