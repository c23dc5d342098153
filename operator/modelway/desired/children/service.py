"""The Service under which a model is reached; its name and selector never change."""

from typing import Any

from modelway.api.labels import selector_labels
from modelway.api.ports import GRPC_PORT, METRICS_PORT
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child
from modelway.settings import Settings


def build(deployment: ModelDeployment, settings: Settings) -> dict[str, Any]:
    """The Service."""
    built = child("v1", "Service", deployment)
    built["spec"] = {
        "selector": selector_labels(deployment.metadata.name),
        "ports": [
            {"name": "http", "port": settings.service_port, "targetPort": "http", "protocol": "TCP"},
            {
                "name": "grpc",
                "port": GRPC_PORT,
                "targetPort": "grpc",
                "protocol": "TCP",
                "appProtocol": "kubernetes.io/h2c",
            },
            {"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics", "protocol": "TCP"},
        ],
    }
    return built
