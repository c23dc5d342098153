"""The HTTPRoute of a ModelDeployment that names a Gateway: requests from there reach its Service."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelway.api.exposure import Gateway
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child
from modelway.settings import Settings

GROUP = "gateway.networking.k8s.io"
WHOLE = 100


def build(deployment: ModelDeployment, settings: Settings) -> dict[str, Any] | None:
    """The route, or None where no Gateway is named.

    Fields that the API server would fill in are written, so that what is stored equals what is wanted.
    """
    exposure = deployment.spec.exposure
    if exposure is None:
        return None
    gateway, name = exposure.gateway, deployment.metadata.name
    built = child(f"{GROUP}/v1", "HTTPRoute", deployment)
    built["spec"] = {
        "parentRefs": [_parent(gateway)],
        **({"hostnames": [*gateway.hostnames]} if gateway.hostnames else {}),
        "rules": [{**_match(gateway.path), "backendRefs": [_backend(name, settings.service_port, WHOLE)]}],
    }
    return built


def with_candidate(body: Mapping[str, Any], service: str, weight: int) -> dict[str, Any]:
    """The route that sends `weight` of 100 requests to the Service of a candidate, and the others where it led before."""
    spec = body["spec"]
    rules = [{**rule, "backendRefs": _divide(rule["backendRefs"], service, weight)} for rule in spec["rules"]]
    return {**body, "spec": {**spec, "rules": rules}}


def _divide(backends: Sequence[Mapping[str, Any]], service: str, weight: int) -> list[dict[str, Any]]:
    [stable] = backends
    return [{**stable, "weight": WHOLE - weight}, {**stable, "name": service, "weight": weight}]


def _backend(service: str, port: int, weight: int) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": service, "port": port, "weight": weight}


def _parent(gateway: Gateway) -> dict[str, Any]:
    parts = {"namespace": gateway.namespace, "sectionName": gateway.section_name}
    reference = {"group": GROUP, "kind": "Gateway", "name": gateway.name}
    return reference | {name: value for name, value in parts.items() if value is not None}


def _match(path: str) -> dict[str, Any]:
    """Which requests, and what the model sees of their path."""
    match = {"matches": [{"path": {"type": "PathPrefix", "value": path}}]}
    if path == "/":
        return match
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    return match | {"filters": [{"type": "URLRewrite", "urlRewrite": rewrite}]}
