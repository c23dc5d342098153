"""What makes a revision. The golden hashes must never change: a changed hash restarts every model at an upgrade."""

from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.revision import Revision, as_it_was, revision_of
from support.operator.specs import every_field, manifest


def revision(**spec: Any) -> Revision:
    return revision_of(ModelDeployment.parse(manifest(**spec)))


def fields_of_one_model() -> dict[str, Any]:
    """Every field that the API had before several models could compete."""
    spec = every_field()
    del spec["model"]["candidates"], spec["runtime"]["precision"], spec["preflight"]["evaluation"]["maxQualityLoss"]
    return spec


def first_fields() -> dict[str, Any]:
    """Every field that the API had at first."""
    spec = fields_of_one_model()
    del spec["model"]["trustedTypes"], spec["model"]["digest"]
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
        (fields_of_one_model(), "zdjc777wzs"),
        (every_field(), "n22br9l5cw"),
    ],
    ids=["smallest", "version", "runtime", "every field at first", "every field of one model", "every field"],
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
        {"model": {"trustedTypes": [], "candidates": []}},
        {"runtime": {"precision": "full"}},
        {"scheduling": {"labels": {}, "tolerations": []}},
        {"scaling": {"replicas": 5}},
        {"rollout": {"maxSurge": 2}},
        {"rollout": every_field()["rollout"]},
        {"exposure": every_field()["exposure"]},
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


CANDIDATE: dict[str, Any] = {"name": "small", "uri": "s3://models/fraud/small.onnx"}
EVALUATION: dict[str, Any] = {
    "dataset": {"uri": "s3://models/rows.csv"},
    "target": "y",
    "metrics": [{"name": "accuracy", "min": 0.9}],
}


def _contest(*candidates: dict[str, Any], **runtime: Any) -> dict[str, Any]:
    return {"model": {"candidates": [*candidates]}, "runtime": runtime, "preflight": {"evaluation": EVALUATION}}


def test_left_out_fields_of_a_candidate_keep_the_revision() -> None:
    whole = {**CANDIDATE, "format": "auto", "trustedTypes": []}
    assert revision(**_contest(whole)) == revision(**_contest(CANDIDATE))


def test_another_loss_of_quality_keeps_the_revision() -> None:
    bounded = {**_contest(CANDIDATE), "preflight": {"evaluation": {**EVALUATION, "maxQualityLoss": 0.1}}}
    assert revision(**bounded) == revision(**_contest(CANDIDATE))


def test_contest_of_before_is_read_without_its_evaluation() -> None:
    then = ModelDeployment.parse(manifest(**_contest(CANDIDATE, precision="int8")))
    now = ModelDeployment.parse(manifest())
    before = as_it_was(now, revision_of(then).inputs)
    assert before is not None
    assert revision_of(before) == revision_of(then)


@pytest.mark.parametrize(
    "changed",
    [
        _contest(CANDIDATE),
        _contest({**CANDIDATE, "version": "v2"}),
        _contest(CANDIDATE, {**CANDIDATE, "name": "other"}),
        _contest(precision="int8"),
        {"model": {"uri": "s3://models/fraud/other.joblib"}},
        {"model": {"version": "v2"}},
        {"model": {"digest": f"sha256:{'0' * 64}"}},
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


# The annotation ---------------------------------------------------------------------------------------------------------------------------


def annotated(**annotations: str) -> ModelDeployment:
    names = {name.replace("_", "/", 1): value for name, value in annotations.items()}
    return ModelDeployment.parse({**manifest(), "metadata": {"name": "fraud", "annotations": names}})


def refreshed(time: str) -> ModelDeployment:
    return annotated(**{"modelway.dev_refresh": time})


def test_each_refresh_makes_a_revision() -> None:
    times = ("", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert len({revision_of(refreshed(time)).hash for time in times}) == 3


def test_other_annotations_keep_the_revision() -> None:
    assert revision_of(annotated(note="x")) == revision_of(refreshed("")) == revision()


@pytest.mark.parametrize(("now", "before"), [("a", ""), ("", "a"), ("b", "a")])
def test_revision_comes_back_from_its_inputs(now: str, before: str) -> None:
    wanted = revision_of(refreshed(before))
    back = as_it_was(refreshed(now), wanted.inputs)
    assert back is not None
    assert revision_of(back) == wanted


def test_inputs_of_a_later_release_come_back_as_nothing() -> None:
    assert as_it_was(refreshed(""), {"model": {"uri": "s3://m/x", "later": 1}}) is None


def test_revision_inputs_are_the_users_settings() -> None:
    other = revision(model={"format": "auto"}, runtime={"workers": 2, "limits": {"requestTimeoutSeconds": 5}})
    assert other.inputs == {
        "model": {"uri": "s3://models/fraud/model.joblib"},
        "runtime": {"workers": 2, "limits": {"requestTimeoutSeconds": 5}},
    }
