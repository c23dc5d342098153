"""The clients: requests at moments that were drawn beforehand, so that a slow answer delays none of those after it.

One thread sends and receives. Time counts from the moment at which a request was due. What is late because this program was
late itself counts too, in every arm alike.
"""

import gc
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.errors import BenchError

LAST_SECONDS = 10.0
"""The longest that the last answers may take."""
_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Asked:
    """What the clients saw.

    Attributes:
        seconds: of each answer.
        foreign: of each answer whether the candidate gave it.
    """

    seconds: Sequence[float]
    foreign: Sequence[bool]


def moments(rate: float, seconds: float, seed: int) -> list[float]:
    """When requests are due, as many clients who know nothing of each other send them.

    Args:
        rate: of them a second.
        seconds: how long.
        seed: of the draw.
    """
    gaps = np.random.default_rng(seed).exponential(1 / rate, int(rate * seconds * 2) + 10)
    times = np.cumsum(gaps)
    return [float(each) for each in times[times < seconds]]


def ask(address: tuple[str, int], content: bytes, due: Sequence[float], mark: bytes, *, connections: int) -> Asked:
    """Send a request at each of the moments.

    Args:
        address: host and port.
        content: the request as bytes.
        due: the moments, in seconds from now.
        mark: bytes in the head of an answer of the candidate.
        connections: as many answers may be awaited at a time; a request that finds none waits.

    Raises:
        BenchError: an answer was not 200, or did not come.
    """
    sockets = [socket.create_connection(address) for _ in range(connections)]
    for each in sockets:
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    gc.collect()
    gc.disable()
    try:
        return _ask(sockets, content, due, mark)
    finally:
        gc.enable()
        for each in sockets:
            each.close()


def _ask(sockets: list[socket.socket], content: bytes, due: Sequence[float], mark: bytes) -> Asked:
    idle, busy = deque(sockets), dict[socket.socket, float]()
    seconds: list[float] = []
    foreign: list[bool] = []
    begin, sent = time.monotonic() + 0.01, 0
    while len(seconds) < len(due):
        now = time.monotonic() - begin
        while sent < len(due) and due[sent] <= now and idle:
            one = idle.popleft()
            one.sendall(content)
            busy[one], sent = due[sent], sent + 1
        wait = due[sent] - now if sent < len(due) and idle else LAST_SECONDS
        ready, _, _ = select.select(list(busy), [], [], max(wait, 0.0))
        if not ready and wait >= LAST_SECONDS:
            raise BenchError(f"{len(busy)} answers did not come within {LAST_SECONDS:g} s")
        for one in ready:
            head = _read(one)
            seconds.append(time.monotonic() - begin - busy.pop(one))
            foreign.append(mark in head)
            idle.append(one)
    return Asked(seconds, foreign)


def _read(connection: socket.socket) -> bytes:
    """The head of an answer that has come; its body is read too.

    Raises:
        BenchError: it is not 200.
    """
    data = connection.recv(65536)
    while data and _END not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(_END)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise BenchError(f"an answer was {data[:300]!r}")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return head
