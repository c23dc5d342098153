"""A corrected spec is judged by what is seen of it alone, in whatever order the cluster, the caches and the user act."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.refused_pods import UNPROVED_SECONDS, RefusedPods
from modelway.cluster.rollouts import Rollouts
from modelway.cluster.scrape import Scraper
from modelway.desired.plan import Plan
from modelway.desired.revision import revision_of
from modelway.errors import ClusterError, ModelwayError, RetryLater, ServerAway
from modelway.metrics import Metrics
from modelway.observed import Condition, DeploymentView, Observed, PodView, Termination
from modelway.reconcile import Reconciler
from modelway.settings import Settings
from modelway.status.reasons import Reason, Topic
from support.operator.observed import KEY, container, deployment, observed, owner, pod, revision

SETTINGS = Settings(preflight_enabled=False)

BAD = {"model": {"uri": "s3://models/bad.joblib"}}
GOOD = {"model": {"uri": "s3://models/good.joblib"}}
OF_BAD, OF_GOOD = (revision_of(ModelDeployment.parse(owner(spec).document)).hash for spec in (BAD, GOOD))
REFUSALS = (
    "exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3",
    "failed quota: team: must specify limits.cpu",
    "maximum memory usage per Container is 64Mi, but limit is 1Gi",
    'violates PodSecurity "restricted:latest": hostNetwork',
    "no PriorityClass with name gold was found",
    'admission webhook "a.b" denied the request: no',
    "something new",
)
WAITS = ("ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff")
EXAMPLES = 12
"""For each reason; the orders that matter are short, and are met hundreds of times over all reasons."""
NORMAL = frozenset(reason for reason in Reason if reason.topic is Topic.NORMAL)


def _termination(reason: Reason) -> Termination:
    return Termination(20, "Error", json.dumps({"reason": str(reason), "message": "It broke.", "remedy": "Mend it."}))


BROKEN: tuple[PodView, ...] = (
    *(pod(container(termination=_termination(reason)), name="fraud-bad-1", revision=OF_BAD) for reason in Reason),
    *(pod(container(waiting=one, message="broken"), name="fraud-bad-1", revision=OF_BAD) for one in WAITS),
    pod(name="fraud-bad-1", revision=OF_BAD, unschedulable="0/1 nodes are available: 1 Insufficient cpu"),
    pod(name="fraud-bad-1", revision=OF_BAD, eviction="low on memory"),
    pod(name="fraud-bad-1", revision=OF_BAD, lost=True),
)
EVIDENCE: tuple[tuple[Condition, ...], ...] = (
    (),
    (
        Condition(
            "Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "fraud-bad" has timed out progressing.'
        ),
    ),
    *(
        (Condition("ReplicaFailure", "True", "FailedCreate", f'pods "fraud-bad-x" is forbidden: {one}'),)
        for one in REFUSALS
    ),
)


def _verdict(reason: Reason) -> dict[str, Any]:
    """A status in which every condition of generation 1 tells of one cause."""
    kinds = ("Ready", "Reconciling", "Stalled", "ModelAccepted", "Available")
    verdict = {"status": "False", "reason": str(reason), "message": "The old cause.", "observedGeneration": 1}
    return {"observedGeneration": 1, "conditions": [{"type": kind, **verdict} for kind in kinds]}


@dataclass
class World:
    """A model that failed, its cluster, and an operator; each method is something that may happen next."""

    status: dict[str, Any]
    pods: tuple[PodView, ...]
    conditions: tuple[Condition, ...]
    generation: int = 1
    seconds: float = 0.0
    deployed: DeploymentView = field(init=False)
    during: Callable[[], object] | None = None
    """What happens while the next pass writes."""
    failure: ModelwayError | None = None
    """Of the next pass's writes."""
    answer: ModelwayError | None = None
    """To a dry run."""

    def __post_init__(self) -> None:
        self.deployed = deployment(revision=OF_BAD, available=0, updated=0, conditions=self.conditions)
        parts: Any = self
        refused_pods = RefusedPods(parts, clock=lambda: self.seconds)
        self.reconciler = Reconciler(
            parts,
            parts,
            parts,
            refused_pods,
            parts,
            rollouts=Rollouts(Scraper(), SETTINGS),
            settings=SETTINGS,
            metrics=Metrics(),
        )

    # What the user and the cluster do ---------------------------------------------------------------------------------------------------

    def correct(self) -> None:
        self.generation = 2

    def correct_while_it_is_applied(self) -> None:
        self.during = self.correct

    def refuse_the_write(self) -> None:
        self.failure = ClusterError("etcd is away", status=500)
        self.failure.child = "Deployment fraud"

    def delay_the_write(self) -> None:
        self.failure = RetryLater("busy", seconds=1.0)

    def answer_no_dry_run(self) -> None:
        self.answer = ServerAway("no answer", seconds=1.0)

    def observe_the_deployment(self) -> None:
        mine = [one for one in self.pods if one.revision == self.deployed.revision]
        up = sum(one.ready for one in self.pods)
        self.deployed = replace(
            self.deployed,
            observed_generation=self.deployed.generation,
            replicas=len(self.pods),
            updated=len(mine),
            ready=up,
            available=up,
        )

    def make_a_pod(self) -> None:
        if self.deployed.revision == OF_GOOD:
            self.pods = (*self.pods, pod(container(), name="fraud-good-1", revision=OF_GOOD))

    def load_the_model(self) -> None:
        self.pods = tuple(replace(one, ready=True) if one.revision == OF_GOOD else one for one in self.pods)

    def end_the_old_pods(self) -> None:
        self.pods = tuple(one for one in self.pods if one.revision != OF_BAD)

    def forget_the_old_failures(self) -> None:
        self.deployed = replace(self.deployed, conditions=())

    def wait(self) -> None:
        self.seconds = min(self.seconds + 1.5, UNPROVED_SECONDS - 1.0)

    def look(self) -> None:
        """A pass of the operator."""
        with suppress(ModelwayError, StopIteration):
            self.reconciler.reconcile(KEY).send(None)  # nothing here waits, so one step is all of it

    # The parts around the operator ------------------------------------------------------------------------------------------------------

    def observe(self, _: object) -> Observed:
        by = owner(BAD if self.generation == 1 else GOOD, generation=self.generation, status=self.status)
        return observed(self.deployed, revision(OF_BAD, 1), revision(OF_GOOD, 2), pods=self.pods, by=by)

    async def carry_out(self, plan: Plan, *_: object, **__: object) -> None:
        happens, self.during = self.during, None
        if happens:
            happens()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if self.deployed.revision != plan.revision:
            self.deployed = replace(self.deployed, revision=plan.revision, generation=self.deployed.generation + 1)

    async def dry_run(self, *_: object) -> None:
        if self.answer is not None:
            raise self.answer

    async def apply(self, *_: object, **__: object) -> None:
        """The ReplicaSet is woken."""

    async def publish(self, _: object, status: dict[str, Any], **__: object) -> None:
        self.status = status

    async def fill(self, observed: Observed, _: object) -> Observed:
        return observed

    def forget(self, _: object) -> None:
        """Nothing is kept."""


HAPPENINGS = (
    World.correct_while_it_is_applied,
    World.refuse_the_write,
    World.delay_the_write,
    World.answer_no_dry_run,
    World.observe_the_deployment,
    World.make_a_pod,
    World.load_the_model,
    World.end_the_old_pods,
    World.forget_the_old_failures,
    World.wait,
    World.look,
)


@pytest.mark.slow
@pytest.mark.parametrize("reason", list(Reason))
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_new_spec_has_no_condition_with_the_old_cause(reason: Reason, data: st.DataObject) -> None:
    world = World(_verdict(reason), (data.draw(st.sampled_from(BROKEN)),), data.draw(st.sampled_from(EVIDENCE)))
    before, after = (data.draw(st.lists(st.sampled_from(HAPPENINGS), max_size=8)) for _ in range(2))
    for happens in (*before, World.correct, *after, World.look):
        happens(world)
        conditions = [one for one in world.status["conditions"] if one["observedGeneration"] == 2]
        wrong = [one for one in conditions if one["reason"] not in NORMAL or "old cause" in one["message"]]
        assert not wrong, wrong
