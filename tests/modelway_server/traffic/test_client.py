"""How a candidate that ends connections, or has none to give, is asked."""

import asyncio
import logging
import socket
import time

import pytest

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.traffic.attention import Attention
from modelway_server.traffic.client import Client, Unreachable
from modelway_server.traffic.wire import BrokenOff

QUESTION = (b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",)
ANSWER = b"HTTP/1.1 200 OK\r\nmodelway-revision: w\r\ncontent-length: 2\r\n\r\n{}"


class Connections:
    """Gives connections, and keeps their other ends.

    Args:
        number: after which there is no way any more.
        hang: whether nobody says so then.
        seconds: that each takes.
    """

    def __init__(self, number: int, *, hang: bool = False, seconds: float = 0) -> None:
        self.hang = hang
        self.seconds = seconds
        self.left = number
        self.tries = 0
        self.others: list[socket.socket] = []
        self.opened = asyncio.Event()

    async def connect(self) -> socket.socket:
        """See `Connector`."""
        self.tries += 1
        await asyncio.sleep(self.seconds)
        if not self.left and self.hang:
            await asyncio.sleep(60)
        if not self.left:
            raise ConnectionRefusedError("refused")
        self.left -= 1
        own, other = socket.socketpair()
        own.settimeout(0)
        other.settimeout(0)
        self.others.append(other)
        self.opened.set()
        return own


async def answered_once(connections: Connections, attention: Attention | None = None) -> Client:
    """A client with one kept connection."""
    client = Client(connections, 1000, "w", HeldBytes(1000), attention)
    asking = asyncio.ensure_future(client.send(QUESTION, 5))
    await connections.opened.wait()
    loop = asyncio.get_running_loop()
    await loop.sock_recv(connections.others[0], 1000)
    await loop.sock_sendall(connections.others[0], ANSWER)
    await asking
    return client


def test_request_in_a_hurry_does_not_make_the_pause_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.traffic.client.PAUSE_SECONDS", 0.001)

    async def run() -> int:
        connections = Connections(0, hang=True)
        client = Client(connections, 1000, "w", HeldBytes(1000))
        for _ in range(12):
            with pytest.raises(Unreachable):
                await client.send(QUESTION, 0.01)
            await asyncio.sleep(0.002)
        return connections.tries

    assert asyncio.run(run()) == 12


@pytest.mark.parametrize(
    ("waits", "attention", "error"),
    [
        (0.0, None, Unreachable),
        (0.1, None, BrokenOff),
        (0.1, Attention(), Unreachable),
        (0.4, Attention(), BrokenOff),
    ],
)
def test_kept_connection_that_ends_late_had_the_request(
    waits: float, attention: Attention | None, error: type[Exception]
) -> None:
    async def run() -> None:
        connections = Connections(1)
        client = await answered_once(connections, attention)
        asking = asyncio.ensure_future(client.send(QUESTION, 5))
        await asyncio.get_running_loop().sock_recv(connections.others[0], 1000)
        await asyncio.sleep(waits)
        connections.others[0].close()
        with pytest.raises(error):
            await asking

    asyncio.run(run())


def test_process_that_stands_still_blames_no_way(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        connections = Connections(1, seconds=0.3)
        asyncio.get_running_loop().call_later(0.1, time.sleep, 1)
        client = await answered_once(connections, Attention())
        client.close()
        connections.others[0].close()

    asyncio.run(run())
    assert not caplog.records


def test_candidate_out_of_reach_is_tried_ever_less_often(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    connections = Connections(0)
    client = Client(connections, 1000, "w", HeldBytes(1000))
    tries: list[float] = []

    async def ask() -> None:
        before = connections.tries
        with pytest.raises(Unreachable):
            await client.send(QUESTION, 5)
        if connections.tries > before:
            tries.append(now - 1000)

    for _ in range(400):
        asyncio.run(ask())
        now += 0.5
    assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert len(caplog.records) == 1
