"""Several worker processes: one port, one count, one readiness; a dead one comes back, and not for ever."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pytest

from support.models import Broken, Forked
from support.server.grpc_calls import calling, question
from support.server.served import Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]
SOON = {f"modelway_server.process.workers.{name}_DELAY_SECONDS": 0.05 for name in ("FIRST", "MAX")}
"""A dead worker's successor starts so soon, also after many deaths."""
LATE = {"modelway_server.process.workers.FIRST_DELAY_SECONDS": 1.0}
"""A dead worker's successor starts so late that others are asked meanwhile."""
NOW = {"instances": [[0.0]]}


def test_dead_worker_is_replaced_and_its_counts_stay(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--workers=2", **sleeping_model).started()
    for _ in range(20):
        assert server.predict({"instances": [[0.0]]}).status == 200
    before = _workers(server)
    assert len(before) == 2
    psutil.Process(before.pop()).kill()
    eventually(lambda: len(_workers(server)) == 2 and _workers(server) != before, deadline=30)
    eventually(lambda: server.probe("/readyz").status == 200, deadline=30)
    assert (
        'modelway_requests_total{code="200",method="predict",model="model",protocol="v1",revision="",version=""} 20.0'
        in server.probe("/metrics").body
    )


def test_worker_is_forked_before_the_model_ran(launched: Launch) -> None:
    server = launched("--workers=2", model=Forked()).started()
    ((first_pid, frozen_at_first, frozen),) = server.predict({"instances": [[0.0]]}).body["predictions"]
    assert first_pid in _workers(server), "its own worker warmed it up"
    assert 0 < frozen_at_first < frozen, "what was loaded before the fork, and then what the warm-up made"


def test_workers_that_keep_dying_end_the_pod_with_a_reason(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--workers=2", **sleeping_model).started()

    def kill_one() -> bool:
        for pid in _workers(server):
            psutil.Process(pid).kill()
        return server.process.poll() is not None

    eventually(kill_one, deadline=60)
    assert server.process.returncode == 24
    assert server.report["reason"] == "LoadFailed"
    assert "SIGKILL" in server.report["message"]


def test_worker_whose_warm_up_fails_is_not_replaced(launched: Launch) -> None:
    server = launched("--workers=2", model=Broken())
    assert server.process.wait(timeout=60) == 25
    assert server.report["reason"] == "WarmupFailed"
    assert "no prediction in me" in server.report["message"]


def test_workers_die_with_their_parent(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--workers=2", **sleeping_model).started()
    workers = [psutil.Process(pid) for pid in _workers(server)]
    server.process.kill()
    eventually(
        lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers),
        deadline=10,
    )


def test_pod_is_ready_and_answers_while_a_worker_is_dead(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--workers=2", "--grpc-port=0", **sleeping_model, constants=LATE).started()
    dead, alive = sorted(_workers(server))
    os.kill(dead, signal.SIGSTOP)  # so that it holds no request when it is killed
    statuses = []
    with closing(server.connect()) as connection:
        assert server.predict(NOW, connection=connection).status == 200
        os.kill(dead, signal.SIGKILL)
        # Until it is gone, the kernel may give its sockets a connection, and reset that.
        eventually(lambda: dead not in _workers(server))
        while len(_workers(server)) < 2 or _ready_lines(server) < 3:
            statuses.append((server.probe("/readyz").status, server.probe("/livez").status, server.predict(NOW).status))
            assert server.predict(NOW, connection=connection).status == 200
            with calling(server.addresses["grpc"]) as caller:
                assert caller.infer(question({"rows": np.array([[0.0]])})).outputs
    assert alive in _workers(server)
    assert set(statuses) == {(200, 200, 200)}


def test_death_costs_only_the_requests_of_the_dead_worker(launched: Launch, sleeping_model: SharedModel) -> None:
    server = launched("--workers=2", "--grpc-port=0", **sleeping_model).started()
    outcomes: list[str] = []

    def ask() -> None:
        try:
            outcomes.append(str(server.predict({"instances": [[1.5]]}).status))
        except (HTTPException, ConnectionError):
            outcomes.append("closed")

    with calling(server.addresses["grpc"]) as caller:
        caller.infer(question({"rows": np.array([[0.0]])}))
        port = int(server.addresses["grpc"].rpartition(":")[2])
        (victim,) = [pid for pid in _workers(server) if _connections(pid, port)]
        clients = [threading.Thread(target=ask) for _ in range(6)]
        for client in clients:
            client.start()
        eventually(lambda: sum(_connections(pid, _http_port(server)) for pid in _workers(server)) == 6, deadline=5)
        lost = _connections(victim, _http_port(server))
        infer: Any = caller.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        call = infer.future(question({"rows": np.array([[1.5]])}).SerializeToString(), timeout=20)
        eventually(lambda: server.in_flight == 7, deadline=5)
        os.kill(victim, signal.SIGKILL)
        assert call.code() is grpc.StatusCode.UNAVAILABLE, "its connection is closed at once"
        for client in clients:
            client.join()
        assert sorted(outcomes) == ["200"] * (6 - lost) + ["closed"] * lost
        assert caller.infer(question({"rows": np.array([[0.0]])}), wait_for_ready=True).outputs


def test_stuck_worker_is_killed_and_the_pod_stays_alive(launched: Launch, sleeping_model: SharedModel) -> None:
    limit = {"modelway_server.process.worker_state.HEARTBEAT_LIMIT_SECONDS": 2.0}
    server = launched("--workers=2", **sleeping_model, constants=SOON | limit).started()
    stuck = min(_workers(server))
    os.kill(stuck, signal.SIGSTOP)
    alive = []

    def is_replaced() -> bool:
        alive.append(server.probe("/livez").status)
        return stuck not in _workers(server) and _ready_lines(server) == 3

    eventually(is_replaced, deadline=20)
    assert set(alive) == {200}
    assert any("has not turned its event loop" in line["message"] for line in server.log)


@pytest.mark.slow
def test_many_deaths_leave_as_many_files_and_no_lower_count(launched: Launch, sleeping_model: SharedModel) -> None:
    deaths = 25
    server = launched("--workers=2", **sleeping_model, constants=SOON).started()
    sent = 0
    counts, files = [], []
    for _ in range(deaths):
        for _ in range(4):
            assert server.predict(NOW).status == 200
            sent += 1
        for _ in range(3):  # of one worker and the other
            counts.append(_count(server))
            assert counts[-1] == sent
        ready, victim = _ready_lines(server), max(_workers(server))
        os.kill(victim, signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        while victim in _workers(server) or _ready_lines(server) == ready:
            counts.append(_count(server))
            assert server.in_flight == 0
        files.append(len(_metric_files(server)))
    assert counts == sorted(counts)
    assert counts[-1] == sent
    assert max(files) == files[0]
    assert server.probe("/metrics").body.count("modelway_load_duration_seconds{") == 1


def _workers(server: Served) -> set[int]:
    alive = set()
    for child in psutil.Process(server.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # it ends while it is looked at
            if child.status() != psutil.STATUS_ZOMBIE:
                alive.add(child.pid)
    return alive


def _ready_lines(server: Served) -> int:
    return sum(line["message"] == "ready" for line in server.log)


def _connections(pid: int, port: int) -> int:
    """Connections of a worker's clients to a port."""
    with suppress(psutil.NoSuchProcess):
        open_ones = psutil.Process(pid).net_connections("tcp")
        return sum(one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in open_ones)
    return 0


def _http_port(server: Served) -> int:
    return int(server.addresses["http"].rpartition(":")[2])


def _count(server: Served) -> float:
    return server.sample("modelway_requests_total{")


def _metric_files(server: Served) -> list[Path]:
    """All files of metrics, in the folder where a worker has its own."""
    maps = psutil.Process(max(_workers(server))).memory_maps()
    return list(next(Path(one.path) for one in maps if one.path.endswith(".db")).parent.glob("*.db"))
