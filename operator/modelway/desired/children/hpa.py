"""The HorizontalPodAutoscaler of a ModelDeployment that sets `scaling.max`."""

from typing import Any

from modelway.api.scaling import Scaling
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child

DEFAULT_CPU_PERCENT = 70


def build(deployment: ModelDeployment) -> dict[str, Any] | None:
    """The autoscaler, or None when the number of pods is fixed."""
    scaling = deployment.spec.scaling
    if scaling is None or not scaling.autoscaled:
        return None
    fewest, most = scaling.bounds
    built = child("autoscaling/v2", "HorizontalPodAutoscaler", deployment)
    built["spec"] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment.metadata.name},
        "minReplicas": fewest,
        "maxReplicas": most,
        "metrics": _metrics(scaling),
    }
    if scaling.behavior is not None:
        behavior = scaling.behavior.model_dump(mode="json", by_alias=True, exclude_none=True)
        directions = {direction: rules for direction, rules in behavior.items() if rules}
        built["spec"] |= {"behavior": directions} if directions else {}
    return built


def _metrics(scaling: Scaling) -> list[dict[str, Any]]:
    cpu = DEFAULT_CPU_PERCENT if scaling.cpu is None and scaling.memory is None else scaling.cpu
    targets = {"cpu": cpu, "memory": scaling.memory}
    return [
        {
            "type": "Resource",
            "resource": {"name": name, "target": {"type": "Utilization", "averageUtilization": percent}},
        }
        for name, percent in targets.items()
        if percent is not None
    ]
