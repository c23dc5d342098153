"""The plan: the pinned template, who holds the size of the Deployment, what is taken away."""

from dataclasses import replace
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.plan import Plan, make_plan
from modelway.desired.revision import revision_of
from modelway.observed import Child, Observed
from modelway.settings import Settings
from support.operator.observed import autoscaler, child, container, deployment, observed, owner, pod, revision

SETTINGS = Settings(server_image="modelway/server:1", revision_history_limit=2)
RANGE = {"min": 2, "max": 8}


def _plan(
    *children: Child,
    scaling: dict[str, Any] | None = None,
    runtime: dict[str, Any] | None = None,
    settings: Settings = SETTINGS,
    **around: Any,
) -> Plan:
    blocks = {"scaling": scaling, "runtime": runtime}
    spec = {"model": {"uri": "s3://models/fraud.joblib"}, **{name: block for name, block in blocks.items() if block}}
    observation: Observed = observed(*children, by=owner(spec, status=around.pop("status", None)), **around)
    return make_plan(ModelDeployment.parse(observation.owner.document), observation, settings)


def _sizes(plan: Plan) -> list[tuple[bool, int | None]]:
    """Each apply of the Deployment: whether it is the hand-over, and the size it sends."""
    return [(step.handover, step.body["spec"].get("replicas")) for step in plan.steps if step.id.kind == "Deployment"]


def test_a_fixed_size_is_sent_with_the_deployment() -> None:
    assert _sizes(_plan(scaling={"replicas": 3})) == [(False, 3)]
    assert _sizes(_plan()) == [(False, 1)]


@pytest.mark.parametrize(
    ("scaling", "last_size", "reported", "sizes"),
    [
        ({"max": 8}, 0, 0, [(False, None)]),
        (RANGE, 0, 0, [(False, None), (True, 2)]),
        (RANGE, 5, 0, [(False, 5), (True, 5), (False, None)]),
        (RANGE, 0, 5, [(False, 5), (True, 5), (False, None)]),
        (RANGE, 90, 0, [(False, 8), (True, 8), (False, None)]),
    ],
    ids=[
        "one pod",
        "first time at the minimum",
        "back at its last size",
        "back at the reported size",
        "within the maximum",
    ],
)
def test_autoscaled_deployment_is_created_sized_and_handed_over(
    scaling: dict[str, int], last_size: int, reported: int, sizes: list[tuple[bool, int | None]]
) -> None:
    assert _sizes(_plan(scaling=scaling, last_size=last_size, status={"replicas": reported})) == sizes


def test_lost_size_is_taken_from_the_autoscaler() -> None:
    """Status counts 0 pods once a pass could not make the Deployment anew."""
    sizes = _sizes(_plan(autoscaler(reached=5), scaling=RANGE, status={"replicas": 0}))
    assert sizes == [(False, 5), (True, 5), (False, None)]


def test_turning_autoscaling_on_hands_the_size_over_first() -> None:
    assert _sizes(_plan(deployment(size=4, owns_size=True), scaling=RANGE)) == [(True, 4), (False, None)]


def test_interrupted_creation_is_finished_before_the_autoscaler() -> None:
    assert _sizes(_plan(deployment(size=1), scaling=RANGE)) == [(True, 2), (False, None)]
    assert _sizes(_plan(deployment(size=1), autoscaler(), scaling=RANGE)) == [(False, None)]


def test_an_autoscaled_size_is_never_sent_again() -> None:
    assert _sizes(_plan(deployment(size=4, owns_size=False), autoscaler(), scaling=RANGE)) == [(False, None)]


def test_turning_autoscaling_off_prunes_hpa_and_takes_size_back() -> None:
    plan = _plan(deployment(size=4), autoscaler(), scaling={"replicas": 3})
    assert [one.id.kind for one in plan.prune] == ["HorizontalPodAutoscaler"]
    assert _sizes(plan) == [(False, 3)]


@pytest.mark.parametrize("kind", ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"])
def test_owned_child_that_no_step_wants_is_pruned(kind: str) -> None:
    assert [one.id for one in _plan(child(kind, "fraud-old")).prune] == [(kind, "fraud-old")]


@pytest.mark.parametrize("owner_uid", [None, "uid-of-another"])
def test_child_of_another_owner_is_not_pruned(owner_uid: str | None) -> None:
    assert _plan(child("Service", "fraud-old", owner_uid=owner_uid)).prune == ()


def test_wanted_and_deleting_children_are_not_pruned() -> None:
    going = replace(child("Service", "fraud-old"), deleting=True)
    assert _plan(deployment(), child("Service"), child("PodDisruptionBudget"), going).prune == ()


def test_pinned_template_is_applied_in_a_later_release() -> None:
    wanted = revision_of(ModelDeployment.parse(owner().document)).hash
    pinned = revision(wanted, 7, template={"metadata": {"labels": {}}, "spec": {"pinned": True}}, served=True)
    steps = {step.id.kind: step.body for step in _plan(pinned).steps}
    assert steps["Deployment"]["spec"]["template"]["spec"] == {"pinned": True}
    assert steps["ControllerRevision"]["data"] == pinned.data
    assert steps["ControllerRevision"]["revision"] == 7


def test_follow_policy_renders_the_template_anew() -> None:
    wanted = revision_of(ModelDeployment.parse(owner().document)).hash
    follow = Settings(server_image="modelway/server:2", image_policy="Follow")
    steps = {
        step.id.kind: step.body for step in _plan(revision(wanted, 1, template={"spec": {}}), settings=follow).steps
    }
    assert steps["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"] == "modelway/server:2"


def test_an_image_of_the_users_is_not_followed_by_the_platforms() -> None:
    runtime = {"image": "risk/server:7"}
    [before] = [step for step in _plan(runtime=runtime).steps if step.id.kind == "ControllerRevision"]
    record = revision(before.id.name.rpartition("-")[2], 1, template=before.body["data"]["template"], served=True)
    plan = _plan(record, settings=Settings(server_image="modelway/server:2", image_policy="Follow"), runtime=runtime)
    assert plan.prune == ()
    [deployment] = [step.body for step in plan.steps if step.id.kind == "Deployment"]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "risk/server:7"


def test_naming_the_account_that_pods_have_anyway_replaces_none() -> None:
    """A template of an earlier release leaves the default account unsaid."""
    follow = Settings(image_policy="Follow")
    [before] = [step for step in _plan(settings=follow).steps if step.id.kind == "ControllerRevision"]
    template = before.body["data"]["template"]
    unsaid = {**template, "spec": {name: one for name, one in template["spec"].items() if name != "serviceAccountName"}}
    record = revision(before.id.name.rpartition("-")[2], 1, template=unsaid)
    assert not _plan(record, deployment(), settings=follow).follows


def test_a_new_revision_counts_on_from_the_last_one() -> None:
    plan = _plan(revision("aaaaaaaaaa", 3), revision("bbbbbbbbbb", 4))
    assert next(step.body["revision"] for step in plan.steps if step.id.kind == "ControllerRevision") == 5


def test_oldest_unused_records_beyond_the_limit_are_pruned() -> None:
    records = [revision(letter * 10, number) for number, letter in enumerate("abcdef")]
    running = pod(container(), revision="a" * 10)
    plan = _plan(*records, deployment(revision="b" * 10), pods=(running,))
    assert [one.id.name for one in plan.prune] == ["fraud-dddddddddd", "fraud-cccccccccc"]


def test_steps_apply_referenced_children_first() -> None:
    kinds = [step.id.kind for step in _plan(scaling=RANGE).steps]
    assert kinds.index("ControllerRevision") < kinds.index("Deployment") < kinds.index("HorizontalPodAutoscaler")
