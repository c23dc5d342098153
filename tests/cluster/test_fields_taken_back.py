"""A field that is taken out of a spec leaves nothing behind in the children: the API server derives and mirrors fields of its own from some."""

import json
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.manifests import NO_OWNER
from modelway.cluster.client import FIELD_MANAGER
from modelway.desired.children import build_children
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.settings import Settings
from support.cluster.sandbox import Kubectl, Object
from support.operator.specs import every_field, manifest

pytestmark = pytest.mark.cluster

RICH = every_field()
MODEL = {"uri": "s3://models/fraud/model.joblib", "version": "v7"}
BEFORE: dict[str, dict[str, Any]] = {
    "every-field": RICH,
    "account": {**RICH, "model": {**MODEL, "storage": {"serviceAccountName": "reader"}}},
}
AFTER = {"model": MODEL, "scaling": {"max": 3}}


@pytest.mark.parametrize("name", BEFORE)
def test_fields_that_are_taken_out_leave_nothing_behind(name: str, kubectl: Kubectl) -> None:
    _apply(kubectl, name, BEFORE[name])
    changed = _apply(kubectl, name, AFTER)
    fresh = _apply(kubectl, f"{name}-anew", AFTER)
    assert changed == json.loads(json.dumps(fresh).replace(f"{name}-anew", name))


def _apply(kubectl: Kubectl, name: str, spec: dict[str, Any]) -> dict[str, Object]:
    """The children of a spec as the operator applies them, without the operator; by kind, what the API server makes of them."""
    bodies = [one for one in _children(kubectl, name, spec) if one["kind"] != "ControllerRevision"]
    kubectl.apply(bodies, "--field-manager", FIELD_MANAGER, "--force-conflicts")
    objects = [kubectl.get(one["kind"], one["metadata"]["name"]) for one in bodies]
    return {one["kind"]: _as_applied(one["spec"]) for one in objects}


def _children(kubectl: Kubectl, name: str, spec: dict[str, Any]) -> list[Object]:
    document = {**manifest(name), "spec": spec}
    document["metadata"] = {"name": name, "namespace": kubectl.namespace, "uid": NO_OWNER}
    deployment, settings = ModelDeployment.parse(document), Settings()
    revision = revision_of(deployment)
    template = pod_template(deployment, revision, settings)
    bodies = build_children(deployment, revision, template, replicas=None, settings=settings)
    for body in bodies:
        del body["metadata"]["ownerReferences"]  # nobody owns them, so the garbage collector would take them
    return bodies


def _as_applied(spec: Object) -> Object:
    """Without what others give: addresses, and a size by the autoscaler."""
    return {field: value for field, value in spec.items() if field not in {"clusterIP", "clusterIPs", "replicas"}}
