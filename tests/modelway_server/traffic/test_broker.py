"""The process that opens connections which the model's process may not open."""

import asyncio
import errno
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from modelway_server.traffic.broker import NOT_OPENED, OPENED, answer
from modelway_server.traffic.connector import BrokerConnector
from support.models import WINE
from support.server.rollouts import CANDIDATE, candidate, count, free_host, order, read_request, response
from support.server.trespasser import Trespasser
from support.server.walls import walled
from support.waiting import eventually

from .conftest import Pair


def answer_once(connection: socket.socket) -> None:
    """So that each request needs a connection of its own."""
    read_request(connection)
    connection.sendall(response(b'{"predictions":["elsewhere"]}'))


def test_broker_that_cannot_hand_over_now_can_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = free_host()
    order(tmp_path, host)
    own, other = socket.socketpair()

    def refuse(*_: object) -> int:
        raise OSError(errno.ETOOMANYREFS, "too many descriptors are on their way")

    with own, other, candidate(host, answer_once):
        with monkeypatch.context() as patched:
            patched.setattr(socket, "send_fds", refuse)
            answer(other, tmp_path / "traffic.json")
        assert own.recv(2) == NOT_OPENED
        answer(other, tmp_path / "traffic.json")
        content, descriptors, _, _ = socket.recv_fds(own, 2, 1)
        assert content == OPENED
        socket.socket(fileno=descriptors[0]).close()


def test_worker_gets_no_connection_that_another_asked_for(tmp_path: Path) -> None:
    host = free_host()
    order(tmp_path, host)
    own, other = socket.socketpair()
    own.settimeout(0)
    other.settimeout(5)

    async def connect() -> socket.socket:
        connecting = asyncio.create_task(BrokerConnector(own).connect())
        await asyncio.sleep(0)  # it asks
        answer(other, tmp_path / "traffic.json")
        return await connecting

    with own, other, candidate(host, answer_once):
        socket.send_fds(other, [OPENED], [own.fileno()])  # what a worker that has died had asked for
        with asyncio.run(connect()) as connection:
            assert connection.family == socket.AF_INET


ROW = {"instances": WINE[:1].tolist()}


def broker_of(pair: Pair) -> psutil.Process:
    (broker,) = [one for one in psutil.Process(pair.stable.process.pid).children() if one.name() == "modelway-broker"]
    return broker


@walled
@pytest.mark.parametrize(("workers", "loading"), [(1, ""), (2, "read the command of another process, start a process")])
def test_walls_have_no_hole_for_a_rollout(pair: Pair, tmp_path: Path, workers: int, loading: str) -> None:
    secret = tmp_path / "home" / "id_ed25519"
    secret.parent.mkdir()
    secret.write_text("secret")
    with candidate(pair.host, answer_once):
        model = Trespasser(str(secret), 8083).fit()
        pair.start_stable(
            "--trusted-types=support.server.trespasser.*", f"--workers={workers}", model=model, cold=True
        ).started()
        one = {"instances": [[1.0]]}
        assert pair.stable.predict(one).body == {"predictions": [f"loading: {loading}; answering: "]}
        pair.order(weight=100)
        assert pair.stable.predict(one).body == {"predictions": ["elsewhere"]}
    assert any(line["message"] == "walls: files, programs and network stand" for line in pair.stable.log)


def test_server_without_its_broker_answers_everything_itself(forests: Pair) -> None:
    with candidate(forests.host, answer_once):
        forests.order(weight=100)
        assert forests.stable.predict(ROW).headers["modelway-revision"] == CANDIDATE
        broker = broker_of(forests)
        broker.send_signal(signal.SIGTERM)  # as a whole pod gets, and which does not end it
        broker.kill()
        eventually(lambda: broker.status() == psutil.STATUS_ZOMBIE, deadline=5)
    assert {forests.stable.predict(ROW).status for _ in range(5)} == {200}
    assert count(forests.stable, "skipped_total", cause="unreachable") >= 4


def test_broker_ends_with_its_server(forests: Pair) -> None:
    broker = broker_of(forests)
    forests.stable.process.kill()
    broker.wait(timeout=10)


INSIDE = """
import os, socket, sys
from pathlib import Path
from modelway_server.process.readable import program_paths
from modelway_server.traffic.broker import MIRROR_ASKED, start_broker
from support.server.trespasser import successes
secret, port = Path(sys.argv[1]), int(sys.argv[2])

def run(broker, control):
    way = socket.socket(fileno=socket.recv_fds(control, 1, 1)[1][0])
    import modelway_server.grpc.queries, modelway_server.mirror
    way.send("\\n".join(["done", *successes(secret, port)]).encode())

os.environ["OPENBLAS_NUM_THREADS"] = "1"
[broker] = start_broker(secret.parent.parent / "traffic", 1, program_paths(), run)
broker.settimeout(30)
broker.send(MIRROR_ASKED)
way = socket.socket(fileno=socket.recv_fds(broker, 1, 1)[1][0])
way.settimeout(30)
print(way.recv(65536).decode())
"""


@walled
def test_walls_of_the_process_that_sends_copies_have_no_hole(tmp_path: Path) -> None:
    secret = tmp_path / "home" / "id_ed25519"
    secret.parent.mkdir()
    (tmp_path / "traffic").mkdir()
    secret.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-c", INSIDE, str(secret), str(server.getsockname()[1])]
        process = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert process.stdout.split("\n") == ["done", ""], process.stdout + process.stderr


def test_broker_starts_one_process_for_copies_at_a_time(forests: Pair) -> None:
    with candidate(forests.host, answer_once):
        forests.order(weight=100, mode="mirror")
        [mirror] = broker_of(forests).children()
        forests.order(weight=50, mode="mirror", id="next-1")
        assert broker_of(forests).children() == [mirror]
