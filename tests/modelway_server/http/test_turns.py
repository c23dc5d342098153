"""Requests of one connection: each is answered in its turn, and the same whatever frames its body."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from modelway_server.prediction.held_bytes import MAX_HELD_BODIES
from support.models import WINE
from support.server.served import Served, SharedModel
from support.server.sockets import connect
from support.waiting import eventually

PATH = "/v2/models/model/infer"
BODY_BYTES = 300_000
"""Of a large request."""
KERNEL_BYTES = 64 << 20
"""More than what the kernel keeps of a connection, that its program has not read."""
ROW = {"name": "rows", "shape": [1, 13], "datatype": "FP64", "data": WINE[0].tolist()}


def head(path: str = PATH, **fields: str) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "host: x",
        *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items()),
    ]
    return "\r\n".join((*lines, "", "")).encode()


def plain(document: Any, **fields: str) -> bytes:
    """A request whose body has a length."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return head(content_length=str(len(body)), **fields) + body


def chunked(document: Any, **fields: str) -> bytes:
    """The same, whose body comes in chunks."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return head(transfer_encoding="chunked", **fields) + b"%x\r\n%s\r\n" % (len(body), body) * bool(body) + b"0\r\n\r\n"


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, headers and body of the next answers."""
    answers = []
    with connection.makefile("rb") as stream:
        for _ in range(count):
            status = int(stream.readline().split()[1])
            lines = iter(lambda: stream.readline().decode().strip(), "")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            answers.append((status, fields, stream.read(int(fields["content-length"]))))
    return answers


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({"inputs": [ROW], "id": "a"}, {}),
        ({"inputs": [ROW], "id": "a", "outputs": [{"name": "predict_proba"}]}, {"content_type": "application/json"}),
        ({"inputs": [ROW | {"shape": [1, 12]}]}, {}),
        ({"inputs": [ROW], "outputs": [{"name": "nothing"}]}, {}),
        (b"{", {}),
        (b"", {}),
        ({"inputs": [ROW]}, {"content_type": "text/html"}),
        ({"inputs": [ROW]}, {"timeout": "never"}),
        ({"inputs": [ROW]}, {"host": "y"}),
    ],
    ids=str,
)
def test_body_in_chunks_is_answered_like_one_with_a_length(
    forest: Served, document: Any, fields: dict[str, str]
) -> None:
    with closing(connect(forest)) as connection:
        connection.sendall(plain(document, **fields) + chunked(document, **fields))
        (status, headers, body), (other_status, other_headers, other_body) = answers(connection, 2)
    assert (status, body) == (other_status, other_body)
    assert {**headers, "date": ""} == {**other_headers, "date": ""}


def test_pipelined_requests_are_answered_in_order(sleeper: Served) -> None:
    def request_of(number: int, seconds: float) -> dict[str, Any]:
        row = {"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [seconds]}
        return {"inputs": [row], "id": str(number)}

    requests = [
        plain(request_of(0, 0.2)),
        plain(request_of(1, 0.0)),
        chunked(request_of(2, 0.1)),
        plain(request_of(3, 0.0)),
    ]
    requests += [b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n", plain(request_of(4, 0.0), connection="close")]
    with closing(connect(sleeper)) as connection:
        connection.sendall(b"".join(requests))
        bodies = [json.loads(body) for _, _, body in answers(connection, 6)]
        assert connection.recv(1) == b""
    assert [body.get("id", "live") for body in bodies] == ["0", "1", "2", "3", "live", "4"]


def test_request_of_a_closed_connection_is_dropped(sleeper: Served) -> None:
    """The second request waits behind the first; its client leaves."""
    with closing(connect(sleeper)) as busy, closing(connect(sleeper)) as leaving:
        busy.sendall(plain({"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [0.9]}]}))
        eventually(lambda: sleeper.in_flight == 1, deadline=5)
        leaving.sendall(plain({"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [0.9]}]}))
        eventually(lambda: sleeper.in_flight == 2, deadline=5)
        begun = time.monotonic()
        leaving.close()
        eventually(lambda: sleeper.in_flight == 1, deadline=5)
        assert time.monotonic() - begun < 0.8
        assert answers(busy, 1)[0][0] == 200
    eventually(lambda: sleeper.in_flight == 0, deadline=5)


def test_client_that_does_not_read_is_not_read_for_ever(forest: Served) -> None:
    address = urlsplit(forest.addresses["http"])
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.settimeout(2)
        connection.connect((address.hostname, address.port))
        flood = plain({"inputs": [ROW], "id": "x" * 200}) * 200
        with pytest.raises(TimeoutError):
            connection.sendall(flood * (2 * KERNEL_BYTES // len(flood)))
    assert forest.infer({"inputs": [ROW]}).status == 200


def test_incomplete_bodies_hold_room_until_clients_leave(
    launched: Callable[..., Served], forest_model: SharedModel
) -> None:
    server = launched(f"--max-request-bytes={BODY_BYTES}", **forest_model).started()
    large = plain(json.dumps({"inputs": [ROW]}).encode().ljust(BODY_BYTES))
    with ExitStack() as unfinished:
        for _ in range(MAX_HELD_BODIES):
            unfinished.enter_context(closing(connect(server))).sendall(large[:-1])
        with closing(connect(server)) as refusal:
            eventually(lambda: status_of(refusal, large) == 429, deadline=5)
    with closing(connect(server)) as welcome:
        eventually(lambda: status_of(welcome, large) == 200, deadline=5)


def status_of(connection: socket.socket, request: bytes) -> int:
    connection.sendall(request)
    return answers(connection, 1)[0][0]
