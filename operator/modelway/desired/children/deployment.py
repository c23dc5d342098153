"""The Deployment that runs a revision. By default, no pod stops before its successor is ready."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from modelway.api.labels import REVISION_LABEL, STABLE, TRACK_LABEL, name_on_track, selector_labels
from modelway.api.rollout import MOST_SURGE, MOST_UNAVAILABLE, Rollout
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child
from modelway.settings import Settings

_SCHEDULING_SECONDS = 60
"""Time for scheduling a pod and pulling its image, beside fetching, preparing and loading."""


def build(
    deployment: ModelDeployment,
    revision_hash: str,
    template: Mapping[str, Any],
    replicas: int | None,
    settings: Settings,
    *,
    track: str = STABLE,
) -> dict[str, Any]:
    """The Deployment of one track; `replicas` None leaves its size to the autoscaler."""
    built = child("apps/v1", "Deployment", deployment, name=name_on_track(deployment.metadata.name, track))
    built["metadata"]["labels"] |= {TRACK_LABEL: track, REVISION_LABEL: revision_hash}
    built["spec"] = {
        **({} if replicas is None else {"replicas": replicas}),
        "selector": {"matchLabels": selector_labels(deployment.metadata.name, track)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": _pace(deployment)},
        "revisionHistoryLimit": settings.revision_history_limit,
        "progressDeadlineSeconds": progress_deadline_seconds(deployment, settings),
        "template": deepcopy(dict(template)),
    }
    return built


def _pace(deployment: ModelDeployment) -> dict[str, int | str]:
    """How many pods may start before others stop, and stop before others start."""
    rollout = deployment.spec.rollout or Rollout()
    surge = MOST_SURGE if rollout.max_surge is None else rollout.max_surge
    unavailable = MOST_UNAVAILABLE if rollout.max_unavailable is None else rollout.max_unavailable
    return {"maxUnavailable": unavailable, "maxSurge": surge}


def progress_deadline_seconds(deployment: ModelDeployment, settings: Settings) -> int:
    """Seconds after which a rollout counts as failed; at least the time that the limits of a pod allow."""
    limits = deployment.spec.runtime.limits
    slowest_start = limits.fetch_timeout_seconds + 2 * limits.startup_timeout_seconds + _SCHEDULING_SECONDS
    return max(settings.progress_deadline_seconds, slowest_start)
