"""More than the server can do: refused fast and with the time to come back, while probes answer and callers' deadlines are kept."""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.server.served import Reply, Served, SharedModel, launch
from support.waiting import eventually

NOW: dict[str, Any] = {"instances": [[0.0]]}
TENSOR = {"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [5.0]}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, sleeping_model: SharedModel) -> Iterator[Served]:
    """A model that sleeps as it is told, behind a queue of two and ten connections."""
    options = ("--max-queue=2", "--max-connections=10", "--access-log", "--request-timeout=100")
    server = launch(tmp_path_factory.mktemp("small"), *options, **sleeping_model)
    yield server.started()
    server.stop()


def test_probes_answer_at_once_while_a_prediction_blocks(
    launched: Callable[..., Served], sleeping_model: SharedModel
) -> None:
    server = launched("--request-timeout=100", **sleeping_model).started()
    with closing(server.connect()) as client:
        client.request("POST", "/v1/models/model:predict", '{"instances": [[60.0]]}')
        eventually(lambda: server.in_flight == 1, deadline=5)
        taken = []
        for _ in range(15):
            begun = time.perf_counter()
            assert server.probe("/livez").status == 200
            taken.append(time.perf_counter() - begun)
        assert statistics.median(taken) < 0.1
        server.stop()


def test_request_at_a_full_queue_is_refused_at_once(small: Served) -> None:
    replies: list[Reply] = []

    def ask(seconds: float) -> None:
        replies.append(small.predict({"instances": [[seconds]]}))

    clients = [threading.Thread(target=ask, args=(seconds,)) for seconds in (1.0, 0.0, 0.0)]
    with ExitStack() as ended:
        for running, client in enumerate(clients, 1):
            client.start()
            ended.callback(client.join)
            eventually(partial(has_in_flight, small, running), deadline=5)
        begun = time.perf_counter()
        refused = small.predict(NOW)
        taken = time.perf_counter() - begun
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert taken < 0.5
        assert small.sample("modelway_queue_depth{") == 2
    assert [reply.status for reply in replies] == [200] * 3
    assert small.predict(NOW).status == 200


def test_timeout_of_the_caller_is_kept(small: Served) -> None:
    begun = time.perf_counter()
    by_header = small.predict({"instances": [[0.5]]}, headers={"timeout": "0.1"})
    by_parameter = small.infer({"inputs": [TENSOR | {"data": [0.2]}], "parameters": {"timeout": 0.1}})
    assert time.perf_counter() - begun < 0.5
    assert [(reply.status, "timeout" in reply.body["error"]) for reply in (by_header, by_parameter)] == [
        (504, True)
    ] * 2
    eventually(lambda: small.predict(NOW, headers={"timeout": "30"}).status == 200, deadline=5)


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "soon", ""])
def test_malformed_timeout_is_refused(small: Served, timeout: str) -> None:
    reply = small.predict(NOW, headers={"timeout": timeout})
    assert (reply.status, "timeout" in reply.body["error"]) == (400, True)


def test_connections_over_the_cap_are_refused(small: Served) -> None:
    address = urlsplit(small.addresses["http"])
    with ExitStack() as opened:
        for _ in range(10):
            opened.enter_context(socket.create_connection((address.hostname, address.port)))
        eventually(lambda: refusal(address.hostname, address.port).startswith(b"HTTP/1.1 503"), deadline=5)
        answer = refusal(address.hostname, address.port)
        assert b"retry-after: 1" in answer
        assert b"10 connections" in answer
        assert small.probe("/readyz").status == 200
    eventually(lambda: small.predict(NOW).status == 200, deadline=5)


def test_access_log_has_no_content(small: Served, tmp_path: Path) -> None:
    small.predict({"instances": [["secret-value"]]})
    lines = [line for line in small.log if line["message"] == "request"]
    assert {(line["method"], line["code"]) for line in lines} >= {("predict", 422)}
    assert "secret-value" not in (small.directory / "log").read_text()


def refusal(host: str | None, port: int | None) -> bytes:
    """What a new connection is told before it says anything."""
    with socket.create_connection((host, port), timeout=1) as connection:
        try:
            return connection.recv(4096)
        except TimeoutError:
            return b""


def has_in_flight(server: Served, count: int) -> bool:
    return server.in_flight == count
