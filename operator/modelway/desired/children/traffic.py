"""The ConfigMap that tells the pods of the stable revision what share of requests goes to the candidate."""

import json
from collections.abc import Mapping
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child
from modelway.desired.places import traffic_name


def build(deployment: ModelDeployment, file: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """The ConfigMap.

    Args:
        deployment: whose pods read it.
        file: under which name they find the content.
        content: what they are told.
    """
    built = child("v1", "ConfigMap", deployment, name=traffic_name(deployment.metadata.name))
    built["data"] = {file: json.dumps(dict(content), sort_keys=True)}
    return built
