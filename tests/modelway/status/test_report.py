"""The report: status says what is so, in the words that kubectl, Helm and Argo CD read."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.status import ModelDeploymentStatus
from modelway.desired.plan import Plan
from modelway.observed import Condition, Observed, Termination
from modelway.status.reasons import Reason
from modelway.status.report import SUSPENDED, Finding, merge_patch, status_of
from modelway.status.verdict import Readiness
from support.operator.observed import NEW, OLD, autoscaler, container, deployment, observed, owner, pod, revision

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DIGEST = "sha256:" + "0" * 64
CAUTION = "saved with scikit-learn 1.3.2, served with 1.9.1: answers may differ"
REPORT = {"reason": "Prepared", "engine": "onnx", "format": "sklearn", "caution": CAUTION}
PREPARED = container("prepare", termination=Termination(0, "Completed", json.dumps(REPORT)))
FETCHED = container(
    "fetch", termination=Termination(0, "Completed", json.dumps({"reason": "Fetched", "digest": DIGEST}))
)


def _plan(*, autoscaled: bool = False, available: int = 1) -> Plan:
    return Plan(revision=NEW, available=available, autoscaled=autoscaled, prune=(), steps=())


def _status(observation: Observed, finding: Finding | None = None) -> dict[str, Any]:
    status = status_of(observation, finding or Finding(_plan()), service_port=80, now=NOW)
    ModelDeploymentStatus.model_validate_json(json.dumps(status))
    return status


def _conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}


def test_a_model_that_serves() -> None:
    served = observed(deployment(size=2), revision(NEW, 1), pods=(pod(FETCHED, PREPARED, ready=True),))
    status = _status(served)
    assert _conditions(status) == {
        "Ready": ("True", "Serving"),
        "Reconciling": ("False", "Serving"),
        "Stalled": ("False", "Serving"),
        "ModelAccepted": ("True", "Loaded"),
        "Available": ("True", "Serving"),
    }
    assert status["url"] == "http://fraud.risk.svc:80"
    assert (status["replicas"], status["readyReplicas"]) == (2, 2)
    assert status["selector"] == "modelway.dev/name=fraud,modelway.dev/track=stable"
    assert status["stable"] == {
        "revision": NEW,
        "digest": DIGEST,
        "engine": "onnx",
        "caution": CAUTION,
        "uri": f"s3://models/{NEW}",
        "format": "sklearn",
    }
    assert "candidate" not in status


def test_a_broken_candidate_beside_a_revision_that_serves() -> None:
    broken = pod(container("fetch", termination=Termination(10, "Error", "")))
    serving = pod(FETCHED, name="old", revision=OLD, ready=True)
    rollout = deployment(replicas=2, updated=1, available=1)
    status = _status(observed(rollout, revision(OLD, 1), revision(NEW, 2), pods=(broken, serving)))
    assert _conditions(status) == {
        "Ready": ("False", "ModelNotFound"),
        "Reconciling": ("False", "ModelNotFound"),
        "Stalled": ("True", "ModelNotFound"),
        "ModelAccepted": ("False", "ModelNotFound"),
        "Available": ("True", "Serving"),
    }
    assert (status["stable"]["revision"], status["stable"]["digest"]) == (OLD, DIGEST)
    assert (status["candidate"]["revision"], status["candidate"]["reason"]) == (NEW, "ModelNotFound")


def test_stable_revision_stays_while_another_is_half_replaced() -> None:
    before = owner(status={"stable": {"revision": OLD}})
    pods = (pod(name="a", revision=OLD, ready=True), pod(name="b", revision="half", ready=True))
    records = (revision(OLD, 1), revision("half", 2), revision(NEW, 3))
    around = observed(deployment(size=2, updated=0), *records, pods=pods, by=before)
    assert _status(around)["stable"]["revision"] == OLD
    assert _status(replace(around, pods=pods[1:]))["stable"]["revision"] == "half"


def test_starting_model_is_reconciling_and_not_yet_accepted() -> None:
    conditions = _conditions(_status(observed(deployment(replicas=1, available=0))))
    assert conditions["Reconciling"] == ("True", "Progressing")
    assert conditions["ModelAccepted"] == ("Unknown", "Pending")
    assert conditions["Available"] == ("False", "NoPodServes")


def test_missing_service_is_not_ready() -> None:
    conditions = _conditions(_status(observed(deployment(), reachable=False)))
    assert conditions["Available"] == ("False", "NoService")
    assert conditions["Ready"] == ("False", "NoService")


def test_pods_are_counted_against_those_wanted() -> None:
    scaled = observed(deployment(size=10, available=2), autoscaler())
    assert _status(scaled, Finding(_plan(autoscaled=True, available=2)))["pods"] == "2/10"


def test_pods_that_are_not_made_yet_are_wanted() -> None:
    finding = Finding(_plan(available=3))
    assert _status(observed(), finding)["pods"] == "0/3"
    assert _status(observed(deployment(size=2)), finding)["pods"] == "2/3"
    assert _status(observed(deployment(size=2)), Finding(finding.plan, SUSPENDED))["pods"] == "2/2"
    assert _status(observed(), Finding())["pods"] == "0/0"


def test_stable_revision_is_no_candidate_while_it_scales() -> None:
    before = owner(status={"stable": {"revision": NEW}})
    growing = observed(deployment(size=3, replicas=1, observed=False), by=before)
    assert "candidate" not in _status(growing, Finding(_plan(available=3)))


def test_refused_spec_leaves_serving_pods_available() -> None:
    refused = Finding(hindrance=Readiness(Reason.INVALID_SPEC, "spec.model.uri: write one"))
    conditions = _conditions(_status(observed(deployment(revision=OLD)), refused))
    assert conditions["Ready"] == ("False", "InvalidSpec")
    assert conditions["Stalled"][0] == "True"
    assert conditions["Available"][0] == "True"


def test_suspended_model_is_neither_reconciling_nor_stalled() -> None:
    status = _status(observed(deployment(), by=owner(generation=4)), Finding(_plan(), SUSPENDED))
    conditions = _conditions(status)
    assert (conditions["Ready"], conditions["Reconciling"][0], conditions["Stalled"][0]) == (
        ("False", "Suspended"),
        "False",
        "False",
    )
    assert {status["observedGeneration"], *(one["observedGeneration"] for one in status["conditions"])} == {4}


def test_autoscaling_condition_exists_only_with_an_autoscaler() -> None:
    scales = autoscaler(Condition("ScalingActive", "True", "ValidMetricFound", "", "2026-01-01T00:00:00Z"))
    status = _status(observed(deployment(), scales), Finding(_plan(autoscaled=True)))
    assert _conditions(status)["AutoscalingActive"] == ("True", "ValidMetricFound")
    assert "AutoscalingActive" not in _conditions(_status(observed(deployment(), scales), Finding(_plan())))


def test_digest_stays_known_after_its_pod_is_gone() -> None:
    before = owner(status={"stable": {"revision": NEW, "digest": DIGEST}})
    assert _status(observed(deployment(), by=before))["stable"]["digest"] == DIGEST


def test_format_is_reported_once_found_and_stays_known() -> None:
    unknown = _status(observed(deployment(), revision(NEW, 1), pods=(pod(FETCHED, ready=True),)))
    assert "format" not in unknown["stable"]
    before = owner(status={"stable": {"revision": NEW, "format": "skops"}})
    assert _status(observed(deployment(), revision(NEW, 1), by=before))["stable"]["format"] == "skops"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: value is not None)
objects = st.dictionaries(st.text(max_size=2), json_values, max_size=4)


def _without_null(value: Any) -> Any:
    return {k: _without_null(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value


def _patch(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _patch(result.get(name), value)
    return result


@pytest.mark.slow
@given(objects, objects)
def test_the_patch_makes_the_old_status_the_new_one(old: dict[str, Any], new: dict[str, Any]) -> None:
    old, new = _without_null(old), _without_null(new)
    patch = merge_patch(old, new)
    assert _patch(old, patch) == new
    assert bool(patch) == (old != new)


@given(st.text(min_size=1), st.sampled_from([1, 24]))
def test_container_output_is_printable_in_status(words: str, code: int) -> None:
    message = words if code == 1 else json.dumps({"reason": "LoadFailed", "message": words, "remedy": words})
    failed = pod(container("serve", termination=Termination(code, "Error", message), restarts=2))
    status = _status(observed(deployment(available=0), revision(NEW, 1), pods=(failed,)))
    assert status["candidate"]["message"] == next(iter(status["conditions"]))["message"]
    assert all(one["message"].isprintable() for one in status["conditions"])
