"""The Service under which a model is reached; its name and selector never change. And that of a candidate, beside it."""

from typing import Any

from modelway.api.labels import CANARY, TRACK_LABEL, name_on_track, selector_labels
from modelway.api.ports import GRPC_PORT, HANDOVER_GRPC_PORT, HANDOVER_PORT, METRICS_PORT
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child
from modelway.settings import Settings


def build(deployment: ModelDeployment, settings: Settings) -> dict[str, Any]:
    """The Service."""
    built = child("v1", "Service", deployment)
    built["spec"] = {"selector": selector_labels(deployment.metadata.name), "ports": _ports(settings)}
    return built


def build_for_candidate(deployment: ModelDeployment, settings: Settings) -> dict[str, Any]:
    """The Service of a candidate, with two ports more, to which alone the walls of a server let it connect."""
    name = deployment.metadata.name
    built = child("v1", "Service", deployment, name=name_on_track(name, CANARY))
    built["metadata"]["labels"][TRACK_LABEL] = CANARY
    handover = [_port("handover", HANDOVER_PORT, "http"), _grpc_port("handover-grpc", HANDOVER_GRPC_PORT)]
    built["spec"] = {"selector": selector_labels(name, CANARY), "ports": [*_ports(settings), *handover]}
    return built


def _ports(settings: Settings) -> list[dict[str, Any]]:
    return [
        _port("http", settings.service_port, "http"),
        _grpc_port("grpc", GRPC_PORT),
        _port("metrics", METRICS_PORT, "metrics"),
    ]


def _port(name: str, port: int, target: str) -> dict[str, Any]:
    return {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}


def _grpc_port(name: str, port: int) -> dict[str, Any]:
    return {**_port(name, port, "grpc"), "appProtocol": "kubernetes.io/h2c"}
