"""What the chart brings for prometheus-operator: nothing by default, and a clear refusal where its definitions are not there."""

import subprocess
from typing import Any

import pytest
import yaml

from modelway.api.labels import object_labels
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import service
from modelway.settings import Settings
from sandbox.binaries import parts, versions
from support.cluster import helm
from support.operator.specs import manifest

KINDS = {"PodMonitor", "ServiceMonitor", "PrometheusRule"}


def render(*kinds: str, **values: Any) -> list[dict[str, Any]]:
    """The manifests for a cluster that serves these kinds of prometheus-operator."""
    program = str(parts.locate("argocd") / "helm")
    command = [program, "template", helm.RELEASE, str(helm.CHART), "--namespace=modelway-system", "--values=-"]
    command += [f"--kube-version={versions.kubernetes()}"]
    command += [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in kinds]
    process = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=False)
    if process.returncode:
        raise helm.HelmError(process.stderr)
    return [one for one in yaml.safe_load_all(process.stdout) if one]


def by_name(manifests: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests if one["kind"] == kind}


def test_no_monitoring_object_without_values() -> None:
    assert not {one["kind"] for one in helm.render()} & KINDS


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"monitors": "PodMonitor"}, "PodMonitor"),
        ({"monitors": "ServiceMonitor"}, "ServiceMonitor"),
        ({"rules": True}, "PrometheusRule"),
    ],
)
def test_a_cluster_without_the_definitions_is_named(values: dict[str, Any], kind: str) -> None:
    with pytest.raises(
        helm.HelmError, match=f"asks for a {kind}, and this cluster knows none: install the definitions"
    ):
        helm.render({"monitoring": values})


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("kind", "endpoints"), [("PodMonitor", "podMetricsEndpoints"), ("ServiceMonitor", "endpoints")]
)
def test_monitors_find_the_operator_and_the_models(kind: str, endpoints: str) -> None:
    values = {"monitors": kind, "labels": {"release": "prometheus"}, "interval": "15s"}
    manifests = render(kind, monitoring=values, watch={"namespaces": ["risk"]})
    monitors = by_name(manifests, kind)
    operator, models = monitors["modelway"], monitors["modelway-models"]
    assert operator["metadata"]["labels"]["release"] == "prometheus"
    assert operator["spec"][endpoints] == [{"port": "health", "interval": "15s", "honorLabels": True}]
    assert models["spec"]["namespaceSelector"] == {"matchNames": ["risk"]}
    assert models["spec"][endpoints] == [{"port": "metrics", "interval": "15s"}]
    target = by_name(manifests, "Deployment" if kind == "PodMonitor" else "Service")["modelway"]
    labels = target["spec"]["template"]["metadata"]["labels"] if kind == "PodMonitor" else target["metadata"]["labels"]
    assert operator["spec"]["selector"]["matchLabels"].items() <= labels.items()
    deployment = ModelDeployment.parse(manifest())
    assert models["spec"]["selector"]["matchLabels"].items() <= object_labels(deployment.metadata.name).items()
    assert "metrics" in [port["name"] for port in service.build(deployment, Settings())["spec"]["ports"]]


@pytest.mark.cluster
def test_monitors_select_every_namespace_when_all_are_served() -> None:
    models = by_name(render("PodMonitor", monitoring={"monitors": "PodMonitor"}), "PodMonitor")["modelway-models"]
    assert models["spec"]["namespaceSelector"] == {"any": True}


@pytest.mark.cluster
def test_rules_are_the_file_with_the_pace_of_the_release() -> None:
    (rule,) = by_name(
        render("PrometheusRule", monitoring={"rules": True}, resyncSeconds=600), "PrometheusRule"
    ).values()
    text = (helm.CHART / "files" / "alerts.yaml").read_text().replace("RESYNC_SECONDS", "600")
    assert rule["spec"] == yaml.safe_load(text)
