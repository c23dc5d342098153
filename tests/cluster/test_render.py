"""`modelway render` shows what the operator applies, to the last field."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml

from modelway.cli.manifests import NO_OWNER
from modelway.yaml_text import yaml_text
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl, Object
from support.waiting import eventually

pytestmark = pytest.mark.cluster

SPECS: dict[str, dict[str, Any]] = {
    "fixed": {
        "model": {"uri": "s3://models/$(v7)/model.joblib", "version": "v7", "storage": {"secretRef": {"name": "s3"}}},
        "runtime": {"workers": 2, "resources": {"requests": {"cpu": "1000m"}}, "env": [{"name": "A", "value": "b"}]},
        "scaling": {"replicas": 2},
        "scheduling": {**NOWHERE, "labels": {"team": "risk"}},
    },
    "autoscaled": {
        "model": {"uri": "https://models.example.com/model.joblib?sig=x"},
        "scaling": {"min": 2, "max": 5, "memory": 60},
        "scheduling": NOWHERE,
    },
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_rendered_objects_are_those_in_the_cluster(
    spec: dict[str, Any], deployed: Deployed, kubectl: Kubectl, installed: str
) -> None:
    owner = deployed.apply(**spec).kubectl.get("modeldeployment", deployed.name)
    children = render(owner, operator_environment(kubectl, installed))
    expected = {(child["kind"], child["metadata"]["name"]) for child in children}
    eventually(lambda: present(kubectl, deployed.name) == expected, describe=lambda: present(kubectl, deployed.name))
    for child in children:
        eventually(lambda child=child: applied_again(kubectl, child) == as_it_is(kubectl, child), deadline=10)  # type: ignore[misc]


def present(kubectl: Kubectl, name: str) -> set[tuple[str, str]]:
    kinds = "controllerrevisions,services,poddisruptionbudgets,deployments,horizontalpodautoscalers"
    selector = f"modelway.dev/name={name},app.kubernetes.io/managed-by=modelway"
    return {(one["kind"], one["metadata"]["name"]) for one in kubectl.list(kinds, selector)}


def operator_environment(kubectl: Kubectl, system: str) -> dict[str, str]:
    """What the chart tells the operator."""
    deployment = kubectl("get", "deployment", "modelway", "-n", system, "-o", "json")
    variables = json.loads(deployment)["spec"]["template"]["spec"]["containers"][0]["env"]
    return {one["name"]: one["value"] for one in variables if one["name"].startswith("MODELWAY_") and "value" in one}


def render(owner: Object, environment: dict[str, str]) -> list[Object]:
    command = [sys.executable, "-m", "modelway", "render", "-f", "-"]
    text = subprocess.run(
        command,
        input=yaml_text(owner),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return list(yaml.safe_load_all(text.replace(NO_OWNER, owner["metadata"]["uid"])))


def applied_again(kubectl: Kubectl, child: Object) -> Object:
    """The object as it would be after the operator's own field manager had applied what was rendered."""
    options = ("apply", "--server-side", "--field-manager=modelway", "--force-conflicts", "--dry-run=server")
    return comparable(
        json.loads(kubectl(*options, "-f", "-", "-o", "json", "--show-managed-fields", input=json.dumps(child)))
    )


def as_it_is(kubectl: Kubectl, child: Object) -> Object:
    name = child["metadata"]["name"]
    return comparable(json.loads(kubectl("get", child["kind"], name, "-o", "json", "--show-managed-fields")))


def comparable(document: Object) -> Object:
    """Content and ownership: a field that only one side sets changes who owns it."""
    document.pop("status", None)
    metadata = document["metadata"]
    owned = [one["fieldsV1"] for one in metadata.pop("managedFields") if one["manager"] == "modelway"]
    metadata.pop("resourceVersion")
    return {**document, "owned": owned}
