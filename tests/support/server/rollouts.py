"""Two servers of a rollout in processes, and candidates that misbehave on purpose."""

import json
import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.server.served import Served

PORT = 8083
"""Of candidates; see `modelway_server.traffic.document`."""
STABLE, CANDIDATE = "5ab1e", "ca4d1"
ROLLOUT = f"{CANDIDATE}-1"
KEY = "0123456789abcdef"
"""Of the order; see `modelway_server.traffic.document`."""

Behaviour = Callable[[socket.socket], None]
"""What a candidate does with a connection; the connection is closed afterwards."""


def free_host() -> str:
    """An address of this machine that no other test uses."""
    return f"127.{random.randint(2, 250)}.{random.randint(0, 250)}.{random.randint(1, 250)}"


def order(folder: Path, host: str, **changes: Any) -> dict[str, Any]:
    """Order a rollout as the operator and the kubelet do: all of the file at once."""
    document = {
        "id": ROLLOUT,
        "key": KEY,
        "stable": STABLE,
        "candidate": CANDIDATE,
        "mode": "handover",
        "weight": 50,
        "http": f"{host}:{PORT}",
        "grpc": f"{host}:8084",
        "sticky": None,
        "maxFailed": 0.001,
        "numericTolerance": 0.1,
        **changes,
    }
    write(folder, json.dumps(document))
    return document


def write(folder: Path, content: str) -> None:
    """Put the file there as the kubelet does: a link to a folder is exchanged."""
    version = folder / f"..{random.getrandbits(64)}"
    version.mkdir()
    (version / "traffic.json").write_text(content)
    link = folder / "..data.new"
    link.symlink_to(version.name)
    link.rename(folder / "..data")
    with suppress(FileExistsError):
        (folder / "traffic.json").symlink_to("..data/traffic.json")


def withdraw(folder: Path) -> None:
    """End the rollout, as the operator does."""
    os.unlink(folder / "traffic.json")  # noqa: PTH108


def count(server: Served, name: str, **labels: str) -> float:
    """A metric of the rollout with these labels; 0 where it is not there."""
    total = 0.0
    for line in server.probe("/metrics").body.splitlines():
        if line.startswith(f"modelway_rollout_{name}{{") and all(
            f'{key}="{value}"' in line for key, value in labels.items()
        ):
            total += float(line.rpartition(" ")[2])
    return total


@contextmanager
def candidate(host: str, behave: Behaviour) -> Iterator[list[int]]:
    """A candidate that behaves so; how many connections it had."""
    connections: list[int] = []
    with socket.create_server((host, PORT), backlog=512) as listener:
        threading.Thread(target=_accept, args=(listener, behave, connections), daemon=True).start()
        yield connections
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, behave: Behaviour, connections: list[int]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connections.append(1)
            threading.Thread(target=_behave, args=(connection, behave), daemon=True).start()


def _behave(connection: socket.socket, behave: Behaviour) -> None:
    with connection, suppress(OSError):
        behave(connection)


def read_request(connection: socket.socket) -> bytes:
    """The next request, with its body; nothing where the client is done."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answering(content: bytes) -> Behaviour:
    """Always answer the same bytes."""

    def behave(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(content)

    return behave


def response(body: bytes, status: bytes = b"200 OK", **headers: str) -> bytes:
    """An answer of a server of the candidate, unless the headers say another revision."""
    headers = {"modelway_revision": CANDIDATE} | headers
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()).encode()
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n%b" % (
        status,
        lines,
        len(body),
        body,
    )
