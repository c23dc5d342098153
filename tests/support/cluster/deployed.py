"""ModelDeployments on a cluster with the operator: apply, wait for what status says, ask the model."""

import json
import urllib.request
from http.client import HTTPException
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelway.cluster.managed_fields import owns
from sandbox import Sandbox
from sandbox.node.templates import START
from support.cluster.audit import Audit
from support.cluster.sandbox import Kubectl, Object
from support.operator.specs import manifest
from support.waiting import eventually

NOWHERE = {"nodeSelector": {"example.com/room": "none"}}
"""Scheduling that keeps pods from starting, for tests about objects rather than processes."""

COLD = {"annotations": {START: "cold"}}
"""Scheduling whose containers begin as new programs, for tests about their memory or about the start itself."""

OPERATOR = "system:serviceaccount:modelway-system:modelway"

READY_SECONDS = 120.0
"""Of a busy machine; two to five where nothing else runs."""


class Deployed:
    """One ModelDeployment in the test's namespace."""

    def __init__(self, kubectl: Kubectl, name: str) -> None:
        self.kubectl = kubectl
        self.name = name

    def apply(self, **spec: Any) -> "Deployed":
        """Apply a spec as a user would; blocks that are left out go."""
        self.kubectl.apply(manifest(self.name, **spec), "--field-manager=user", "--force-conflicts")
        return self

    @property
    def status(self) -> Object:
        """The status as it is now."""
        return dict(self.kubectl.get("modeldeployment", self.name).get("status") or {})

    def condition(self, kind: str = "Ready") -> Object:
        """A condition of the present generation; empty when there is none yet."""
        resource = self.kubectl.get("modeldeployment", self.name)
        conditions = (resource.get("status") or {}).get("conditions") or ()
        generation = resource["metadata"]["generation"]
        return next((one for one in conditions if one["type"] == kind and one["observedGeneration"] == generation), {})

    def becomes(self, reason: str, *, deadline: float = READY_SECONDS) -> Object:
        """Wait until Ready has this reason; the condition."""
        return eventually(lambda: self._with_reason(reason), deadline=deadline, describe=self.condition)

    def is_ready(self, *, deadline: float = READY_SECONDS) -> "Deployed":
        """Wait until the present generation serves."""
        self.becomes("Serving", deadline=deadline)
        return self

    def child(self, kind: str) -> Object:
        """The child of a kind that is named like the ModelDeployment; KubectlError where there is none."""
        return self.kubectl.get(kind, self.name)

    def owns(self, manager: str, kind: str, *path: str) -> bool:
        """Whether a field manager holds a field of a child by server-side apply."""
        managed = self.kubectl("get", kind, self.name, "-o", "json", "--show-managed-fields")
        return owns(json.loads(managed), manager, *path)

    def answers(self, rows: Any, predictions: list[float]) -> None:
        """Wait until the model gives these predictions: Services learn of pods a little late."""
        eventually(lambda: self.ask(rows) == {"predictions": predictions}, deadline=20)

    def ask(self, rows: Any) -> Object:
        """A prediction, by the Service; an AssertionError while nothing answers."""
        service = self.child("service")["spec"]
        address = f"http://{service['clusterIP']}:{service['ports'][0]['port']}/v1/models/{self.name}:predict"
        body = json.dumps({"instances": rows}).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return dict(json.load(answer))
        except (OSError, HTTPException) as error:  # refused, or accepted by a Service and cut off where no pod is left
            raise AssertionError(str(error) or type(error).__name__) from error

    def served_metrics(self) -> str:
        """What the port `metrics` of its Service answers to a scrape."""
        service = self.child("service")["spec"]
        (port,) = [one["port"] for one in service["ports"] if one["name"] == "metrics"]
        return _read(f"http://{service['clusterIP']}:{port}/metrics")

    def gauges(self) -> dict[str, float]:
        """What the operator tells Prometheus of it: `ready`, `available` and so on; empty when it is not known."""
        pods = self.kubectl.in_namespace("modelway-system").list("pods", "app.kubernetes.io/name=modelway")
        (operator,) = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
        text = _read(f"http://{operator['status']['podIP']}:8080/metrics")
        mine = {"name": self.name, "namespace": self.kubectl.namespace}
        return {
            "_".join(
                [sample.name.removeprefix("modelway_modeldeployment_"), *filter(None, [sample.labels.get("state")])]
            ): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.startswith("modelway_modeldeployment_") and mine.items() <= sample.labels.items()
        }

    def _with_reason(self, reason: str) -> Object:
        condition = self.condition()
        return condition if condition.get("reason") == reason else {}


def _read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


@pytest.fixture
def deployed(kubectl: Kubectl, installed: str) -> Deployed:
    """A ModelDeployment called `fraud` that is yet to be applied, with the operator at work."""
    return Deployed(kubectl, "fraud")


@pytest.fixture
def audit(sandbox: Sandbox, installed: str) -> Audit:
    """What the operator writes from here on."""
    return Audit(sandbox.audit_log, OPERATOR)
