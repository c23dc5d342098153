"""The PodDisruptionBudget: a drain evicts one pod at a time, and a broken pod never blocks it."""

from typing import Any

from modelway.api.labels import selector_labels
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child


def build(deployment: ModelDeployment) -> dict[str, Any]:
    """The PodDisruptionBudget."""
    built = child("policy/v1", "PodDisruptionBudget", deployment)
    built["spec"] = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": selector_labels(deployment.metadata.name)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return built
