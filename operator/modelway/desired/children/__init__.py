"""The objects that should exist for a ModelDeployment: one builder per kind, which returns None if the kind is not wanted. Pure."""

from collections.abc import Mapping
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import controller_revision, hpa, pdb, route, service
from modelway.desired.children import deployment as deployments
from modelway.desired.revision import Revision, record_data
from modelway.settings import Settings


def build_children(
    deployment: ModelDeployment,
    revision: Revision,
    template: Mapping[str, Any],
    *,
    replicas: int | None,
    settings: Settings,
    data: Mapping[str, Any] | None = None,
    number: int = 1,
    evidence: str = "",
) -> list[dict[str, Any]]:
    """All children, in the order in which they are applied; a child comes before those that refer to it.

    Args:
        deployment: whose children they are.
        revision: the revision to run.
        template: its pod template, as pinned.
        replicas: the size of the Deployment; None while an autoscaler owns it.
        settings: what the platform decides.
        data: what the record of the revision holds; its inputs and this template where left out.
        number: the ordinal of the revision among those of this ModelDeployment.
        evidence: what its preflight found out, as text.
    """
    wanted = [
        controller_revision.build(
            deployment, revision.hash, data or record_data(revision, template), number=number, evidence=evidence
        ),
        service.build(deployment, settings),
        deployments.build(deployment, revision.hash, template, replicas, settings),
        pdb.build(deployment),
        hpa.build(deployment),
        route.build(deployment, settings),
    ]
    return [child for child in wanted if child is not None]
