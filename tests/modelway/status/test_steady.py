"""Status stands still while the world does, whatever the world is, and moves no more than the world."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.desired.plan import Plan
from modelway.observed import Condition, Observed, Termination
from modelway.status.report import Finding, merge_patch, status_of
from support.operator.observed import NEW, OLD, autoscaler, container, deployment, observed, owner, pod, revision

Status = dict[str, Any]

START = datetime(2026, 1, 2, tzinfo=UTC)
NOT_FOUND = Termination(10, "Error", json.dumps({"reason": "ModelNotFound", "message": "no", "remedy": "look"}))
OOM = Termination(137, "OOMKilled", "")
CRASH = Termination(1, "Error", "gone")
QUOTA = Condition("ReplicaFailure", "True", "FailedCreate", 'pods "x-1" is forbidden: exceeded quota: q, limited: 1')
LATE = Condition("Progressing", "False", "ProgressDeadlineExceeded", "late")

ends = st.sampled_from([None, NOT_FOUND, OOM, CRASH])
containers = st.builds(
    container,
    st.sampled_from(["fetch", "serve"]),
    ready=st.booleans(),
    restarts=st.integers(0, 3),
    waiting=st.sampled_from(["", "ImagePullBackOff", "CrashLoopBackOff", "CreateContainerConfigError"]),
    message=st.sampled_from(["", 'secret "s" not found']),
    termination=ends,
    before=ends,
)
pods = st.builds(
    pod,
    containers,
    name=st.sampled_from(["fraud-1", "fraud-2"]),
    revision=st.sampled_from([NEW, OLD]),
    ready=st.booleans(),
    deleting=st.booleans(),
    unschedulable=st.sampled_from([None, "0/1 nodes are available: 1 Insufficient cpu."]),
)
deployments = st.builds(
    deployment,
    revision=st.sampled_from([NEW, OLD]),
    replicas=st.integers(0, 3),
    updated=st.integers(0, 3),
    available=st.integers(0, 3),
    observed=st.booleans(),
    conditions=st.sampled_from([(), (QUOTA,), (LATE,), (QUOTA, LATE)]),
)
worlds = st.builds(
    lambda deployment, pods, autoscaled: observed(
        *([deployment] if deployment else []),
        *([autoscaler()] if autoscaled else []),
        revision(NEW, 2),
        pods=tuple(pods),
    ),
    st.none() | deployments,
    st.lists(pods, max_size=3),
    st.booleans(),
)


def _pass(world: Observed, status: Status, now: datetime, generation: int = 1) -> Status:
    """What one pass makes of status."""
    observation = Observed(owner(status=status, generation=generation), world.children, world.pods)
    plan = Plan(revision=NEW, available=1, autoscaled=world.autoscaler is not None, prune=(), steps=())
    return status_of(observation, Finding(plan), service_port=80, now=now)


def _live(lives: list[Observed]) -> list[Status]:
    """Status after each of the worlds that came one after the other, a second apart."""
    status: Status = {}
    statuses = []
    for second, world in enumerate(lives):
        status = _pass(world, status, START + timedelta(seconds=second))
        statuses.append(status)
    return statuses


def _by_type(status: Status) -> dict[str, Status]:
    return {one["type"]: one for one in status["conditions"]}


@pytest.mark.slow
@given(st.lists(worlds, min_size=1, max_size=4))
def test_unchanged_observation_writes_status_once(lives: list[Observed]) -> None:
    statuses = _live([*lives, lives[-1], lives[-1]])
    assert merge_patch(statuses[-2], statuses[-1]) == {}


@pytest.mark.slow
@given(st.lists(worlds, min_size=2, max_size=5))
def test_condition_time_changes_only_with_its_status(lives: list[Observed]) -> None:
    for earlier, later in itertools.pairwise(map(_by_type, _live(lives))):
        for kind in earlier.keys() & later.keys():
            before, after = earlier[kind], later[kind]
            assert (before["status"] != after["status"]) == (
                before["lastTransitionTime"] != after["lastTransitionTime"]
            )


@pytest.mark.slow
@given(worlds)
def test_the_conditions_do_not_contradict_each_other(world: Observed) -> None:
    [status] = _live([world])
    conditions = {kind: one["status"] for kind, one in _by_type(status).items()}
    assert [conditions["Ready"], conditions["Reconciling"], conditions["Stalled"]].count("True") <= 2
    assert not (conditions["Ready"] == "True" and "True" in {conditions["Reconciling"], conditions["Stalled"]})
    assert conditions["Ready"] == "True" or "True" in {conditions["Reconciling"], conditions["Stalled"]}
    assert not (conditions["Ready"] == "True" and conditions["Available"] != "True")


@given(st.sampled_from([NOT_FOUND, OOM, CRASH]), st.lists(st.integers(0, 2), min_size=1, max_size=20))
def test_a_pod_that_is_tried_again_and_again_keeps_its_reason(end: Termination, phases: list[int]) -> None:
    """The kubelet moves between waiting, running and ended; the cause is the same all the while."""

    def observe(phase: int, restarts: int) -> Observed:
        states = [
            container("serve", waiting="CrashLoopBackOff", before=end, restarts=restarts),
            container("serve", before=end, restarts=restarts),
            container("serve", termination=end, before=end, restarts=restarts),
        ]
        return observed(deployment(available=0), revision(NEW, 1), pods=(pod(states[phase]),))

    first = observe(2, 1)
    statuses = _live([first, *(observe(phase, number + 2) for number, phase in enumerate(phases))])
    assert {_by_type(status)["Ready"]["reason"] for status in statuses} == {_by_type(statuses[0])["Ready"]["reason"]}
    assert len({_by_type(status)["Ready"]["lastTransitionTime"] for status in statuses}) == 1
