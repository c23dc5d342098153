"""Rollouts for the platform's sake go by turns: never more at once than allowed, nobody forgotten, nobody held up by one that fails."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.plan import make_plan
from modelway.desired.revision import revision_of
from modelway.desired.turns import Turns, is_at_work, is_rolling_out
from modelway.observed import Condition, ContainerView, JobView, Key, PodView
from modelway.settings import Settings
from modelway.status.report import WAITS, Finding, readiness_of
from support.operator.observed import container, deployment, job, observed, owner, pod, revision

FOLLOW = Settings(server_image="modelway/server:2", image_policy="Follow")
WANTED = revision_of(ModelDeployment.parse(owner().document)).hash
OLD_TEMPLATE = {
    "spec": {"containers": [{"name": "serve", "image": "modelway/server:1", "imagePullPolicy": "IfNotPresent"}]}
}


def _running() -> ContainerView:
    return replace(container("prove"), running=True)


def _progress(reason: str) -> tuple[Condition, ...]:
    return (Condition("Progressing", "True", reason, ""),)


@pytest.mark.parametrize(
    ("workload", "rolling"),
    [
        (deployment(observed=False), True),
        (deployment(conditions=_progress("ReplicaSetUpdated")), True),
        (deployment(size=2, available=1), True),
        (deployment(), False),
        (deployment(available=0, conditions=_progress("NewReplicaSetAvailable")), False),
        (deployment(available=0, conditions=_progress("ProgressDeadlineExceeded")), False),
        (deployment(available=0, conditions=_progress("DeploymentPaused")), False),
    ],
    ids=["not yet workload", "under way", "no word yet", "rolled out", "lost its pods", "failed", "paused"],
)
def test_rollout_is_under_way_until_it_ends_or_fails(workload: Any, *, rolling: bool) -> None:
    assert is_rolling_out(workload) is rolling


def test_waiting_model_keeps_its_pods_and_reports_the_wait() -> None:
    observation = observed(deployment(revision=WANTED), revision(WANTED, 1, template=OLD_TEMPLATE))
    wanted = ModelDeployment.parse(observation.owner.document)
    assert make_plan(wanted, observation, FOLLOW).follows
    plan = make_plan(wanted, observation, FOLLOW, may_follow=False)
    assert (plan.waits, plan.prune) == (True, ())
    [body] = [step.body for step in plan.steps if step.id.kind == "Deployment"]
    assert body["spec"]["template"] == OLD_TEMPLATE
    verdict = readiness_of(observation, Finding(plan))
    assert verdict.ready
    assert verdict.message.endswith(WAITS)


@pytest.mark.parametrize("available", [0, None])
def test_only_a_model_that_serves_waits(available: int | None) -> None:
    observation = observed(deployment(revision=WANTED, available=available), revision(WANTED, 1, template=OLD_TEMPLATE))
    assert make_plan(ModelDeployment.parse(observation.owner.document), observation, FOLLOW).follows is (
        available is None
    )


NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
"""Ten minutes after what the builders make."""


def _proof_pod(**container_state: Any) -> PodView:
    return replace(pod(container("prove", **container_state)), track="preflight", proof="p")


@pytest.mark.parametrize(
    ("one", "pods", "works"),
    [
        (job(proof="p"), (replace(_proof_pod(), containers=(_running(),)),), True),
        (job(proof="p"), (), False),
        (job(proof="p"), (_proof_pod(waiting="CrashLoopBackOff"),), False),
        (job(proof="p"), (replace(_proof_pod(), containers=(replace(_running(), restarts=9),)),), False),
        (job(proof="p", finished=True), (replace(_proof_pod(), containers=(_running(),)),), False),
        (replace(job(proof="p"), created="2026-01-01T00:09:00Z"), (), True),
    ],
    ids=["running", "no pod", "backing off", "failing again and again", "ended", "young"],
)
def test_job_takes_a_place_while_it_is_at_work(one: JobView, pods: tuple[PodView, ...], *, works: bool) -> None:
    assert is_at_work(one, pods, NOW) is works


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_lone_model_does_not_wait_for_fifty_of_another(at_once: int) -> None:
    cluster = _Cluster(51, at_once, set(), seed=1)
    *crowd, _ = cluster.keys
    lone = Key("lone", "one")
    cluster.keys = [*crowd, lone]
    for key in cluster.keys:
        cluster.look(key)
    cluster.play_on()
    assert cluster.begun.index(lone) <= at_once + 1


class _Cluster:
    """Models whose pods take a while to be replaced, or never are; each pass is one look at one model."""

    def __init__(self, models: int, at_once: int, failing: set[int], seed: int, namespaces: int = 1) -> None:
        self.now, self.dice = 0.0, random.Random(seed)
        self.keys = [Key(f"risk-{self.dice.randrange(namespaces)}", str(number)) for number in range(models)]
        self.begun: list[Key] = []
        self.failing = {self.keys[number] for number in failing if number < models}
        self.rolling: dict[Key, float] = {}
        self.finished: list[Key] = []
        self.woken: list[Key] = []
        self.most = 0
        self.turns = Turns(at_once, lambda: self.rolling, self.woken.append, lambda: self.now)

    def look(self, key: Key) -> None:
        waits = False
        if key not in self.rolling and key not in self.finished:
            waits = not self.turns.take(key)
            if not waits:
                self.begun.append(key)
                self.rolling[key] = self.now + (600 if key in self.failing else self.dice.uniform(1, 30))
                self.most = max(self.most, len(self.rolling))
        self.turns.finish(key, waits=waits)

    def play(self) -> None:
        """Look at all once, then only at whom something happens to or who is woken."""
        for key in self.dice.sample(self.keys, len(self.keys)):
            self.look(key)
        self.play_on()

    def play_on(self) -> None:
        """Go on until nothing is under way."""
        while self.rolling or self.woken:
            self.now += 0.5
            over = [key for key, end in self.rolling.items() if end <= self.now]
            for key in over:
                del self.rolling[key]
                self.finished.append(key)
            woken = self.woken[:]
            self.woken.clear()
            for key in [*over, *woken]:
                self.look(key)


@given(
    models=st.integers(1, 40),
    at_once=st.integers(1, 5),
    failing=st.sets(st.integers(0, 39), max_size=5),
    seed=st.integers(0, 2**32),
    namespaces=st.integers(1, 5),
)
def test_every_model_gets_a_turn_within_the_budget(
    models: int, at_once: int, failing: set[int], seed: int, namespaces: int
) -> None:
    cluster = _Cluster(models, at_once, failing, seed, namespaces)
    cluster.play()
    assert cluster.most <= at_once
    assert sorted(cluster.finished) == sorted(cluster.keys)
    assert len(cluster.turns) == 0
    assert cluster.now <= 600 * len(cluster.failing) + 40 * models
