"""The HTTPRoute of a ModelDeployment that names a Gateway: requests from there reach its Service."""

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
        "rules": [{**_match(gateway.path), "backendRefs": [backend(name, settings.service_port, WHOLE)]}],
    }
    return built


def backend(service: str, port: int, weight: int) -> dict[str, Any]:
    """The reference to a Service that gets `weight` of 100 requests."""
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
