"""The places of a pod where its containers find or leave files, and the volumes behind them. Pure."""

from dataclasses import dataclass
from typing import Any

from modelway.api.quantity import canonical_bytes
from modelway.api.v1alpha1 import ModelDeployment

_TEMPORARY_SPACE = "256Mi"
_MODEL_SPACE_MARGIN = 16 << 20
"""Bytes in a volume beside the model or the prepared model, for its record."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container finds or leaves files.

    Attributes:
        volume: the volume's name.
        directory: where it is mounted.
    """

    volume: str
    directory: str

    def mount(self, *, read_only: bool = False) -> dict[str, Any]:
        """The mount of the volume."""
        mount: dict[str, Any] = {"name": self.volume, "mountPath": self.directory}
        return {**mount, "readOnly": True} if read_only else mount


MODEL = Place("model", "/mnt/models")
PREPARED = Place("prepared", "/mnt/prepared")
TRAFFIC = Place("traffic", "/mnt/traffic")
TEMPORARY = Place("tmp", "/tmp")  # noqa: S108 -- a volume of the pod


def volumes_of(deployment: ModelDeployment) -> list[dict[str, Any]]:
    """The volumes of a pod that serves."""
    return [
        model_volume(deployment, MODEL),
        model_volume(deployment, PREPARED),
        {"name": TEMPORARY.volume, "emptyDir": {"sizeLimit": _TEMPORARY_SPACE}},
        {"name": TRAFFIC.volume, "configMap": {"name": traffic_name(deployment.metadata.name), "optional": True}},
    ]


def traffic_name(name: str) -> str:
    """The name of the ConfigMap that tells the pods of a ModelDeployment where to send requests."""
    return f"{name}-traffic"


def model_volume(deployment: ModelDeployment, place: Place) -> dict[str, Any]:
    """A volume with room for the model, or for what is made of it."""
    space = deployment.spec.runtime.limits.max_artifact_bytes + _MODEL_SPACE_MARGIN
    return {"name": place.volume, "emptyDir": {"sizeLimit": canonical_bytes(space)}}
