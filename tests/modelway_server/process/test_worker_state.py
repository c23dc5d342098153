"""The standing of a pod's workers, as probes see it."""

import pytest

from modelway_server.process.worker_state import WorkerStates


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock of one number, which the test moves."""
    now = [1000.0]
    monkeypatch.setattr("modelway_server.process.worker_state.time.monotonic", lambda: now[0])
    return now


def test_pod_is_ready_when_every_worker_is() -> None:
    pod = WorkerStates(2, stuck_after=60)
    pod.enter(0)
    pod.mark_ready()
    assert not pod.ready
    pod.enter(1)
    pod.mark_ready()
    assert pod.ready
    pod.begin_drain()
    assert not pod.ready


def test_pod_stays_ready_while_one_worker_is(clock: list[float]) -> None:
    pod = WorkerStates(2, stuck_after=60)
    for slot in (0, 1):
        pod.enter(slot)
        pod.mark_ready()
    pod.reset(0)
    assert pod.ready
    clock[0] += 31
    assert not pod.ready, "the other is stuck"
    pod.beat()
    assert pod.ready
    pod.reset(1)
    assert not pod.ready


def test_restarting_worker_is_not_ready() -> None:
    pod = WorkerStates(1, stuck_after=60)
    pod.mark_ready()
    pod.reset(0)
    assert not pod.ready


def test_worker_whose_loop_stands_still_is_stuck(clock: list[float]) -> None:
    pod = WorkerStates(2, stuck_after=60)
    pod.enter(1)
    pod.beat()
    clock[0] += 29
    assert pod.why_stuck(1) is None
    clock[0] += 2
    assert pod.why_stuck(1) == "worker 1 has not turned its event loop for 31 s"
    assert pod.why_all_stuck() is None, "worker 0 is well"
    pod.enter(0)
    pod.beat()
    clock[0] += 32
    assert pod.why_all_stuck() == "worker 0 has not turned its event loop for 32 s"


def test_worker_whose_prediction_never_ends_is_stuck(clock: list[float]) -> None:
    pod = WorkerStates(1, stuck_after=60)
    pod.begin_prediction()
    clock[0] += 61
    assert pod.why_stuck(0) == pod.why_all_stuck() == "a prediction of worker 0 has been running for 61 s"
    pod.end_prediction()
    assert pod.why_all_stuck() is None
