"""Whatever of the platform's settings changes, models that serve are rolled out by turns: never too many at once, none left behind."""

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.rollouts import Rollouts
from modelway.cluster.scrape import Scraper
from modelway.desired.image_pulls import pulling_of
from modelway.desired.plan import Plan, make_plan
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.metrics import Metrics
from modelway.model_gauges import Model
from modelway.observed import Condition, DeploymentView, Key, Observed, RevisionView
from modelway.reconcile import Reconciler
from modelway.settings import Settings
from support.operator.observed import KEY, container, deployment, observed, owner, pod, revision

DEPLOYMENT = ModelDeployment.parse(owner().document)
REVISION = revision_of(DEPLOYMENT)
HASH = REVISION.hash
STATUS = {"stable": {"revision": HASH}}
ROLLED_OUT = (Condition("Progressing", "True", "NewReplicaSetAvailable", ""),)


def _template(settings: Settings) -> dict[str, Any]:
    return pod_template(DEPLOYMENT, REVISION, settings)


@dataclass
class _Model:
    """What the cluster knows of one model; its pods are of `template`."""

    key: Key
    record: RevisionView
    template: dict[str, Any]
    deployed: DeploymentView
    ends: float = 0.0
    """When its rollout is over."""


class _Cluster:
    """Models that an operator of `before` deployed, and one of `now`: the parts that its passes ask. Each rollout takes a while."""

    def __init__(self, models: int, serving: set[int], before: Settings, now: Settings, seed: int) -> None:
        self.dice, self.time, self.most = random.Random(seed), 0.0, 0
        self.woken: list[Key] = []
        template = _template(before)
        self.all = {
            key: _Model(
                key,
                revision(HASH, 1, template=template),
                template,
                deployment(
                    revision=HASH, available=int(number in serving), pulling=pulling_of(template), conditions=ROLLED_OUT
                ),
            )
            for number in range(models)
            for key in (Key(KEY.namespace, str(number)),)
        }
        self.serving = {key for number, key in enumerate(self.all) if number in serving}
        parts: Any = self
        self.reconciler = Reconciler(
            parts,
            parts,
            parts,
            parts,
            parts,
            rollouts=Rollouts(Scraper(), now),
            settings=now,
            metrics=Metrics(),
            wake=self.woken.append,
        )
        self.now = now

    def pass_over(self, key: Key) -> None:
        with suppress(StopIteration):
            self.reconciler.reconcile(key).send(None)  # nothing here waits, so one step is all of it

    def play(self) -> None:
        """Look at all once, in any order, then only at whom something happens to or who is woken."""
        for key in self.dice.sample(list(self.all), len(self.all)):
            self.pass_over(key)
        while self.woken or any(map(self._rolls, self.all.values())):
            self.time += 1.0
            over = [one.key for one in self.all.values() if self._rolls(one) and one.ends <= self.time]
            for key in over:
                one = self.all[key]
                one.deployed = replace(one.deployed, observed_generation=one.deployed.generation)
            woken = self.woken[:]
            self.woken.clear()
            for key in [*over, *woken]:
                self.pass_over(key)

    def rolling(self) -> list[Key]:
        """Models that served, and whose pods are being replaced."""
        return [one.key for one in self.all.values() if self._rolls(one) and one.key in self.serving]

    @staticmethod
    def _rolls(one: _Model) -> bool:
        return one.deployed.observed_generation < one.deployed.generation

    # What the operator asks -------------------------------------------------------------------------------------------------------------

    def observe(self, key: Key) -> Observed:
        one = self.all[key]
        by = replace(owner(status=STATUS if key in self.serving else None), key=key)
        observation = observed(one.record, one.deployed, by=by)
        return replace(observation, children=_named_after(key, observation))

    def models(self) -> list[Model]:
        return [Model(self.observe(key).owner, one.deployed) for key, one in self.all.items()]

    async def carry_out(self, plan: Plan, observation: Observed, **_: object) -> None:
        one = self.all[observation.owner.key]
        [body] = [step.body for step in plan.steps if step.id.kind == "Deployment"]
        [recorded] = [step.body["data"] for step in plan.steps if step.id.kind == "ControllerRevision"]
        one.record = replace(one.record, data=recorded)
        if body["spec"]["template"] == one.template:
            return
        one.template, one.ends = body["spec"]["template"], self.time + self.dice.uniform(1, 9)
        generation = one.deployed.generation + 1
        one.deployed = replace(one.deployed, generation=generation, pulling=pulling_of(one.template))
        self.most = max(self.most, len(self.rolling()))

    async def fill(self, observation: Observed, _: object) -> Observed:
        return observation

    async def look(self, *_: object) -> None:
        """No pods are refused."""

    def correct(self, observation: Observed) -> Observed:
        return observation

    async def publish(self, *_: object, **__: object) -> None:
        """Nobody reads status."""

    def forget(self, _: object) -> None:
        """Nobody goes."""


def _named_after(key: Key, observation: Observed) -> dict[Any, Any]:
    named = (
        replace(one, id=one.id._replace(name=key.name + one.id.name.removeprefix(KEY.name)))
        for one in observation.children.values()
    )
    return {one.id: one for one in named}


PLATFORMS = st.builds(
    Settings,
    server_image=st.sampled_from(["modelway/server:1", "modelway/server:2"]),
    image_policy=st.sampled_from(["Pinned", "Follow"]),
    image_pull_secrets=st.lists(st.sampled_from("abc"), unique=True).map(tuple),
    image_pull_policy=st.sampled_from(["Always", "IfNotPresent"]),
    follow_at_once=st.integers(1, 4),
    preflight_enabled=st.sampled_from([False]),
)


@pytest.mark.slow
@given(
    models=st.integers(1, 12),
    serving=st.sets(st.integers(0, 11)),
    before=PLATFORMS,
    now=PLATFORMS,
    seed=st.integers(0, 2**32),
)
def test_platform_changes_roll_serving_models_in_turns(
    models: int, serving: set[int], before: Settings, now: Settings, seed: int
) -> None:
    cluster = _Cluster(models, serving, before, now, seed)
    cluster.play()
    assert cluster.most <= now.follow_at_once
    assert cluster.reconciler.waiting_rollouts == 0
    for key, one in cluster.all.items():
        follows = key not in cluster.serving or now.image_policy == "Follow"
        image = (now if follows else before).server_image
        containers = [*one.template["spec"]["initContainers"], *one.template["spec"]["containers"]]
        assert {one["image"] for one in containers} == {image}
        assert {one["imagePullPolicy"] for one in containers} == {now.image_pull_policy}
        secrets = one.template["spec"].get("imagePullSecrets", ())
        assert {secret["name"] for secret in secrets} == set(now.image_pull_secrets)


@pytest.mark.parametrize("change", [{"image_pull_secrets": ("b", "a")}, {"image_policy": "Follow"}])
def test_equal_spellings_make_no_new_pods(change: dict[str, Any]) -> None:
    before = Settings(image_pull_secrets=("a", "b"))
    cluster = _Cluster(1, {0}, before, before.model_copy(update=change), seed=0)
    cluster.play()
    assert cluster.most == 0


def test_revision_that_never_served_needs_no_turn() -> None:
    """Its pods cannot be pulled, while those of the one before serve."""
    template = _template(Settings(image_pull_secrets=("wrong",)))
    failing = pod(container(waiting="ImagePullBackOff"), revision=HASH)
    observation = observed(
        deployment(revision=HASH, size=1, replicas=2, updated=1, available=1, pulling=pulling_of(template)),
        revision(HASH, 2, template=template),
        pods=(failing,),
    )
    plan = make_plan(DEPLOYMENT, observation, Settings(image_pull_secrets=("right",)))
    assert (plan.follows, plan.waits) == (False, False)
