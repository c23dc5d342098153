"""The status of a pod from the states of its containers."""

from typing import Any

import pytest

from sandbox.node.status import ContainerState, Role, Verdict, phase, pod_status

WAITING = {"waiting": {"reason": "ContainerCreating"}}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
NOW = "2026-01-02T00:00:00Z"
BEFORE = "2026-01-01T00:00:00Z"


def end_state(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code}}


def container(
    state: dict[str, Any], role: Role = "main", last: dict[str, Any] | None = None, **fields: Any
) -> ContainerState:
    return ContainerState(role, "image", role, state, last_state=last or {}, **fields)


@pytest.mark.parametrize(
    ("policy", "states", "expected"),
    [
        ("Always", [container(WAITING)], "Pending"),
        ("Always", [container(RUNNING)], "Running"),
        ("Always", [container(RUNNING), container(WAITING)], "Pending"),
        ("Always", [container(RUNNING), container(WAITING, last=end_state(1))], "Running"),
        ("Always", [container(end_state(0))], "Running"),
        ("OnFailure", [container(end_state(0)), container(end_state(1))], "Running"),
        ("OnFailure", [container(end_state(0))], "Succeeded"),
        ("Never", [container(end_state(0)), container(end_state(1))], "Failed"),
        ("Never", [container(end_state(0)), container(RUNNING)], "Running"),
        ("Never", [container(end_state(1), "init"), container(WAITING)], "Failed"),
        ("OnFailure", [container(end_state(1), "init"), container(WAITING)], "Pending"),
        ("Never", [container(end_state(0), "init"), container(end_state(0))], "Succeeded"),
        ("Never", [container(RUNNING, "sidecar", started=True), container(end_state(0))], "Succeeded"),
    ],
)
def test_the_phase_follows_the_containers_and_the_policy(
    policy: str, states: list[ContainerState], expected: str
) -> None:
    assert phase(policy, states) == expected


@pytest.mark.parametrize(("code", "expected"), [(0, "Succeeded"), (143, "Failed")])
def test_a_deleted_pod_ends_in_a_final_phase_whatever_its_policy(code: int, expected: str) -> None:
    assert phase("Always", [container(end_state(code))], ending=True) == expected


def status(states: list[ContainerState], pod: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    merged = {"metadata": {}, "spec": {}, **(pod or {})}
    options: dict[str, Any] = {"address": "127.244.0.2", "node_address": "127.244.0.1", "alive": True, **fields}
    return pod_status(merged, states, started_at=BEFORE, now=NOW, **options)


def condition(pod_status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(c for c in pod_status["conditions"] if c["type"] == kind)


def test_an_unready_container_is_named() -> None:
    ready = condition(status([container(RUNNING)]), "Ready")
    assert (ready["status"], ready["message"]) == ("False", "containers with unready status: [main]")


def test_a_transition_time_stays_while_the_status_does() -> None:
    known = [{"type": "Ready", "status": "True", "lastTransitionTime": BEFORE}]
    pod = {"status": {"conditions": known}}
    assert condition(status([container(RUNNING, ready=True)], pod), "Ready")["lastTransitionTime"] == BEFORE
    assert condition(status([container(RUNNING)], pod), "Ready")["lastTransitionTime"] == NOW


def test_readiness_gate_holds_a_pod_until_its_condition_is_true() -> None:
    gate: dict[str, Any] = {"spec": {"readinessGates": [{"conditionType": "ok"}]}}
    states = [container(RUNNING, ready=True)]
    assert condition(status(states, gate), "Ready")["status"] == "False"
    gate["status"] = {"conditions": [{"type": "ok", "status": "True"}]}
    assert condition(status(states, gate), "Ready")["status"] == "True"


def test_an_evicted_pod_failed_and_says_why() -> None:
    pod_status = status([container(end_state(0))], alive=False, verdict=Verdict("Evicted", "too large"))
    assert (pod_status["phase"], pod_status["reason"], pod_status["message"]) == ("Failed", "Evicted", "too large")


def test_an_init_container_that_is_not_done_is_named() -> None:
    pod_status = status([container(RUNNING, "init"), container(WAITING)])
    assert condition(pod_status, "Initialized")["message"] == "containers with incomplete status: [init]"
    assert pod_status["initContainerStatuses"][0]["state"] == RUNNING
