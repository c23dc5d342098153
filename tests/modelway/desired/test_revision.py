"""What makes a revision. The golden hashes must never change: a changed hash restarts every model at an upgrade."""

from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.revision import Revision, revision_of
from support.operator.specs import every_field, manifest


def revision(**spec: Any) -> Revision:
    return revision_of(ModelDeployment.parse(manifest(**spec)))


def first_fields() -> dict[str, Any]:
    """Every field that the API had at first."""
    spec = every_field()
    del spec["model"]["trustedTypes"]
    for name in ("image", "engine", "tolerance", "batching", "accessLog", "metricAliases"):
        del spec["runtime"][name]
    for name in ("maxQueue", "maxConnections"):
        del spec["runtime"]["limits"][name]
    del (
        spec["runtime"]["resources"]["requests"]["ephemeral-storage"],
        spec["runtime"]["resources"]["limits"]["nvidia.com/gpu"],
    )
    return spec


@pytest.mark.parametrize(
    ("spec", "golden"),
    [
        ({}, "pbw9h2f4q5"),
        ({"model": {"version": "v2"}}, "fgr6kh7rhj"),
        ({"runtime": {"method": "transform", "env": [{"name": "A", "value": ""}]}}, "h8z4lrsmjh"),
        (first_fields(), "sx46plj4hs"),
        (every_field(), "6hwmsbd8lx"),
    ],
    ids=["smallest", "version", "runtime", "every field at first", "every field"],
)
def test_golden_hash(spec: dict[str, Any], golden: str) -> None:
    assert revision(**spec).hash == golden


@pytest.mark.parametrize(
    "same",
    [
        {"model": {"format": "auto", "storage": {}}},
        {"runtime": {}},
        {"runtime": {"method": "auto", "workers": 1, "limits": {"fetchTimeoutSeconds": 600}, "env": []}},
        {"runtime": {"resources": {"requests": {}}}},
        {"runtime": {"engine": "auto", "tolerance": "0.00001", "batching": {"maxRows": 1024}, "metricAliases": []}},
        {"model": {"trustedTypes": []}},
        {"scheduling": {"labels": {}, "tolerations": []}},
        {"scaling": {"replicas": 5}},
        {"rollout": {"maxSurge": 2}},
        {"suspend": True},
    ],
)
def test_change_of_neither_prediction_nor_pod_keeps_revision(same: dict[str, Any]) -> None:
    assert revision(**same) == revision()


@pytest.mark.parametrize(
    ("one", "other"),
    [({"cpu": "1000m"}, {"cpu": 1}), ({"memory": "1Gi"}, {"memory": 1 << 30}), ({"cpu": "0.5"}, {"cpu": "500m"})],
)
def test_spellings_of_one_amount_make_one_revision(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert revision(runtime={"resources": {"requests": one}}) == revision(runtime={"resources": {"requests": other}})


@pytest.mark.parametrize(
    "changed",
    [
        {"model": {"uri": "s3://models/fraud/other.joblib"}},
        {"model": {"version": "v2"}},
        {"runtime": {"workers": 2}},
        {"runtime": {"resources": {"limits": {"nvidia.com/gpu": 1}}}},
        {"runtime": {"image": "risk/server:7"}},
        {"runtime": {"tolerance": "1e-4"}},
        {"model": {"trustedTypes": ["churn.Recency"]}},
        {"runtime": {"env": [{"name": "A", "value": ""}]}},
        {"scheduling": {"labels": {"team": ""}}},
    ],
)
def test_change_of_prediction_or_pod_makes_a_revision(changed: dict[str, Any]) -> None:
    assert revision(**changed).hash != revision().hash


def test_revision_inputs_are_the_users_settings() -> None:
    other = revision(model={"format": "auto"}, runtime={"workers": 2, "limits": {"requestTimeoutSeconds": 5}})
    assert other.inputs == {
        "model": {"uri": "s3://models/fraud/model.joblib"},
        "runtime": {"workers": 2, "limits": {"requestTimeoutSeconds": 5}},
    }
