"""A kind that the cluster does not serve at first is used once it is, and done without once it has gone.

The kind is that of the autoscaler, which this operator finds at the address of a custom resource. Requests are counted at a proxy.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sandbox import Sandbox
from support.cluster.definitions import install_present
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.faulty_proxy import Faults, faulty_proxy
from support.cluster.operator_process import Operator
from support.cluster.sandbox import Kubectl, Object, namespace_manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

GROUP, PLURAL = "test.modelway.dev", "scalers"
RESOURCE = f"{PLURAL}.{GROUP}"
NAMESPACE = "risk"
SPEC = {"scaling": {"max": 3}, "scheduling": NOWHERE}
COUNTED_SECONDS = 8.0
DISCOVERY_SECONDS = 1.0
"""How often this operator asks for an absent kind."""

_OPERATOR = f"""
import os
from dataclasses import replace
from modelway import logs
from modelway.cluster import discovery
from modelway.cluster.kinds import AUTOSCALER, WATCHED
from modelway.run import serve_forever
from modelway.settings import Settings
discovery.DISCOVERY_SECONDS = {DISCOVERY_SECONDS}
moved = replace(AUTOSCALER, api_version="{GROUP}/v1", plural="{PLURAL}")
settings = Settings.from_environment(os.environ)
logs.configure(settings.log_level)
serve_forever(settings, os.environ, None, [moved if kind is AUTOSCALER else kind for kind in WATCHED])
"""

DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": RESOURCE},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "HorizontalPodAutoscaler", "plural": PLURAL},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}


@dataclass
class World:
    """A cluster, what is asked of it, and the operator."""

    kubectl: Kubectl
    faults: Faults
    operator: Operator

    def add_kind(self) -> None:
        """Have the cluster serve the kind."""
        self.kubectl.apply(DEFINITION)

    def remove_kind(self) -> None:
        """Have the cluster serve the kind no more."""
        self.kubectl("delete", "crd", RESOURCE, "--timeout=30s")

    def watches(self) -> bool:
        """Whether the operator has a watch on the kind."""
        return (
            'modelway_operator_watch_silence_duration_seconds{kind="HorizontalPodAutoscaler"' in self.operator.metrics()
        )

    def requests(self) -> int:
        """How often the kind was asked for so far."""
        return sum(f"/{GROUP}/" in one.path for one in list(self.faults.requests))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("kinds")
    with (
        Sandbox.start(directory / "sandbox", metrics=False, warm=True) as sandbox,
        faulty_proxy(sandbox.directory, sandbox.server) as (kubeconfig, faults),
    ):
        kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
        install_present(kubectl)
        kubectl.create(namespace_manifest(NAMESPACE))
        operator = Operator(kubeconfig, directory / "operator.log", program=_OPERATOR)
        operator.start()
        try:
            yield World(kubectl, faults, operator)
        finally:
            code = operator.stop()
        assert code == 0


@pytest.fixture
def scaled(world: World) -> Deployed:
    """A model whose spec needs the kind."""
    model = Deployed(world.kubectl.in_namespace(NAMESPACE), "fraud")
    return model.apply(**SPEC)


def test_a_kind_may_come_and_go_while_the_operator_runs(world: World, scaled: Deployed) -> None:
    message = scaled.becomes("KindNotServed")["message"]
    assert message.startswith(f"spec.scaling.max needs the kind HorizontalPodAutoscaler ({GROUP}/v1)")
    assert scaled.child("deployment")["metadata"]["name"] == "fraud", "the other children are made"
    for _ in range(2):
        world.add_kind()
        scaled.becomes("Unschedulable")
        first_uid = scaled.child(RESOURCE)["metadata"]["uid"]
        eventually(world.watches)
        scaled.kubectl("delete", RESOURCE, "fraud", "--wait=false")
        eventually(lambda first_uid=first_uid: scaled.child(RESOURCE)["metadata"]["uid"] != first_uid)  # type: ignore[misc]
        world.remove_kind()
        scaled.becomes("KindNotServed")
        eventually(lambda: not world.watches())
    assert world.operator.alive
    assert world.operator.probe("/readyz") == 200


def test_a_spec_without_the_field_needs_no_such_kind(world: World, scaled: Deployed) -> None:
    scaled.becomes("KindNotServed")
    scaled.apply(scheduling=NOWHERE).becomes("Unschedulable")


def test_an_absent_kind_costs_few_requests_and_few_lines(world: World, scaled: Deployed) -> None:
    scaled.becomes("KindNotServed")
    before, begin = world.requests(), time.monotonic()
    eventually(lambda: time.monotonic() > begin + COUNTED_SECONDS, deadline=COUNTED_SECONDS + 5)
    assert 0 < world.requests() - before <= COUNTED_SECONDS / DISCOVERY_SECONDS + 2
    lines = [json.loads(line) for line in world.operator.log.read_text().splitlines()]
    assert not [line for line in lines if line["level"] in {"error", "warning"}]
    about = [line["message"] for line in lines if GROUP in line["message"]]
    assert len(about) <= 5, "one for each time that it came or went"
