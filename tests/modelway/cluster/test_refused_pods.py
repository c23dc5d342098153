"""Pods that were refused: their present cause is found by dry runs, and the ReplicaSet is woken once they would be admitted, not endlessly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.client import Client
from modelway.cluster.pod_makers import JOB_SECONDS
from modelway.cluster.refused_pods import (
    DENIED_SECONDS,
    LONGEST_FORBIDDEN_SECONDS,
    LONGEST_PAUSE,
    TRY_SECONDS,
    UNPROVED_SECONDS,
    RefusedPods,
)
from modelway.desired.children.job import proof_of
from modelway.desired.plan import make_plan
from modelway.metrics import Metrics
from modelway.observed import Condition, Observed, PodView
from modelway.planning import plan_of
from modelway.settings import Settings
from modelway.status.preflight import judge_preflight
from modelway.status.reasons import Reason
from modelway.status.verdict import Readiness
from support.operator.fake_api import Answer, FakeApi, Request, fake_api
from support.operator.observed import container, deployment, job, observed, owner, pod

QUOTA = 'pods "fraud-abc-{}" is forbidden: exceeded quota: q, requested: pods=1, used: pods={}, limited: pods=3'
DENIED = 'pods is forbidden: User "operator" cannot create resource "pods" in API group "" in the namespace "risk"'
POLICY = 'pods "fraud-abc-x" is forbidden: violates PodSecurity "restricted:latest": x'


UNKNOWN: Answer = 500, {}, {"message": "Internal error"}
ADMITTED: Answer = 201, {}, {}


def _refusal(message: str = QUOTA.format("a", 3), *, pods: tuple[PodView, ...] = ()) -> Observed:
    """A Deployment that makes no pods of its revision, and says why."""
    failure = Condition("ReplicaFailure", "True", "FailedCreate", message)
    return observed(deployment(size=2, replicas=len(pods), conditions=(failure,)), pods=pods)


def _answer(message: str) -> Answer:
    return 403, {}, {"message": message, "reason": "Forbidden"}


class _World:
    """A clock, and a way to look again at each beat of it."""

    def __init__(self, client: Client) -> None:
        self.now = 0.0
        self.refused_pods = RefusedPods(client, clock=lambda: self.now)
        self.observed = _refusal()
        self.change({"model": {"uri": "s3://models/fraud.joblib"}}, QUOTA.format("a", 3), pods=False)

    async def look(self, seconds: float, observed: Observed | None = None) -> float | None:
        self.now += seconds
        return await self.refused_pods.look(self.plan, observed or self.observed)

    def message(self) -> str:
        """Why pods are refused, as far as that is known; empty where it is not."""
        deployment = self.refused_pods.correct(self.observed).deployment
        assert deployment is not None
        return "".join(one.message for one in deployment.conditions)

    def change(self, spec: dict[str, Any], failure: str, *, pods: bool) -> None:
        """Another spec, whose Deployment reports a refusal, and may have pods of the new revision already."""
        self.observed = replace(self.observed, owner=owner(spec, generation=2))
        self.plan = make_plan(ModelDeployment.parse(self.observed.owner.document), self.observed, Settings())
        mine = (pod(container("serve"), revision=self.plan.revision),) if pods else ()
        refused = _refusal(failure, pods=mine)
        assert refused.deployment is not None
        moved = replace(refused.deployment, revision=self.plan.revision)
        self.observed = replace(refused, owner=self.observed.owner, children={moved.id: moved})


def _scenario(play: Callable[[_World], Awaitable[None]], *answers: Answer) -> FakeApi:
    async def scenario() -> FakeApi:
        async with fake_api(*answers) as fake, Client(fake.connection, Metrics()) as client:
            await play(_World(client))
            return fake

    return asyncio.run(scenario())


def _wakes(fake: FakeApi) -> list[Request]:
    return [request for request in fake.requests if request.method == "PATCH"]


def test_refused_pods_are_tried_soon_by_dry_runs() -> None:
    async def play(world: _World) -> None:
        assert await world.look(0) == TRY_SECONDS
        assert await world.look(TRY_SECONDS / 2) == TRY_SECONDS / 2

    fake = _scenario(play, _answer(QUOTA.format("b", 3)))
    [request] = fake.requests
    assert (request.method, request.path, request.query["dryRun"]) == ("POST", "/api/v1/namespaces/risk/pods", "All")
    assert request.body["metadata"]["labels"]["modelway.dev/name"] == "fraud"


def test_a_new_cause_is_reported_and_a_new_quota_use_is_not() -> None:
    async def play(world: _World) -> None:
        await world.look(0)
        assert world.message() == QUOTA.format("b", 3)
        await world.look(TRY_SECONDS)
        assert world.message() == QUOTA.format("b", 3)
        await world.look(TRY_SECONDS)
        assert world.message() == POLICY

    _scenario(play, _answer(QUOTA.format("b", 3)), _answer(QUOTA.format("c", 4)), _answer(POLICY))


class _Proof:
    """A model whose Job has no pod, and a clock."""

    def __init__(self, client: Client) -> None:
        self.now = 0.0
        self.refused_pods = RefusedPods(client, clock=lambda: self.now)
        settings = Settings(preflight_enabled=True)
        wanted = ModelDeployment.parse(owner().document)
        self.plan = plan_of(wanted, observed(), settings)
        [step] = [one for one in self.plan.steps if one.id.kind == "Job"]
        self.job = job(self.plan.revision, proof=proof_of(step.body))

    async def look(self, seconds: float, *pods: PodView) -> float | None:
        self.now += seconds
        return await self.refused_pods.look(self.plan, observed(self.job, preflight_pods=pods))

    def verdict(self) -> Readiness:
        return judge_preflight(self.refused_pods.correct(observed(self.job)), self.plan)


def _proof_scenario(play: Callable[[_Proof], Awaitable[None]], *answers: Answer) -> FakeApi:
    async def scenario() -> FakeApi:
        async with fake_api(*answers) as fake, Client(fake.connection, Metrics()) as client:
            await play(_Proof(client))
            return fake

    return asyncio.run(scenario())


def test_job_without_a_pod_is_tried_as_its_controller_would() -> None:
    async def play(proof: _Proof) -> None:
        assert await proof.look(0) == JOB_SECONDS
        assert proof.verdict().reason is Reason.PROVING
        await proof.look(JOB_SECONDS)
        assert proof.verdict().reason is Reason.QUOTA_EXCEEDED

    [request] = _proof_scenario(play, _answer(QUOTA.format("b", 3))).requests
    labels = request.body["metadata"]["labels"]
    assert (request.query["dryRun"], labels["modelway.dev/track"]) == ("All", "preflight")
    assert labels["batch.kubernetes.io/job-name"] == request.body["metadata"]["generateName"].rstrip("-")


def test_job_is_woken_once_its_pod_would_be_admitted() -> None:
    async def play(proof: _Proof) -> None:
        await proof.look(0)
        for _ in range(3):
            await proof.look(TRY_SECONDS)
        assert proof.verdict().reason is Reason.PROVING

    [wake, *_] = _wakes(_proof_scenario(play, _answer(QUOTA.format("b", 3))))
    assert "/jobs/fraud-" in wake.path
    assert set(wake.body["metadata"]["annotations"]) == {"modelway.dev/pods-retried"}


def test_job_with_a_pod_is_not_tried() -> None:
    async def play(proof: _Proof) -> None:
        mine = replace(pod(revision=proof.plan.revision), track="preflight", proof=proof.job.proof)
        for _ in range(3):
            assert await proof.look(TRY_SECONDS, mine) is None

    assert _proof_scenario(play).requests == []


def test_workload_that_no_step_wants_is_not_tried() -> None:
    """Its record is gone, so that nobody knows what its pods are made of."""
    failure = Condition("ReplicaFailure", "True", "FailedCreate", QUOTA.format("a", 3))

    async def play(proof: _Proof) -> None:
        refused = observed(deployment(revision="unknown", conditions=(failure,)))
        assert await proof.refused_pods.look(proof.plan, refused) is None

    assert _proof_scenario(play).requests == []


@pytest.mark.slow
def test_an_admitted_dry_run_wakes_the_replica_set_with_backoff() -> None:
    async def play(world: _World) -> None:
        for _ in range(int(3600 / TRY_SECONDS)):
            await world.look(TRY_SECONDS)

    woken = _wakes(_scenario(play))
    assert woken[0].query["fieldManager"] == "modelway-retry"
    assert set(woken[0].body["metadata"]["annotations"]) == {"modelway.dev/pods-retried"}
    assert len(woken) < 3600 / LONGEST_PAUSE + 10


@pytest.mark.slow
def test_waking_keeps_the_known_cause() -> None:
    """To a Deployment an annotation is a new generation, which its controller takes a moment to see."""

    async def play(world: _World) -> None:
        deployment = world.observed.deployment
        assert deployment is not None
        behind = replace(
            world.observed, children={deployment.id: replace(deployment, observed_generation=deployment.generation - 1)}
        )
        for _ in range(int(3600 / TRY_SECONDS)):
            await world.look(TRY_SECONDS / 2, behind)
            await world.look(TRY_SECONDS / 2)
        assert world.message() == QUOTA.format("a", 3)

    assert len(_wakes(_scenario(play))) < 3600 / LONGEST_PAUSE + 10


def test_pods_that_are_not_refused_are_not_tried() -> None:
    async def play(world: _World) -> None:
        assert await world.look(0, observed(deployment())) is None
        assert await world.look(0, observed()) is None

    assert _scenario(play).requests == []


def test_forbidden_dry_runs_are_retried_with_backoff() -> None:
    async def play(world: _World) -> None:
        for _ in range(int(3600 / TRY_SECONDS)):
            assert await world.look(TRY_SECONDS) is not None
        assert world.message() == QUOTA.format("a", 3)

    tries = len(_scenario(play, *[_answer(DENIED)] * 720).requests)
    assert 3600 / LONGEST_FORBIDDEN_SECONDS <= tries <= 3600 / LONGEST_FORBIDDEN_SECONDS + 6


def test_a_restored_right_is_used_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def play(world: _World) -> None:
        for _ in range(int(120 / TRY_SECONDS)):
            await world.look(TRY_SECONDS)

    with caplog.at_level("INFO", "modelway"):
        fake = _scenario(play, *[_answer(DENIED)] * 3)
    assert len(_wakes(fake)) > 0
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("modelway")]
    assert sum("may not try refused pods" in one for one in messages) == 1
    assert messages[-1] == "The operator may try refused pods of namespace risk again"


BEFORE = QUOTA.format("old", 3)
"""What refused the pods of the spec before."""
CORRECTED: dict[str, Any] = {
    "model": {"uri": "s3://models/fraud.joblib"},
    "runtime": {"resources": {"requests": {"cpu": "1"}}},
}


@pytest.mark.slow
@given(
    before=st.integers(0, 4),
    after=st.lists(st.tuples(st.floats(0, 20), st.sampled_from([_answer(POLICY), ADMITTED, UNKNOWN])), max_size=6),
)
def test_a_corrected_spec_does_not_get_the_earlier_cause(before: int, after: list[tuple[float, Answer]]) -> None:
    """The Deployment repeats the refusal of an earlier ReplicaSet while that exists; pods of the new revision are being started."""

    async def play(world: _World) -> None:
        for _ in range(before):
            await world.look(TRY_SECONDS)
        world.change(CORRECTED, BEFORE, pods=True)
        assert world.message() == ""
        for seconds, _ in after:
            await world.look(seconds)
            assert world.message() in {"", POLICY}

    _scenario(play, *[_answer(BEFORE)] * before, *(answer for _, answer in after))


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [(UNKNOWN, UNPROVED_SECONDS), (_answer(DENIED), UNPROVED_SECONDS), (ADMITTED, DENIED_SECONDS)],
)
def test_a_refusal_without_a_refused_dry_run_is_reported_late(answer: Answer, seconds: float) -> None:
    async def play(world: _World) -> None:
        await world.look(0)
        assert world.message() == ""
        for _ in range(int(seconds / TRY_SECONDS)):
            await world.look(TRY_SECONDS)
        assert world.message() == QUOTA.format("a", 3)

    _scenario(play, *[answer] * 10)
