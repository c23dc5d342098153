"""The definition at a real API server: established, explained, and each rule with a manifest on either side of it."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from modelway.api.crd import custom_resource_definition
from modelway.api.v1alpha1 import ModelDeploymentSpec
from support.cases import CASES, Case, of_changes
from support.cluster.crd import Requests, changed_leaves
from support.cluster.sandbox import Kubectl
from support.operator.specs import Object, manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crd")]

KEY_OF_A_MAP = re.compile(r"[.]?\[([a-z-]+)\]")


def in_default(changes: Mapping[str, Any]) -> Object:
    document = of_changes(changes)
    return {**document, "metadata": {**document["metadata"], "namespace": "default"}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.question)
def test_accepted(requests: Requests, case: Case) -> None:
    assert not requests.refusal(in_default(case.accepted))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.question)
def test_refused_with_the_field_and_the_remedy(requests: Requests, case: Case) -> None:
    refusal = requests.refusal(in_default(case.refused))
    assert case.message in refusal
    assert case.field in KEY_OF_A_MAP.sub(r".\1", refusal) or case.field == "metadata.name"


def test_definition_is_established_and_structural(cluster_kubectl: Kubectl, crd: str) -> None:
    conditions = {item["type"]: item["status"] for item in cluster_kubectl.get("crd", crd)["status"]["conditions"]}
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_definition_is_kept_as_it_is_written(cluster_kubectl: Kubectl, crd: str) -> None:
    written = custom_resource_definition()["spec"]
    assert changed_leaves(written, cluster_kubectl.get("crd", crd)["spec"]) == []


@pytest.mark.parametrize("field", [field.alias for field in ModelDeploymentSpec.model_fields.values()])
def test_explain_describes(cluster_kubectl: Kubectl, field: str) -> None:
    explanation = cluster_kubectl("explain", f"mdep.spec.{field}")
    assert "<empty>" not in explanation


def test_stored_with_its_static_defaults_only(requests: Requests) -> None:
    stored = requests.create(in_default({}), dryRun="All")["spec"]
    limits = stored["runtime"].pop("limits")
    assert stored == {
        "model": {**manifest()["spec"]["model"], "format": "auto"},
        "runtime": {
            "method": "auto",
            "engine": "auto",
            "tolerance": "1e-5",
            "precision": "full",
            "batching": {"maxRows": 1024},
            "workers": 1,
            "accessLog": False,
        },
        "suspend": False,
    }
    assert limits["maxRequestBytes"] == 8 * 1024 * 1024


def test_columns_tell_ready_and_why(kubectl: Kubectl) -> None:
    kubectl.apply({**manifest(suspend=True), "metadata": {"name": "columns"}})
    condition = {"type": "Ready", "status": "False", "reason": "Suspended", "message": "m"}
    condition["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    status = {"status": {"conditions": [condition], "pods": "2/3", "stable": {"revision": "bcdfghjklm"}}}
    kubectl("patch", "mdep", "columns", "--subresource=status", "--type=merge", "-p", json.dumps(status))

    def as_stored() -> bool:
        header, row = kubectl("get", "mdep").splitlines()
        assert header.split() == ["NAME", "READY", "REASON", "MODEL", "PODS", "AGE", "MESSAGE"]
        wide = kubectl("get", "mdep", "-o", "wide").splitlines()[0].split()
        assert wide == [*header.split()[:-1], "REVISION", "DIGEST", "ENGINE", "ROLLOUT", "CANARY", "URL", "MESSAGE"]
        stored = kubectl.get("mdep", "columns")["status"]["pods"]
        return row.split()[1:5] == ["False", "Suspended", "s3://models/fraud/model.joblib", stored]

    # Where an operator is at work, it corrects what was written here: the columns are right when they follow.
    eventually(as_stored)


def test_scale_subresource_writes_replicas(kubectl: Kubectl) -> None:
    kubectl.apply({**manifest(suspend=True, scaling={"replicas": 1}), "metadata": {"name": "scaled"}})
    kubectl("scale", "mdep/scaled", "--replicas=4")
    assert kubectl.get("mdep", "scaled")["spec"]["scaling"] == {"replicas": 4}
