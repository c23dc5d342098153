"""What the builders make, at a real API server: accepted, kept leaf by leaf as sent, and a second apply that writes nothing."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import build_children
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.errors import InvalidSpec
from modelway.settings import Settings
from sandbox.api import ApiError
from support.cases import CASES
from support.cluster.crd import Requests, changed_leaves
from support.operator.legal_specs import manifests
from support.operator.specs import Object, every_field, manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crd", "http_routes")]

PLATFORM = Settings(image_pull_secrets=("registry",), service_port=8000, image_pull_policy="Always")
FEW = settings(max_examples=40)


def children_of(document: Object, platform: Settings, replicas: int | None = 1) -> list[Object]:
    deployment = ModelDeployment.parse(document)
    revision = revision_of(deployment)
    template = pod_template(deployment, revision, platform)
    return build_children(deployment, revision, template, replicas=replicas, settings=platform)


def in_namespace(namespace: str, document: Object) -> Object:
    metadata = {"name": "fraud", "namespace": namespace, "uid": "0a1b2c3d-0000-4000-8000-000000000000"}
    return {**document, "metadata": metadata}


VARIANTS: Mapping[str, tuple[Object, Settings]] = {
    "smallest": (manifest(), Settings()),
    "every field": ({**manifest(), "spec": every_field()}, PLATFORM),
    "quantities": (
        manifest(runtime={"resources": {"requests": {"cpu": "1000m", "memory": "0.1Gi"}, "limits": {"memory": 2**30}}}),
        Settings(default_cpu_request="0.10", default_memory_limit="1000000Ki"),
    ),
    "odd bytes": (manifest(runtime={"limits": {"maxArtifactBytes": 1025}}), Settings()),
    "memory alone": (manifest(scaling={"max": 3, "memory": 50}), Settings()),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stored_as_sent(requests: Requests, namespace: str, variant: str) -> None:
    document, platform = VARIANTS[variant]
    for child in children_of(in_namespace(namespace, document), platform):
        assert changed_leaves(child, requests.apply(child, dryRun="All", fieldValidation="Strict")) == []


@given(manifests())
@FEW
def test_any_legal_spec_is_accepted_and_stored_as_sent(requests: Requests, document: Object) -> None:
    assert requests.refusal(document) == ""
    for child in children_of(document, Settings()):
        assert changed_leaves(child, requests.apply(child, dryRun="All", fieldValidation="Strict")) == []


@given(st.lists(st.sampled_from([change for case in CASES for change in (case.accepted, case.refused)]), max_size=4))
@FEW
def test_types_and_api_server_judge_alike(requests: Requests, changes: list[Mapping[str, Any]]) -> None:
    merged = manifest(**{block: value for change in changes for block, value in change.items() if block != "raw"})
    try:
        ModelDeployment.parse(merged)
        accepted = True
    except InvalidSpec:
        accepted = False
    refusal = requests.refusal({**merged, "metadata": {**merged["metadata"], "namespace": "default"}})
    assert accepted == (not refusal), refusal


@pytest.mark.parametrize("variant", ["smallest", "every field"])
def test_a_second_apply_writes_nothing(requests: Requests, namespace: str, variant: str) -> None:
    document, platform = VARIANTS[variant]
    for child in children_of(in_namespace(namespace, document), platform, replicas=0):
        del child["metadata"]["ownerReferences"]  # an owner that is not there would have it collected
        requests.apply(child)
        assert eventually(partial(applies_without_a_write, requests, child))


def applies_without_a_write(requests: Requests, child: Object) -> bool:
    before, after = (requests.apply(child)["metadata"]["resourceVersion"] for _ in range(2))
    return bool(before == after)


@pytest.mark.parametrize("variant", ["smallest", "quantities"])
def test_the_pod_meets_the_restricted_standard(requests: Requests, namespace: str, variant: str) -> None:
    document, platform = VARIANTS[variant]
    deployment = ModelDeployment.parse(in_namespace(namespace, document))
    template = pod_template(deployment, revision_of(deployment), platform)
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] = {**template["metadata"], "name": "fraud", "namespace": namespace}
    assert changed_leaves(pod, requests.create(pod, dryRun="All")) == []


def test_the_record_of_a_revision_cannot_be_changed(requests: Requests, namespace: str) -> None:
    record = children_of(in_namespace(namespace, manifest()), Settings())[0]
    del record["metadata"]["ownerReferences"]
    requests.apply(record)
    record["data"]["template"]["spec"]["containers"][0]["image"] = "other"
    with pytest.raises(ApiError, match="field is immutable"):
        requests.apply(record)
