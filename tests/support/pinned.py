"""A ModelDeployment whose present revision is pinned to another server image, as an operator with that image would have left it."""

from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired import controller_revision
from modelway.pod import pod_template
from modelway.revision import revision_of
from modelway.settings import Settings
from support.deployed import Deployed


def apply_pinned(deployed: Deployed, image: str, **spec: Any) -> None:
    """Apply a spec that the operator then runs with `image`."""
    deployed.apply(**spec, suspend=True)
    deployment = ModelDeployment.parse(deployed.kubectl.get("modeldeployment", deployed.name))
    revision = revision_of(deployment)
    template = pod_template(deployment, revision, Settings(server_image=image, drain_seconds=0))
    record = controller_revision.build(deployment, revision, template)
    deployed.kubectl.apply(record, "--field-manager=modelway")
    deployed.apply(**spec)
