"""Several worker processes: one port, one count, one readiness; a dead one comes back, and not for ever."""

from collections.abc import Callable

import psutil

from support.models import Broken, Forked
from support.server.served import Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]


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


def _workers(server: Served) -> set[int]:
    return {
        child.pid for child in psutil.Process(server.process.pid).children() if child.status() != psutil.STATUS_ZOMBIE
    }
