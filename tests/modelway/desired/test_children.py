"""The children: which there are, what they are called, who owns them, and what differs with the spec."""

import copy
from typing import Any

import pytest
from hypothesis import given

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import build_children
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.settings import Settings
from support.operator.legal_specs import manifests
from support.operator.specs import Object, every_field, manifest


def build(document: Object, settings: Settings | None = None, replicas: int | None = 1) -> dict[str, Object]:
    settings = settings or Settings()
    deployment = ModelDeployment.parse(document)
    revision = revision_of(deployment)
    template = pod_template(deployment, revision, settings)
    before = copy.deepcopy(template)
    listed = build_children(deployment, revision, template, replicas=replicas, settings=settings, number=4)
    assert template == before
    return {child["kind"]: child for child in listed}


def behavior(**spec: Any) -> Any:
    return build(manifest(scaling={"max": 5, **spec}))["HorizontalPodAutoscaler"]["spec"]


def test_children_come_in_the_order_in_which_they_depend() -> None:
    assert [*build(manifest(scaling={"max": 5}))] == [
        "ControllerRevision",
        "Service",
        "Deployment",
        "PodDisruptionBudget",
        "HorizontalPodAutoscaler",
    ]


@pytest.mark.parametrize("scaling", [None, {}, {"replicas": 3}])
def test_no_autoscaler_for_a_fixed_number(scaling: Object | None) -> None:
    assert "HorizontalPodAutoscaler" not in build(manifest(scaling=scaling))


def test_replicas_are_left_out_where_an_autoscaler_owns_them() -> None:
    assert "replicas" not in build(manifest(), replicas=None)["Deployment"]["spec"]
    assert build(manifest(), replicas=5)["Deployment"]["spec"]["replicas"] == 5


def test_default_rollout_removes_no_pod_first() -> None:
    strategy = build(manifest())["Deployment"]["spec"]["strategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


@pytest.mark.parametrize(
    ("rollout", "pace"),
    [
        ({"maxSurge": "25%"}, {"maxUnavailable": 0, "maxSurge": "25%"}),
        ({"maxSurge": 0, "maxUnavailable": "50%"}, {"maxUnavailable": "50%", "maxSurge": 0}),
        ({"maxUnavailable": "2"}, {"maxUnavailable": 2, "maxSurge": 1}),
    ],
)
def test_a_rollout_keeps_the_pace_of_the_spec(rollout: Object, pace: Object) -> None:
    assert build(manifest(rollout=rollout))["Deployment"]["spec"]["strategy"]["rollingUpdate"] == pace


def test_a_rollout_is_given_the_time_its_own_limits_allow() -> None:
    slow = manifest(runtime={"limits": {"fetchTimeoutSeconds": 3600, "startupTimeoutSeconds": 3600}})
    assert build(slow)["Deployment"]["spec"]["progressDeadlineSeconds"] > 7200
    assert (
        build(manifest(), Settings(progress_deadline_seconds=5000))["Deployment"]["spec"]["progressDeadlineSeconds"]
        == 5000
    )


def test_the_record_holds_inputs_and_template() -> None:
    records = build(manifest())
    record, deployment = records["ControllerRevision"], records["Deployment"]
    assert record["metadata"]["name"] == "fraud-" + record["metadata"]["labels"]["modelway.dev/revision"]
    assert record["data"]["inputs"] == {"model": {"uri": "s3://models/fraud/model.joblib"}}
    assert record["data"]["template"] == deployment["spec"]["template"]
    assert record["revision"] == 4


def test_cpu_70_percent_is_the_aim_when_none_is_given() -> None:
    (metric,) = behavior()["metrics"]
    assert metric["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}


def test_memory_alone_is_not_joined_by_cpu() -> None:
    assert [metric["resource"]["name"] for metric in behavior(memory=80)["metrics"]] == ["memory"]


def test_behavior_is_passed_on_as_given() -> None:
    given_behavior = every_field()["scaling"]["behavior"]
    assert behavior(behavior=given_behavior)["behavior"] == given_behavior
    assert "behavior" not in behavior(behavior={"scaleUp": {}})


def test_service_uses_the_platforms_port_and_selects_pods() -> None:
    port, grpc, metrics = build(manifest(), Settings(service_port=8000))["Service"]["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (8000, "http")
    assert (grpc["port"], grpc["targetPort"], grpc["appProtocol"]) == (8081, "grpc", "kubernetes.io/h2c")
    assert (metrics["name"], metrics["port"], metrics["targetPort"]) == ("metrics", 8082, "metrics")


def test_disruption_budget_lets_broken_pods_be_evicted() -> None:
    budget = build(manifest())["PodDisruptionBudget"]["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")


@pytest.mark.slow
@given(manifests())
def test_every_child_is_ours_findable_and_within_bounds(document: Object) -> None:
    listed = build(document)
    pods = listed["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selector = {"modelway.dev/name": document["metadata"]["name"], "modelway.dev/track": "stable"}
    assert listed["Deployment"]["spec"]["selector"] == {"matchLabels": selector}
    assert listed["Service"]["spec"]["selector"] == selector
    assert selector.items() <= pods.items()
    for child in listed.values():
        (owner,) = child["metadata"]["ownerReferences"]
        assert owner["uid"] == document["metadata"]["uid"]
        assert owner["controller"] is owner["blockOwnerDeletion"] is True
        assert len(child["metadata"]["name"]) <= 63
        assert child["metadata"]["namespace"] == "default"
        assert child["metadata"]["labels"]["modelway.dev/name"] == document["metadata"]["name"]
    assert listed == build(document)
