"""The record of a revision: its inputs and its pod template, which never change (`data` is immutable)."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from modelway.api.labels import EVIDENCE_ANNOTATION, REVISION_LABEL
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.metadata import child


def build(
    deployment: ModelDeployment, revision_hash: str, data: Mapping[str, Any], *, number: int = 1, evidence: str = ""
) -> dict[str, Any]:
    """The ControllerRevision `<name>-<hash>`.

    Args:
        deployment: whose revision it is.
        revision_hash: names the revision.
        data: what never changes.
        number: the ordinal that orders the revisions of one ModelDeployment.
        evidence: what its preflight found out, as text; empty before that.
    """
    built = child(
        "apps/v1", "ControllerRevision", deployment, name=revision_name(deployment.metadata.name, revision_hash)
    )
    built["metadata"]["labels"][REVISION_LABEL] = revision_hash
    if evidence:
        built["metadata"]["annotations"] = {EVIDENCE_ANNOTATION: evidence}
    built["data"] = deepcopy(dict(data))
    built["revision"] = number
    return built


def revision_name(name: str, revision_hash: str) -> str:
    """The name of the record of a revision of a ModelDeployment."""
    return f"{name}-{revision_hash}"
