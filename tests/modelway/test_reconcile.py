"""A pass tells what kept it from its end, and a pass that found nothing out unsays nothing."""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.rollouts import LOOK_SECONDS, Rollouts
from modelway.cluster.scrape import Scraper
from modelway.desired.revision import revision_of
from modelway.errors import (
    ChildContested,
    ClusterError,
    KindNotServed,
    Leftover,
    ModelwayError,
    NameConflict,
    RetryLater,
    Vanished,
)
from modelway.failures import CONFLICT_SECONDS, MOMENT_SECONDS
from modelway.metrics import Metrics
from modelway.observed import Observed
from modelway.reconcile import Reconciler
from modelway.settings import Settings
from support.operator.observed import KEY, NEW, UID, deployment, observed, owner, revision

SETTINGS = Settings(preflight_enabled=False)

FORBIDDEN = (
    'deployments.apps "fraud" is forbidden: User "operator" cannot patch resource "deployments" in API group "apps"'
)


def _forbidden() -> ClusterError:
    error = ClusterError(FORBIDDEN, status=403)
    error.child = "Deployment fraud"
    return error


class _World:
    """The parts around a reconciler: a cache that holds what was published, and an applier that fails as it is told."""

    def __init__(self) -> None:
        self.failure: ModelwayError | None = None
        self.retry: float | None = None
        """When to try refused pods again; None while none are refused."""
        self.status: dict[str, Any] = {}
        self.spec: dict[str, Any] | None = None
        self.deployment = deployment()
        self.refresh = ""
        self.during: Any = lambda: None
        """What happens while a pass writes."""
        self.uid = UID
        self.forgotten = 0
        self.spares = False
        """Whether the last pass was to leave refused children alone for a while."""
        parts: Any = self
        self.reconciler = Reconciler(
            parts,
            parts,
            parts,
            parts,
            parts,
            rollouts=Rollouts(Scraper(), SETTINGS),
            settings=SETTINGS,
            metrics=Metrics(),
        )

    def observe(self, _: object) -> Observed:
        by = replace(owner(self.spec, status=self.status, refresh=self.refresh), uid=self.uid)
        return observed(self.deployment, revision("r", 1), by=by)

    async def carry_out(self, *_: object, spares_refused: bool) -> None:
        self.spares = spares_refused
        self.during()
        if self.failure is not None:
            raise self.failure

    def forget(self, _: object) -> None:
        self.forgotten += 1

    async def look(self, *_: object) -> float | None:
        return self.retry

    def correct(self, observation: Observed) -> Observed:
        return observation

    async def publish(self, _: object, status: dict[str, Any], **__: object) -> None:
        self.status = status

    def passes(self, failure: ModelwayError | None) -> tuple[str, float | ModelwayError | None]:
        """The reason after a pass, and when the next one is due or what it raised."""
        self.failure = failure
        try:
            due: float | ModelwayError | None = asyncio.run(self.reconciler.reconcile(KEY))
        except ModelwayError as error:
            due = error
        return next(one["reason"] for one in self.status["conditions"] if one["type"] == "Ready"), due


@pytest.mark.parametrize(
    ("failure", "reason", "due"),
    [
        (NameConflict("taken"), "NameConflict", CONFLICT_SECONDS),
        (ChildContested("fought over", seconds=40.0), "ChildContested", 40.0),
        (Vanished("going"), "NamespaceTerminating", None),
        (KindNotServed("spec.scaling.max needs an autoscaler"), "KindNotServed", None),
    ],
)
def test_failure_of_a_pass_is_reported_and_retried(failure: ModelwayError, reason: str, due: float | None) -> None:
    assert _World().passes(failure) == (reason, due)


JOB_REFUSED = ClusterError("a quota", status=403)
JOB_REFUSED.child = "Job fraud-new-replay"


def _judged() -> _World:
    """A world in which a candidate is on trial."""
    world = _World()
    world.spec = {"model": {"uri": "s3://models/new"}, "rollout": {"strategy": "Canary"}}
    wanted = revision_of(ModelDeployment.parse(owner(world.spec).document)).hash
    identity = {"id": "a-1", "strategy": "Canary", "revision": wanted, "stable": NEW, "attempt": 1}
    course = {"phase": "Starting", "step": 0, "steps": 3, "weight": 0, "mirror": 0}
    began = datetime.now(UTC).isoformat(timespec="seconds")
    rollout = {**identity, **course, "started": began, "unready": began}
    world.status = {"stable": {"revision": NEW}, "rollout": rollout}
    return world


def test_refused_child_does_not_slow_the_judge() -> None:
    world = _judged()
    _, due = world.passes(JOB_REFUSED)
    assert due == LOOK_SECONDS
    assert world.spares
    metrics = world.reconciler._metrics
    asyncio.run(world.reconciler(KEY))
    assert metrics.reconciles.labels(result="error")._value.get() == 1, "it is still a pass that failed"


def test_refused_candidate_rolls_back_with_the_cause() -> None:
    world, long_ago = _judged(), "2026-01-01T00:00:00Z"
    world.status["rollout"] |= {"started": long_ago, "unready": long_ago}
    refusal = ClusterError('admission webhook "a.b" denied the request: no canaries here', status=403)
    refusal.child = "Deployment fraud-canary"
    world.passes(refusal)
    rollout = world.status["rollout"]
    assert (rollout["phase"], rollout["cause"]) == ("RolledBack", "CandidateNotReady")
    assert "no canaries here" in rollout["message"]
    assert "kubectl describe pods" not in rollout["message"]


@pytest.mark.parametrize("failure", [ClusterError("away", status=0), RetryLater("busy", seconds=9.0)])
def test_api_server_that_is_away_slows_the_judge(failure: ModelwayError) -> None:
    assert _judged().passes(failure)[1] is failure


def test_refused_child_alone_is_retried_as_ever() -> None:
    world = _World()
    assert world.passes(JOB_REFUSED)[1] is JOB_REFUSED
    assert not world.spares


def test_refused_pods_are_followed_while_a_kind_is_absent() -> None:
    world = _World()
    world.retry = 5.0
    assert world.passes(KindNotServed("spec.scaling.max needs an autoscaler")) == ("KindNotServed", 5.0)


def test_spec_that_was_never_applied_keeps_progressing() -> None:
    world = _World()
    hash_ = revision_of(ModelDeployment.parse(owner().document)).hash
    world.deployment = deployment(revision=hash_)
    assert world.passes(ClusterError("etcd is away", status=500))[0] == "Progressing"
    assert world.passes(None)[0] == "Serving"
    assert world.passes(ClusterError("etcd is away", status=500))[0] == "Serving"


def test_pass_that_a_refresh_overtook_says_nothing() -> None:
    world = _World()
    world.during = lambda: setattr(world, "refresh", "2026-01-01T00:00:00Z")
    assert asyncio.run(world.reconciler.reconcile(KEY)) is None
    assert world.status == {}


def test_verdict_from_before_a_refresh_does_not_hold() -> None:
    world = _World()
    hash_ = revision_of(ModelDeployment.parse(owner().document)).hash
    world.deployment = deployment(revision=hash_)
    assert world.passes(None)[0] == "Serving"
    world.refresh = "2026-01-01T00:00:00Z"
    after = revision_of(ModelDeployment.parse(owner(refresh=world.refresh).document)).hash
    world.deployment = deployment(revision=after, observed=False)
    assert world.passes(None)[0] == "Progressing"
    assert world.status["observedRefresh"] == world.refresh


def test_forbidden_spec_changes_no_child() -> None:
    world = _World()
    world.spec = {"model": {"uri": "https://evil.example/m"}, "runtime": {"image": "evil"}}
    world.reconciler._settings = Settings(
        policy_images=("ours/*",), policy_hosts=("models.example.com",), preflight_enabled=False
    )
    assert world.passes(AssertionError("was carried out")) == ("NotPermitted", None)  # type: ignore[arg-type]
    message = world.status["conditions"][0]["message"]
    for cause in ("spec.runtime.image: evil", "policy.images (ours/*)", "spec.model.uri: the host evil.example:443"):
        assert cause in message


def test_namesake_inherits_no_history_of_a_deleted_model() -> None:
    world = _World()
    world.passes(None)
    world.uid = "another"
    world.passes(None)
    assert world.forgotten == 4, "by every part that remembers"


def test_a_leftover_of_an_earlier_model_is_waited_for() -> None:
    failure = Leftover("Waiting for Service fraud", seconds=1.0)
    assert _World().passes(failure) == ("Progressing", failure)


def test_briefly_missing_right_is_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, MOMENT_SECONDS)
    world = _World()
    monkeypatch.setattr("modelway.reconcile.time.monotonic", lambda: next(clock) / 2)
    reasons = [world.passes(_forbidden())[0] for _ in range(4)]
    assert reasons[0] != "OperatorForbidden"
    assert reasons[-1] == "OperatorForbidden"


failures = st.sampled_from(
    [
        ClusterError("away", status=0),
        ClusterError("broken", status=500),
        ClusterError("overloaded", status=503),
        RetryLater("busy", seconds=1.0),
    ]
)


@pytest.mark.slow
@given(st.lists(failures, min_size=1, max_size=10))
def test_spec_that_was_never_applied_is_never_ready(storm: list[ModelwayError]) -> None:
    """Its pods may be as they should: its size, its autoscaler or its Service need not."""
    world = _World()
    world.deployment = deployment(revision=revision_of(ModelDeployment.parse(owner().document)).hash)
    assert {world.passes(failure)[0] for failure in storm} == {"Progressing"}
    assert world.passes(None)[0] == "Serving"


def test_hanging_webhook_is_reported_after_the_first_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, MOMENT_SECONDS)
    monkeypatch.setattr("modelway.reconcile.time.monotonic", lambda: next(clock))
    failure = ClusterError('failed calling webhook "a.b": context deadline exceeded', status=500)
    failure.child = "Deployment fraud"
    assert _World().passes(failure)[0] == "WebhookFailed"


def test_write_that_keeps_failing_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, MOMENT_SECONDS)
    world = _World()
    monkeypatch.setattr("modelway.reconcile.time.monotonic", lambda: next(clock) / 2)
    for _ in range(4):
        world.passes(ClusterError("PATCH hpa: the store is full", status=500))
    assert "the store is full" in world.status["conditions"][0]["message"]


@pytest.mark.slow
@given(st.lists(failures, max_size=10))
def test_failing_passes_keep_the_name_conflict(storm: list[ModelwayError]) -> None:
    world = _World()
    world.passes(NameConflict("taken"))
    assert {world.passes(failure)[0] for failure in storm} <= {"NameConflict"}
    assert world.passes(None)[0] != "NameConflict"
