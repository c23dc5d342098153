"""A model names a Gateway: its route is made and kept, and status says what the Gateway's controller makes of it."""

import json

import pytest

from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.gateway import Controller
from support.operator.specs import Object
from support.waiting import eventually

pytestmark = pytest.mark.cluster

GATEWAY: Object = {"name": "shared", "namespace": "gateways", "hostnames": ["models.example.com"], "path": "/fraud"}
SPEC: Object = {"exposure": {"gateway": GATEWAY}, "scheduling": NOWHERE}


@pytest.fixture
def controller(deployed: Deployed) -> Controller:
    return Controller(deployed.kubectl, deployed.name)


def _says(deployed: Deployed, status: str, reason: str) -> Object:
    def condition() -> Object:
        one = deployed.condition("Exposed")
        return one if (one.get("status"), one.get("reason")) == (status, reason) else {}

    return eventually(condition, deadline=30, describe=lambda: deployed.condition("Exposed"))


def test_status_follows_what_the_gateway_says(deployed: Deployed, controller: Controller) -> None:
    deployed.apply(**SPEC).becomes("Unschedulable")
    assert "kubectl get gateway shared -n gateways" in _says(deployed, "Unknown", "RoutePending")["message"]
    controller.refuses("NotAllowedByListeners", "no listener allows it")
    assert "allowedRoutes" in _says(deployed, "False", "NotAllowedByListeners")["message"]
    controller.accepts()
    assert "models.example.com/fraud" in _says(deployed, "True", "RouteAccepted")["message"]
    deployed.apply(**{**SPEC, "exposure": {"gateway": {**GATEWAY, "path": "/risk"}}})
    _says(deployed, "Unknown", "RoutePending")
    controller.refuses("BackendNotFound", "", "ResolvedRefs")
    _says(deployed, "False", "BackendUnresolved")


def test_route_is_kept_and_goes_with_the_block(deployed: Deployed, controller: Controller) -> None:
    deployed.apply(**SPEC).becomes("Unschedulable")
    eventually(controller.shares)
    route = controller.route
    theirs = {"spec": {"hostnames": ["elsewhere.example.com"]}}
    deployed.kubectl("patch", "httproute", deployed.name, "--type=merge", "-p", json.dumps(theirs))
    eventually(lambda: controller.route["spec"] == route["spec"])
    deployed.apply(scheduling=NOWHERE)
    eventually(lambda: not deployed.kubectl.exists("httproute", deployed.name))
    eventually(lambda: not deployed.condition("Exposed"))
