"""What clients do at the edge of the protocol: each is answered or ended, keeps no memory, and stops nobody else."""

import gzip
import itertools
import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from support.models import WINE
from support.server.served import Served, SharedModel
from support.server.sockets import connect, raw
from support.waiting import eventually

INFER = "POST /v2/models/model/infer HTTP/1.1\r\nHost: x\r\n"
PREDICT = "POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\n"
ROW = {"name": "rows", "shape": [1, 13], "datatype": "FP64", "data": WINE[0].tolist()}
BODY = json.dumps({"inputs": [ROW]}).encode()
LATER = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SLEEP = json.dumps({"instances": [[1.5]]}).encode()
"""Longer than the server's timeout: nobody answers before the client has gone."""
MEGABYTE = 1 << 20
UPLOAD_SECONDS = 0.5
"""Between the first byte of a body and the rest."""
MORE_THAN_PROBES = 140
"""Connections, of which the port of probes has 128."""


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_offer_of_another_protocol_is_ignored(forest: Served, framing: str) -> None:
    """Java's HttpClient offers HTTP/2 with its first request."""
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    if framing == "length":
        body = f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    else:
        body = b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    answers = raw(forest, (INFER + offer).encode() + body + LATER)
    assert re.findall(rb"HTTP/1.1 (\d{3}) ", answers) == [b"200", b"200"]


@pytest.mark.parametrize("kind", ["trailers", "a trailer", "an extension"])
def test_endless_framing_ends_the_connection(forest: Served, kind: str) -> None:
    before = _memory(forest)
    begin = (INFER + "Transfer-Encoding: chunked\r\n\r\n").encode()
    begin += {"trailers": b"0\r\n", "a trailer": b"0\r\nX: ", "an extension": b"1;"}[kind]
    flood = (b"X: y\r\n" if kind == "trailers" else b"y") * MEGABYTE
    with closing(connect(forest)) as connection:
        connection.sendall(begin)
        for _ in range(30):
            connection.sendall(flood)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
        assert _memory(forest) - before < 20 * MEGABYTE
    assert forest.infer({"inputs": [ROW]}).status == 200


@pytest.mark.parametrize(
    "begin", [b"", b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"], ids=["silent", "no body"]
)
def test_held_connections_do_not_stop_probes(forest: Served, begin: bytes) -> None:
    address = urlsplit(forest.addresses["metrics"])
    with ExitStack() as stack:
        for _ in range(MORE_THAN_PROBES):
            one = stack.enter_context(socket.create_connection((address.hostname, address.port or 0), timeout=10))
            one.sendall(begin)
        assert forest.probe("/livez").status == 200
        assert "modelway_requests_total" in forest.probe("/metrics").body


@pytest.mark.parametrize("form", ["plain", "chunked", "gzip", "half a body"])
def test_caller_that_gives_up_counts_as_499(sleeper: Served, form: str) -> None:
    before = _gone(sleeper)
    content = {
        "plain": f"{PREDICT}Content-Length: {len(SLEEP)}\r\n\r\n".encode() + SLEEP,
        "chunked": f"{PREDICT}Transfer-Encoding: chunked\r\n\r\n".encode()
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(SLEEP), SLEEP),
        "gzip": _packed(SLEEP),
        "half a body": f"{PREDICT}Content-Length: 100\r\n\r\n{{".encode(),
    }[form]
    with closing(connect(sleeper)) as connection:
        connection.sendall(content)
        eventually(lambda: sleeper.in_flight == 1, deadline=5)
    eventually(lambda: (sleeper.in_flight, _gone(sleeper)) == (0, before + 1), deadline=5)
    eventually(lambda: sleeper.predict({"instances": [[0.0]]}).status == 200, deadline=10)


@pytest.mark.slow
def test_answers_that_nobody_reads_are_dropped(launched: Callable[..., Served], forest_model: SharedModel) -> None:
    server = launched(f"--max-request-bytes={8 * MEGABYTE}", **forest_model).started()
    rows = WINE.tolist() * 150
    document: dict[str, Any] = {"inputs": [ROW | {"shape": [len(rows), 13], "data": list(itertools.chain(*rows))}]}
    body = json.dumps(document | {"outputs": [{"name": "predict_proba"}]}).encode()
    request = f"{INFER}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with closing(connect(server)) as connection:
        connection.settimeout(6)
        with pytest.raises(TimeoutError):
            _send_without_reading(connection, request, times=100)
        eventually(lambda: _gone(server) >= 1, deadline=30)
    assert server.infer({"inputs": [ROW]}).status == 200


def _send_without_reading(connection: socket.socket, request: bytes, *, times: int) -> None:
    """Send a request many times; TimeoutError when nothing goes for a while."""
    for _ in range(times):
        left = memoryview(request)
        while left:
            left = left[connection.send(left) :]


def _packed(body: bytes) -> bytes:
    packed = gzip.compress(body)
    return f"{PREDICT}Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed


def _memory(server: Served) -> int:
    return int(psutil.Process(server.process.pid).memory_info().rss)


def _gone(server: Served) -> float:
    return server.sample('modelway_requests_total{code="499"')


def test_pace_of_an_answer_leaves_out_a_slow_upload(forest: Served) -> None:
    head = f"{INFER}Modelway-Handover: x\r\nConnection: close\r\nContent-Length: {len(BODY)}\r\n\r\n"
    begin = time.monotonic()
    with connect(forest) as connection:
        connection.sendall(head.encode() + BODY[:1])
        time.sleep(UPLOAD_SECONDS)
        connection.sendall(BODY[1:])
        answer = b"".join(iter(partial(connection.recv, 65536), b""))
    pace = re.search(rb"modelway-seconds: ([0-9.]+)", answer)
    assert pace is not None, answer
    assert float(pace[1]) <= time.monotonic() - begin - UPLOAD_SECONDS
