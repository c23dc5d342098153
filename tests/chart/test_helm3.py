"""Helm 3 makes the same of the chart as Helm 4: the program that Argo CD brings, beside the library of the other tests."""

import subprocess
from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from sandbox.binaries import parts, versions
from support.cluster import helm

pytestmark = pytest.mark.cluster  # the program is built once, which takes minutes


@pytest.mark.parametrize(
    "values",
    [{}, {"watch": {"namespaces": ["risk", "shop"]}, "networkPolicy": {"enabled": True}}],
    ids=["default", "scoped"],
)
def test_helm_3_renders_the_chart_as_helm_4(values: helm.Values) -> None:
    program = str(parts.locate("argocd") / "helm")
    command = [program, "template", helm.RELEASE, str(helm.CHART), "--namespace=modelway-system", "--values=-"]
    command.append(f"--kube-version={versions.kubernetes()}")  # a build from modules does not know its own
    rendered = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=True).stdout
    assert _sort(yaml.safe_load_all(rendered)) == _sort(helm.render(values))


def _sort(manifests: Iterable[Any]) -> list[str]:
    return sorted(yaml.safe_dump(one) for one in manifests if one)
