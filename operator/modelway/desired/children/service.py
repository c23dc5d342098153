"""The Service under which a model is reached; its name and selector never change. And that of a candidate, beside it."""

from typing import Any

from modelway.api.labels import CANARY, TRACK_LABEL, name_on_track, selector_labels
from modelway.api.ports import GRPC_PORT, HANDOVER_PORT, METRICS_PORT
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child
from modelway.settings import Settings


def build(deployment: ModelDeployment, settings: Settings) -> dict[str, Any]:
    """The Service."""
    built = child("v1", "Service", deployment)
    built["spec"] = {"selector": selector_labels(deployment.metadata.name), "ports": _ports(settings)}
    return built


def build_for_candidate(deployment: ModelDeployment, settings: Settings) -> dict[str, Any]:
    """The Service of a candidate, with one port more, to which alone stable servers connect."""
    name = deployment.metadata.name
    built = child("v1", "Service", deployment, name=name_on_track(name, CANARY))
    built["metadata"]["labels"][TRACK_LABEL] = CANARY
    handover = _port("handover", HANDOVER_PORT, "http")
    built["spec"] = {"selector": selector_labels(name, CANARY), "ports": [*_ports(settings), handover]}
    return built


def _ports(settings: Settings) -> list[dict[str, Any]]:
    return [
        _port("http", settings.service_port, "http"),
        {**_port("grpc", GRPC_PORT, "grpc"), "appProtocol": "kubernetes.io/h2c"},
        _port("metrics", METRICS_PORT, "metrics"),
    ]


def _port(name: str, port: int, target: str) -> dict[str, Any]:
    return {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}
