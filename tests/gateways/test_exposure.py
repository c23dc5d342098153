"""A real Gateway takes requests for a model, or says why not."""

import pytest

from gateways.gateway import Gateway
from gateways.model import ASKED, Model
from support.cluster.deployed import NOWHERE


def test_accepted_route_serves_the_model(model: Model) -> None:
    model.wants("v1", 2.0)
    model.serves()
    [output] = model.answer()["outputs"]
    assert output["data"] == pytest.approx([2.0 * ASKED])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sectionName": "closed"}, "NotAllowedByListeners"),
        ({"sectionName": "nowhere"}, "NoMatchingParent"),
        ({"sectionName": "open", "hostnames": ["models.example.org"]}, "NoMatchingListenerHostname"),
    ],
)
def test_refusal_is_told_with_its_reason(model: Model, fields: dict[str, object], reason: str) -> None:
    model.deployed.apply(exposure={"gateway": model.reference(**fields)}, scheduling=NOWHERE)
    assert reason in model.says("False", reason)["message"]


def test_gateway_that_is_not_there_is_told(model: Model, gateway: Gateway) -> None:
    model.deployed.apply(exposure={"gateway": model.reference(name="absent")}, scheduling=NOWHERE)
    assert "kubectl get gateway absent -n gateways" in model.says("Unknown", "RoutePending")["message"]
