"""The HTTPRoute of a model that names a Gateway."""

from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import route
from modelway.settings import Settings
from support.operator.specs import Object, manifest


def _spec(**gateway: Any) -> Object:
    document = manifest(exposure={"gateway": {"name": "shared", **gateway}})
    built = route.build(ModelDeployment.parse(document), Settings(service_port=8080))
    assert built is not None
    spec: Object = built["spec"]
    return spec


def test_no_route_without_a_gateway() -> None:
    assert route.build(ModelDeployment.parse(manifest()), Settings()) is None


def test_route_leads_every_path_to_the_service_as_it_is() -> None:
    assert _spec() == {
        "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "shared"}],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"group": "", "kind": "Service", "name": "fraud", "port": 8080, "weight": 100}],
            }
        ],
    }


def test_path_in_front_is_taken_off() -> None:
    [rule] = _spec(path="/fraud")["rules"]
    assert rule["matches"][0]["path"]["value"] == "/fraud"
    assert rule["filters"] == [
        {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}
    ]


def test_route_names_listener_namespace_and_hosts() -> None:
    spec = _spec(namespace="gateways", sectionName="https", hostnames=["models.example.com"])
    [parent] = spec["parentRefs"]
    assert (parent["namespace"], parent["sectionName"]) == ("gateways", "https")
    assert spec["hostnames"] == ["models.example.com"]


def test_candidate_gets_its_share_of_the_same_requests() -> None:
    document = manifest(exposure={"gateway": {"name": "shared", "path": "/fraud"}})
    built = route.build(ModelDeployment.parse(document), Settings())
    assert built is not None
    [rule] = route.with_candidate(built, "fraud-canary", 5)["spec"]["rules"]
    assert {one["name"]: one["weight"] for one in rule["backendRefs"]} == {"fraud": 95, "fraud-canary": 5}
    assert rule["filters"] == built["spec"]["rules"][0]["filters"]
