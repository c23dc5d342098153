"""Candidates that fail in every way: no client sees it, and each server stops asking them."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import pytest

from support.models import WINE
from support.server.rollouts import CANDIDATE, STABLE, Behaviour, answering, candidate, count, read_request, response
from support.server.served import Reply, SharedModel
from support.server.sockets import connect
from support.waiting import eventually

from .conftest import Pair

ROWS = {"instances": WINE[:1].tolist()}

BODY = json.dumps(ROWS).encode()
REQUEST = b"POST /v1/models/model:predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


def hang(connection: socket.socket) -> None:
    """Take a request and never answer."""
    read_request(connection)
    connection.recv(1)


def break_off(connection: socket.socket) -> None:
    """Close in the middle of an answer."""
    read_request(connection)
    connection.sendall(response(b"x" * 1000)[:500])


def end_at_once(connection: socket.socket) -> None:
    """Close without an answer."""
    read_request(connection)


def flood(connection: socket.socket) -> None:
    """Answer 100 MB."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")


def head_without_an_end(connection: socket.socket) -> None:
    """Answer with a head that goes on."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"x-more: " + b"y" * 8000 + b"\r\n")


FAILING: dict[str, Behaviour] = {
    "500": answering(response(b'{"error": "x"}', b"500 Internal Server Error")),
    "503": answering(response(b"", b"503 Service Unavailable")),
    "299": answering(response(b'{"predictions":[0]}', b"299 Unheard")),
    "hang": hang,
    "break off": break_off,
    "end at once": end_at_once,
    "no JSON": answering(response(b"<html>all is well</html>")),
    "garbage": answering(b"\x00\xff nothing of HTTP\r\n\r\n"),
    "100 MB": flood,
    "endless head": head_without_an_end,
}


@contextmanager
def failing(pair: Pair, behave: Behaviour, **changes: float) -> Iterator[list[int]]:
    """A candidate that fails so while all requests go to it."""
    with candidate(pair.host, behave) as connections:
        pair.order(weight=100, **changes)
        yield connections


def ask(pair: Pair, number: int = 0) -> Reply:
    return pair.stable.predict({"instances": WINE[number % 100 : number % 100 + 1].tolist()})


@pytest.mark.parametrize("fault", FAILING)
def test_client_of_a_failing_candidate_notices_nothing(forests: Pair, fault: str) -> None:
    with failing(forests, FAILING[fault]) as connections:
        replies = [ask(forests) for _ in range(8)]
    assert {(reply.status, reply.headers["modelway-revision"]) for reply in replies} == {(200, STABLE)}
    stable = forests.stable
    assert count(stable, "trials_total", measure="failed") == 3, "then it is stopped"
    assert count(stable, "bad_total", measure="failed") == 3
    assert count(stable, "bad_total", measure="refused") == 0
    assert count(stable, "stopped") == 1
    assert count(stable, "weight") == 0
    assert len(connections) <= 6
    assert stable.sample("modelway_requests_total{") == 8


def test_request_that_the_candidate_refuses_is_answered(forests: Pair) -> None:
    with failing(forests, answering(response(b'{"error": "x"}', b"422 Unprocessable"))):
        assert [ask(forests).status for _ in range(5)] == [200] * 5
    assert count(forests.stable, "bad_total", measure="refused") == 5
    assert count(forests.stable, "bad_total", measure="failed") == 0


def test_request_that_both_refuse_is_no_evidence_against_either(forests: Pair) -> None:
    with failing(forests, answering(response(b'{"error": "x"}', b"500 Internal Server Error"))):
        assert [forests.stable.predict({"instances": [[1]]}).status for _ in range(5)] == [422] * 5
    assert count(forests.stable, "trials_total") == 0
    assert count(forests.stable, "skipped_total", cause="busy") == 5


def test_candidate_that_has_no_room_is_no_evidence(forests: Pair) -> None:
    with failing(forests, answering(response(b"{}", b"429 Too Many Requests"))):
        assert [ask(forests).status for _ in range(5)] == [200] * 5
    assert count(forests.stable, "trials_total") == 0
    assert count(forests.stable, "skipped_total", cause="busy") == 5


def test_clients_that_give_up_stop_a_candidate_that_hangs(forests: Pair) -> None:
    for number in range(60):
        ask(forests, number)
    with failing(forests, hang):
        for _ in range(20):
            with closing(connect(forests.stable)) as leaving:
                leaving.settimeout(0.9)
                with suppress(TimeoutError):
                    leaving.sendall(REQUEST)
                    leaving.recv(1)
        eventually(lambda: count(forests.stable, "stopped") == 1, deadline=5)
    assert count(forests.stable, "bad_total", measure="failed") == 3


def test_candidate_that_nobody_reaches_is_no_evidence(forests: Pair) -> None:
    forests.order(weight=100)
    assert [ask(forests).status for _ in range(20)] == [200] * 20
    assert count(forests.stable, "skipped_total", cause="unreachable") == 20
    assert count(forests.stable, "trials_total") == count(forests.stable, "stopped") == 0
    with candidate(forests.host, answering(response(b'{"predictions":[0]}'))):
        eventually(lambda: ask(forests).headers["modelway-revision"] == CANDIDATE, deadline=10)


@pytest.mark.parametrize("status", [b"200 OK", b"500 Internal Server Error", b"422 Unprocessable"])
def test_answer_of_another_revision_is_neither_passed_on_nor_judged(forests: Pair, status: bytes) -> None:
    with failing(forests, answering(response(b'{"predictions":[0]}', status, modelway_revision="0ther"))):
        replies = [ask(forests) for _ in range(5)]
    assert {(reply.status, reply.headers["modelway-revision"]) for reply in replies} == {(200, STABLE)}
    assert count(forests.stable, "skipped_total", cause="unreachable") == 5
    assert count(forests.stable, "trials_total") == 0


def test_candidate_that_hangs_costs_a_second_at_most(forests: Pair) -> None:
    with failing(forests, hang), ThreadPoolExecutor(16) as pool:
        begun = time.monotonic()
        assert {reply.status for reply in pool.map(lambda number: ask(forests, number), range(64))} == {200}
        assert time.monotonic() - begun < 3
    assert count(forests.stable, "stopped") == 1


def test_own_deadline_of_a_request_is_kept(forests: Pair) -> None:
    rows = {"name": "rows", "shape": [1, 13], "datatype": "FP64", "data": WINE[0].tolist()}
    with failing(forests, hang, maxFailed=0.3):
        begun = time.monotonic()
        assert forests.stable.predict(ROWS, headers={"timeout": "0.4"}).status == 200
        document = {"inputs": [rows], "parameters": {"timeout": 0.4}}
        assert forests.stable.infer(document).status == 200
        packed = gzip.compress(json.dumps(document).encode())
        headers = {"content-encoding": "gzip"}
        assert forests.stable.request("POST", "/v2/models/model/infer", packed, headers=headers).status == 200
        assert time.monotonic() - begun < 1.2


def test_request_that_needs_all_its_time_stays_here(pair: Pair, sleeping_model: SharedModel) -> None:
    pair.start_stable("--request-timeout=20", **sleeping_model).started()

    def ask_slowly() -> int:
        return pair.stable.predict({"instances": [[0.6]]}, headers={"timeout": "1.1"}).status

    assert ask_slowly() == 200
    with failing(pair, hang, maxFailed=0.3):
        assert [ask_slowly() for _ in range(3)] == [200] * 3
    assert count(pair.stable, "skipped_total", cause="busy") == 3


def test_client_that_gives_up_counts_once_as_given_up(forests: Pair) -> None:
    with failing(forests, hang, maxFailed=0.3) as connections:
        with closing(connect(forests.stable)) as leaving:
            leaving.sendall(REQUEST)
            eventually(lambda: bool(connections), deadline=5)
        eventually(lambda: forests.stable.sample('modelway_requests_total{code="499"') == 1, deadline=5)
    assert forests.stable.sample("modelway_requests_total{") == 1
    assert count(forests.stable, "trials_total") == 0


def test_requests_that_come_back_at_once_wait_for_room(pair: Pair, sleeping_model: SharedModel) -> None:
    """30 fail together, and the model has room for 4 at a time; half of them are packed, and so read apart."""
    pair.start_stable("--request-timeout=20", "--max-queue=4", "--max-batch-rows=1", **sleeping_model).started()

    def ask_patiently(number: int) -> int:
        body, headers = json.dumps({"instances": [[0.01]]}).encode(), {"timeout": "5"}
        if number % 2:
            body, headers = gzip.compress(body), headers | {"content-encoding": "gzip"}
        return pair.stable.request("POST", "/v1/models/model:predict", body, headers=headers).status

    with failing(pair, hang), ThreadPoolExecutor(30) as pool:
        assert list(pool.map(ask_patiently, range(30))) == [200] * 30
    assert count(pair.stable, "stopped") == 1


def test_drain_ends_hand_overs_with_an_answer(pair: Pair, forest_model: SharedModel) -> None:
    server = pair.start_stable("--request-timeout=5", **forest_model).started()
    with failing(pair, hang) as connections, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, pair)
        eventually(lambda: bool(connections), deadline=5)
        server.send_signal()
        assert answer.result(timeout=10).status == 200
        assert server.process.wait(timeout=20) == 0


def test_idle_connections_that_end_cost_no_request(forests: Pair) -> None:
    def answer_once(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(response(b'{"predictions":[0]}'))

    with failing(forests, answer_once):
        assert {ask(forests).headers["modelway-revision"] for _ in range(30)} == {CANDIDATE}
    assert count(forests.stable, "bad_total") == 0
