"""Clients that hold sockets open and send next to nothing: they are cut off in time, and the others do not wait for them."""

import os
import selectors
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from support.models import WINE
from support.server.served import Served
from support.server.sockets import connect

SOCKETS = 100 if "ABUSE_REQUESTS" not in os.environ else 300
"""Of each kind."""
MOST_SECONDS = 15.0
SLOWER = 10.0
"""How many times as long a good request may take among them. It would take seconds if it had to wait for one."""
HALF_HEAD = b"POST /v2/models/model/infer HTTP/1.1\r\nHost: x\r\n"
KINDS = {"silent": b"", "half a head": HALF_HEAD, "half a body": HALF_HEAD + b"Content-Length: 100\r\n\r\n{"}
GOOD = {"instances": WINE[:1].tolist()}


@pytest.fixture
def slow_sockets(forest: Served) -> Iterator[list[socket.socket]]:
    """Sockets of all kinds, as many of each."""
    with ExitStack() as stack:
        sockets = []
        for begin in KINDS.values():
            for _ in range(SOCKETS):
                sockets.append(stack.enter_context(closing(connect(forest))))
                sockets[-1].sendall(begin)
        yield sockets


@pytest.mark.slow
def test_slow_sockets_are_closed_and_delay_nobody(forest: Served, slow_sockets: list[socket.socket]) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    among = median_seconds(forest)
    answers = answers_until(slow_sockets, deadline)
    assert len(answers) == len(slow_sockets), f"{len(slow_sockets) - len(answers)} are open after {MOST_SECONDS:g} s"
    assert {answers[one][:13] for one in slow_sockets[:SOCKETS]} == {b""}
    assert {answers[one][:13] for one in slow_sockets[SOCKETS:]} == {b"HTTP/1.1 408 "}
    assert among <= SLOWER * median_seconds(forest)


def median_seconds(server: Served) -> float:
    """Of 50 good requests on one connection."""
    with closing(server.connect()) as connection:
        times = []
        for _ in range(50):
            begun = time.perf_counter()
            assert server.predict(GOOD, connection=connection).status == 200
            times.append(time.perf_counter() - begun)
    return statistics.median(times)


def answers_until(sockets: list[socket.socket], deadline: float) -> dict[socket.socket, bytes]:
    """What each of those was told that the server has closed by then."""
    answers, ends = dict.fromkeys(sockets, b""), {}
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            one.settimeout(0)
            selector.register(one, selectors.EVENT_READ)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                received = ready.recv(65536)
                answers[ready] += received
                if not received:
                    selector.unregister(ready)
                    ends[ready] = answers[ready]
    return ends
