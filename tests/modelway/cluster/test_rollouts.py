"""A pass takes a rollout further by what the cluster and the pods show at that moment."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.api.labels import CANARY, ROLLOUT_ORDER_ANNOTATION
from modelway.api.orders import Order
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.rollouts import LOOK_SECONDS, NEXT_SECONDS, PAUSED_SECONDS, Progress, Rollouts, Standing
from modelway.cluster.scrape import Scraper
from modelway.observed import Child, ContainerView, Key, Observed, Owner, PodView, Termination
from modelway.planning import plan_of
from modelway.rollout.counts import PodSample
from modelway.rollout.judge import DISAGREEMENT, FAILED, SLOW, Counts
from modelway.rollout.measures import CANDIDATE, STABLE, Series
from modelway.settings import Settings
from support.operator.observed import OLD, canary_service, container, deployment, observed, owner, pod

SETTINGS = Settings(preflight_enabled=False)
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
SPEC: dict[str, Any] = {"model": {"uri": "s3://models/new.joblib"}, "rollout": {"strategy": "Canary"}}


def _owner(rollout: dict[str, Any] | None = None, order: str = "", spec: dict[str, Any] | None = None) -> Owner:
    status = {"stable": {"revision": OLD}, **({"rollout": rollout} if rollout else {})}
    by = owner({**SPEC, **(spec or {})}, status=status)
    annotations = {ROLLOUT_ORDER_ANNOTATION: order} if order else {}
    return replace(by, document={**by.document, "metadata": {**by.document["metadata"], "annotations": annotations}})


NEW = plan_of(ModelDeployment.parse(_owner().document), observed(by=_owner()), SETTINGS).revision


def _state(phase: str, **more: Any) -> dict[str, Any]:
    identity = {"id": "a-1", "strategy": "Canary", "revision": NEW, "stable": OLD, "attempt": 1}
    course = {"phase": phase, "step": 0, "steps": 3, "weight": 5 if phase == "Progressing" else 0, "mirror": 0}
    times = {"started": "2026-01-02T11:00:00Z", **({"timeoutFrom": "2026-01-02T11:00:09Z"} if course["weight"] else {})}
    return {**identity, **course, **times, **more}


@dataclass
class _Pods(Scraper):
    """Pods that answer with what a test says."""

    samples: dict[str, PodSample] = field(default_factory=dict)
    questions: list[tuple[set[str], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    async def read(self, key: Key, pods: Iterable[PodView], rollout: str) -> dict[str, PodSample]:
        assert key.name == "fraud"
        names = {one.name for one in pods}
        self.questions.append((names, rollout))
        return {name: sample for name, sample in self.samples.items() if name in names}


def _look(around: Observed, pods: Scraper | None = None, rollouts: Rollouts | None = None) -> Progress:
    model = ModelDeployment.parse(around.owner.document)
    plan = plan_of(model, around, SETTINGS)
    rollouts = rollouts or Rollouts(pods or _Pods(), SETTINGS)
    return asyncio.run(rollouts.advance(model, plan, around, Standing(stable=OLD, size=2), NOW))


def _around(*children: Child, by: Owner, canary_pods: tuple[PodView, ...] = ()) -> Observed:
    pods = tuple(pod(name=f"fraud-{number}", revision=OLD, ready=True) for number in (1, 2))
    main = deployment(revision=OLD, size=2)
    return observed(main, canary_service(), *children, by=by, pods=pods, canary_pods=canary_pods)


READY = deployment(revision=NEW, size=1, track=CANARY)
UP = (pod(revision=NEW, ready=True),)


def _crash(code: int) -> ContainerView:
    return container(restarts=3, waiting="CrashLoopBackOff", before=Termination(code, "Error", "its last words"))


CRASH = _crash(139)


def test_rollout_begins_with_a_notice_and_goes_on_at_once() -> None:
    progress = _look(_around(by=_owner()))
    assert progress.rollout is not None
    assert (progress.rollout["phase"], progress.rollout["revision"], progress.rollout["stable"]) == (
        "Starting",
        NEW,
        OLD,
    )
    assert [one.reason for one in progress.notices] == ["RolloutStarted"]
    assert progress.due == NEXT_SECONDS


def test_nothing_begins_under_a_rolling_strategy() -> None:
    assert _look(_around(by=_owner(spec={"rollout": {"strategy": "Rolling"}}))) == Progress(None)


def test_traffic_begins_once_the_candidate_is_ready() -> None:
    progress = _look(_around(READY, by=_owner(_state("Starting")), canary_pods=UP))
    assert progress.rollout is not None
    assert (progress.rollout["phase"], progress.rollout["weight"]) == ("Progressing", 5)


def test_pods_of_an_earlier_candidate_must_go_first() -> None:
    earlier = (*UP, pod(name="earlier", revision="another", ready=True))
    progress = _look(_around(READY, by=_owner(_state("Starting")), canary_pods=earlier))
    assert progress.rollout is not None
    assert progress.rollout["phase"] == "Starting"


@pytest.mark.parametrize("phase", ["Starting", "RolledBack", "Promoted"])
def test_pods_are_left_alone_while_no_request_is_handed_over(phase: str) -> None:
    pods = _Pods()
    _look(_around(READY, by=_owner(_state(phase)), canary_pods=UP), pods)
    assert pods.questions == []


def _sample(trials: int, bad: int = 0) -> PodSample:
    counts = {Series(FAILED, CANDIDATE): Counts(0, trials), Series(DISAGREEMENT, CANDIDATE): Counts(bad, trials)}
    return PodSample("a-1", 5.0, evidence=counts)


def test_counts_of_all_stable_pods_are_judged() -> None:
    pods = _Pods({f"fraud-{number}": _sample(100, bad=60) for number in (1, 2)})
    progress = _look(_around(READY, by=_owner(_state("Progressing")), canary_pods=UP), pods)
    assert pods.questions == [({"fraud-1", "fraud-2"}, "a-1")]
    assert progress.rollout is not None
    assert (progress.rollout["phase"], progress.rollout["cause"]) == ("RolledBack", "Analysis")
    assert [one.reason for one in progress.notices] == ["RolledBack"]
    assert progress.due == NEXT_SECONDS


def test_candidate_out_of_reach_is_told() -> None:
    pods = {name: replace(_sample(0), unreachable=4) for name in ("fraud-1", "fraud-2")}
    progress = _look(_around(READY, by=_owner(_state("Progressing")), canary_pods=UP), _Pods(pods))
    assert progress.rollout is not None
    assert "8 requests" in progress.rollout["message"]


def test_clock_of_a_step_waits_for_the_last_pod() -> None:
    by = _owner(_state("Progressing"))
    some, every = {"fraud-1": _sample(1)}, {"fraud-1": _sample(1), "fraud-2": _sample(1)}
    for samples, expected_pods in ((some, "1/2"), (every, "2/2")):
        progress = _look(_around(READY, by=by, canary_pods=UP), _Pods(samples))
        assert progress.rollout is not None
        assert progress.rollout["pods"] == expected_pods
        assert ("since" in progress.rollout) == (expected_pods == "2/2")
        assert progress.due == LOOK_SECONDS


def test_counts_of_a_pod_that_went_still_count() -> None:
    rollouts = Rollouts(_Pods({f"fraud-{number}": _sample(10) for number in (1, 2)}), SETTINGS)
    around = _around(READY, by=_owner(_state("Progressing")), canary_pods=UP)
    _look(around, rollouts=rollouts)
    progress = _look(replace(around, pods=around.pods[:1]), rollouts=rollouts)
    assert progress.rollout is not None
    assert {one["trials"] for one in progress.rollout["measures"] if one["name"] == "failed"} == {20}


@pytest.mark.parametrize("code", [139, 70, 3, 13])
def test_candidate_that_crashes_is_rolled_back(code: int) -> None:
    crashing = (pod(_crash(code), revision=NEW),)
    canary = deployment(revision=NEW, size=1, available=0, track=CANARY)
    progress = _look(_around(canary, by=_owner(_state("Starting")), canary_pods=crashing))
    assert progress.rollout is not None
    assert (progress.rollout["phase"], progress.rollout["cause"]) == ("RolledBack", "CandidateFailed")


def test_one_pod_that_fails_ends_nothing_while_another_answers() -> None:
    pods = (*UP, pod(CRASH, name="fraud-2", revision=NEW))
    canary = deployment(revision=NEW, size=2, available=1, track=CANARY)
    progress = _look(_around(canary, by=_owner(_state("Progressing")), canary_pods=pods))
    assert progress.rollout is not None
    assert progress.rollout["phase"] == "Progressing"


def test_candidate_stays_ready_while_its_size_changes() -> None:
    """The controller of its Deployment has not yet seen the new size; its pods answer on."""
    resized = deployment(revision=NEW, size=2, replicas=1, available=1, observed=False, track=CANARY)
    progress = _look(_around(resized, by=_owner(_state("Progressing")), canary_pods=UP))
    assert progress.rollout is not None
    assert "unready" not in progress.rollout


def test_held_rollout_is_looked_at_less_often() -> None:
    held = _state("Paused", pause="Order", paused="2026-01-02T11:30:00Z")
    assert _look(_around(READY, by=_owner(held), canary_pods=UP)).due == PAUSED_SECONDS


def test_suspended_model_holds_its_rollout() -> None:
    state = _state("Progressing")
    progress = _look(_around(READY, by=_owner(state, spec={"suspend": True}), canary_pods=UP))
    assert progress.rollout is not None
    held = {part: progress.rollout[part] for part in ("phase", "pause", "weight", "step")}
    assert held == {"phase": "Paused", "pause": "Suspend", "weight": state["weight"], "step": state["step"]}
    assert progress.due is None


def test_order_is_followed_and_told_with_who_asked() -> None:
    order = Order("abort", NEW, "alice", NOW).as_annotation()
    progress = _look(_around(READY, by=_owner(_state("Progressing"), order), canary_pods=UP))
    assert progress.rollout is not None
    assert (progress.rollout["cause"], progress.rollout["by"]) == ("Aborted", "alice")
    [notice] = progress.notices
    assert "alice" in notice.message


def test_counts_of_a_rollout_are_not_those_of_the_next_one() -> None:
    stable = {Series(SLOW, STABLE): Counts(10, 300), Series(FAILED, CANDIDATE): Counts(0, 1)}
    rollouts = Rollouts(_Pods(samples={"fraud-1": PodSample("a-1", 5.0, is_stopped=False, evidence=stable)}), SETTINGS)
    _look(_around(READY, by=_owner(_state("Progressing")), canary_pods=UP), rollouts=rollouts)
    next_one = _state("Starting", id="a-2", strategy="BlueGreen", steps=1)
    by = _owner(next_one, spec={"rollout": {"strategy": "BlueGreen"}})
    up = tuple(pod(name=f"fraud-canary-{number}", revision=NEW, ready=True) for number in (1, 2))
    progress = _look(_around(deployment(revision=NEW, size=2, track=CANARY), by=by, canary_pods=up), rollouts=rollouts)
    assert progress.rollout is not None
    assert "0 have come" in progress.rollout["message"]
