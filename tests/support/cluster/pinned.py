"""A ModelDeployment whose present revision served once with another server image, and is pinned to that, as an operator of then would have left it."""

from typing import Any

from modelway.api.labels import SERVED_ANNOTATION
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import controller_revision
from modelway.desired.pod import pod_template
from modelway.desired.revision import record_data, revision_of
from modelway.settings import Settings
from support.cluster.deployed import Deployed


def apply_pinned(deployed: Deployed, image: str, **spec: Any) -> None:
    """Apply a spec that the operator then runs with `image`: what never served it would render anew."""
    deployed.apply(**spec, suspend=True)
    deployment = ModelDeployment.parse(deployed.kubectl.get("modeldeployment", deployed.name))
    revision = revision_of(deployment)
    template = pod_template(deployment, revision, Settings(server_image=image, drain_seconds=0))
    record = controller_revision.build(deployment, revision.hash, record_data(revision, template))
    deployed.kubectl.apply(record, "--field-manager=modelway")
    deployed.kubectl("annotate", "controllerrevision", record["metadata"]["name"], f"{SERVED_ANNOTATION}=true")
    deployed.apply(**spec)
