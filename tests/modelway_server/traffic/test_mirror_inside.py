"""The process that sends copies, from inside: what it makes of what a worker sends, and that each copy is counted once."""

import asyncio
import json
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from modelway_server.replay.arm import Address, DirectConnector
from modelway_server.traffic.answers import decode_json
from modelway_server.traffic.copies import Copy, pack
from modelway_server.traffic.mirror import Mirror
from modelway_server.traffic.mirrored import Task
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.way import PACKET_BYTES, READ
from support.server.rollouts import (
    CANDIDATE,
    PORT,
    ROLLOUT,
    STABLE,
    Behaviour,
    answering,
    candidate,
    free_host,
    order,
    read_request,
    response,
    withdraw,
)

from .test_faults import hang
from .test_way import until

OWN = b'{"predictions":[1]}'
SAME = answering(response(OWN))
COUNTED = (Count.FAILED_TRIALS, Count.BUSY, Count.UNREACHABLE)
MAX_REQUEST = 1 << 20


class World:
    """The process, and one worker's end of a way to it."""

    def __init__(self, folder: Path, host: str, workers: int) -> None:
        self.folder, self.host = folder, host
        self.shared = Shared(workers)
        self.shared.enter(0)
        self.shared.begin(ROLLOUT)
        mirrors = Shared.__new__(Shared)
        mirrors.__dict__.update(self.shared.__dict__)
        mirrors.enter_mirror()
        task = Task(folder=folder, revision=STABLE, workers=workers, shared=mirrors, max_request_bytes=MAX_REQUEST)
        self.mirror = Mirror(task, DirectConnector(Address(host, PORT, CANDIDATE)), decode_json)
        self._sockets: list[socket.socket] = []

    def way(self) -> socket.socket:
        """A worker's way."""
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        own.settimeout(0)
        self.mirror.add(other)
        self._sockets += [own, other]
        assert own.recv(100) == READ.pack(0)
        return own

    def total(self, count: Count) -> int:
        """What all processes counted."""
        return self.shared.total(count)

    @property
    def counted(self) -> int:
        """Copies that ended in one way or another."""
        return sum(map(self.total, COUNTED))

    def close(self) -> None:
        """End the process."""
        self.mirror._obey(None)
        for way in list(self.mirror._ways):
            self.mirror._drop(way)
        for one in self._sockets:
            one.close()


def copy(number: int = 0, **changes: Any) -> bytes:
    """A frame of a request that was just answered."""
    fields: dict[str, Any] = {
        "answered": time.monotonic(),
        "seconds": 0.001,
        "late_seconds": 1.0,
        "slow_seconds": 0.01,
        "is_v2": False,
        "gives_amounts": False,
        "rollout": ROLLOUT,
        "target": b"/v1/models/model:predict",
        "headers": {},
        "own_headers": {},
        "body": b'{"instances":[[%d]]}' % number,
        "own": OWN,
    }
    return b"".join(pack(Copy(**{**fields, **changes})))


def run(folder: Path, behave: Behaviour, ask: Callable[[World], Any], workers: int = 1) -> None:
    host = free_host()

    async def within() -> None:
        async with asyncio.timeout(30):
            order(folder, host, mode="mirror", weight=100)
            world = World(folder, host, workers)
            try:
                await ask(world)
            finally:
                world.close()

    with candidate(host, behave):
        asyncio.run(within())


def test_each_copy_is_judged_once(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(b"".join(copy(number) for number in range(20)))
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 20)
        assert world.counted == world.total(Count.FAILED_TRIALS) == 20
        assert world.total(Count.DISAGREEMENT_BAD) == world.total(Count.FAILED_BAD) == 0
        assert world.shared.weight == 0, "it is no worker, whose weight counts"

    run(tmp_path, SAME, ask)


def test_copies_of_two_workers_are_counted_together(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        ways = [world.way(), world.way()]
        for number in range(10):
            ways[number % 2].send(copy(number))
        ways[0].close()
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 10)
        assert world.counted == 10

    run(tmp_path, SAME, ask, workers=2)


def test_candidate_that_hangs_is_late_and_what_waits_is_left_out(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(b"".join(copy(number, late_seconds=0.3) for number in range(100)))
        await until(lambda: world.counted == 100)
        assert world.total(Count.FAILED_BAD) == world.total(Count.FAILED_TRIALS) >= 3
        assert world.total(Count.BUSY) >= 28

    run(tmp_path, hang, ask)


def answering_after(seconds: float, **headers: str) -> Behaviour:
    """Take so long for each answer."""

    def behave(connection: socket.socket) -> None:
        while read_request(connection):
            time.sleep(seconds)
            connection.sendall(response(OWN, b"200 OK", **headers))

    return behave


@pytest.mark.parametrize(("behave", "bad"), [(answering_after(0.8), 0), (hang, 1)], ids=["answers", "hangs"])
def test_time_in_which_the_process_stood_still_does_not_count(tmp_path: Path, behave: Behaviour, bad: int) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(copy(late_seconds=0.6))
        active = world.mirror._current(ROLLOUT)
        assert active is not None
        await until(lambda: active._attention._watched > 0)
        await asyncio.sleep(0.1)
        time.sleep(1)  # noqa: ASYNC251  (it is what stands still)
        await until(lambda: world.counted == 1)
        assert (world.total(Count.FAILED_TRIALS), world.total(Count.FAILED_BAD)) == (1, bad)

    run(tmp_path, behave, ask)


def test_pace_of_a_burst_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.traffic.tally.SETTLE_SECONDS", 0.0)

    async def ask(world: World) -> None:
        way, begun = world.way(), time.monotonic()
        way.send(copy(answered=begun - 0.4) + copy())
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 2)
        assert world.total(Count.FAILED_TRIALS) == world.total(Count.REFUSED_TRIALS) == 2
        assert world.total(Count.SLOW_TRIALS) == 0
        active = world.mirror._active
        assert active is not None
        assert begun + 0.5 < active._is_calm_at < begun + 2
        await until(lambda: time.monotonic() > active._is_calm_at)
        way.send(copy())
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 3)
        assert (world.total(Count.SLOW_TRIALS), world.total(Count.SLOW_BAD)) == (1, 1)
        assert (world.total(Count.STABLE_SLOW_TRIALS), world.total(Count.STABLE_SLOW_BAD)) == (1, 0), "its own answer"

    run(tmp_path, answering_after(0, modelway_seconds="0.2"), ask)


def test_first_copies_say_nothing_of_the_pace(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        world.way().send(copy())
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
        assert world.total(Count.FAILED_TRIALS) == 1
        assert world.total(Count.SLOW_TRIALS) == world.total(Count.STABLE_SLOW_TRIALS) == 0

    run(tmp_path, answering_after(0, modelway_seconds="0.2"), ask)


def test_copy_that_is_too_old_is_left_out(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(copy(answered=time.monotonic() - 5.1) + copy())
        await until(lambda: world.counted == 2)
        assert (world.total(Count.BUSY), world.total(Count.FAILED_TRIALS)) == (1, 1)

    run(tmp_path, SAME, ask)


@contextmanager
def file_of(content: bytes) -> Iterator[int]:
    file = os.memfd_create("test")
    os.write(file, content)
    try:
        yield file
    finally:
        os.close(file)


def test_copy_in_a_file_is_judged_and_its_bytes_are_given_back(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        content = copy(body=b" " * 300_000)
        with file_of(content) as file:
            socket.send_fds(way, [READ.pack(len(content))], [file])
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
        assert way.recv(100) == READ.pack(len(content))

    run(tmp_path, SAME, ask)


def test_file_larger_than_any_copy_is_left_out(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(copy())
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
        size = 1 << 40
        with file_of(b"x") as file:
            os.ftruncate(file, size)
            socket.send_fds(way, [READ.pack(size)], [file])
        way.send(copy())
        await until(lambda: world.counted == 3)
        assert (world.total(Count.BUSY), world.total(Count.FAILED_TRIALS)) == (1, 2)
        assert way.recv(100) == READ.pack(size)

    run(tmp_path, SAME, ask)


async def begin_next(world: World) -> socket.socket:
    """A way on which a copy was judged, once the next rollout is ordered that the process has not looked at yet."""
    way = world.way()
    way.send(copy())
    await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
    order(world.folder, world.host, mode="mirror", id="next-1")
    world.shared.begin("next-1")
    return way


def test_file_for_the_next_rollout_is_counted_for_it(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = await begin_next(world)
        world.mirror._held.charge(world.mirror._held.limit)  # so that it finds no room
        content = copy(body=b" " * 300_000, rollout="next-1")
        with file_of(content) as file:
            socket.send_fds(way, [READ.pack(len(content))], [file])
        await until(lambda: world.total(Count.BUSY) == 1)

    run(tmp_path, SAME, ask)


def test_copies_of_a_worker_that_has_ended_its_way_are_sent(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        content = copy(body=b" " * 300_000)
        with file_of(content) as file:
            for _ in range(3):
                socket.send_fds(way, [READ.pack(len(content))], [file])
        way.close()
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 3)

    run(tmp_path, SAME, ask)


@asynccontextmanager
async def cut_off(world: World) -> AsyncIterator[socket.socket]:
    """A way that the process ends, for what comes on it; the other ways stay."""
    way, other = world.way(), world.way()
    yield way
    await until(lambda: len(world.mirror._ways) == 1)
    other.send(copy())
    await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
    assert world.counted == 1


@pytest.mark.parametrize(
    "packet",
    [
        b"x",
        copy()[:-1],
        copy(rollout="\N{BLACK STAR}"),
        copy(target=b"/ HTTP/1.1\r\n\r\nGET /"),
        bytes(PACKET_BYTES + 9),
    ],
    ids=["short", "cut off", "odd id", "two requests", "too large"],
)
def test_worker_that_sends_no_copies_is_cut_off(tmp_path: Path, packet: bytes) -> None:
    async def ask(world: World) -> None:
        async with cut_off(world) as way:
            way.send(packet)

    run(tmp_path, SAME, ask)


@pytest.mark.parametrize("kind", ["pipe", "disk", "smaller", "no size", "no copy", "two copies"])
def test_worker_whose_file_is_no_copy_is_cut_off(tmp_path: Path, kind: str) -> None:
    async def ask(world: World) -> None:
        content = {"no copy": b"x" * 100, "two copies": copy() + copy()}.get(kind, copy())
        size = len(content) + (kind == "smaller")
        reads, writes = os.pipe()
        with file_of(content) as file, tempfile.TemporaryFile(dir=tmp_path) as disk:
            disk.write(content)
            disk.flush()
            sent = {"pipe": reads, "disk": disk.fileno()}.get(kind, file)
            async with cut_off(world) as way:
                socket.send_fds(way, [b"x" if kind == "no size" else READ.pack(size)], [sent])
        os.close(reads)
        os.close(writes)

    run(tmp_path, SAME, ask)


def test_copies_of_another_rollout_are_neither_sent_nor_counted(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(copy(rollout="other-1") + copy())
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
        assert world.counted == 1

    run(tmp_path, SAME, ask)


def test_order_that_is_withdrawn_ends_what_waits(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(b"".join(copy(number) for number in range(30)))
        await until(lambda: world.mirror._active is not None)
        withdraw(world.folder)
        world.mirror._look()
        await asyncio.sleep(0.3)
        assert world.counted == 0
        assert not world.mirror._held._size

    run(tmp_path, SAME, ask)


def test_next_order_is_known_before_its_first_copy_is_judged(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = await begin_next(world)
        way.send(copy(rollout="next-1"))
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
        assert world.counted == 1

    run(tmp_path, SAME, ask)


def test_changed_tolerance_holds_for_copies_that_wait(tmp_path: Path) -> None:
    async def ask(world: World) -> None:
        way = world.way()
        way.send(copy(own=json.dumps({"predictions": [1.5]}).encode()))
        await until(lambda: world.mirror._active is not None)
        order(world.folder, world.host, mode="mirror", weight=100, numericTolerance=0.5)
        world.mirror._look()
        await until(lambda: world.total(Count.DISAGREEMENT_TRIALS) == 1)
        assert world.total(Count.DISAGREEMENT_BAD) == 0

    run(tmp_path, answering(response(b'{"predictions":[2.0]}')), ask)
