"""What ties every child to its ModelDeployment: name, labels, owner."""

from typing import Any

from modelway.api.labels import object_labels
from modelway.api.meta import API_VERSION, KIND
from modelway.api.v1alpha1 import ModelDeployment


def child(api_version: str, kind: str, deployment: ModelDeployment, *, name: str | None = None) -> dict[str, Any]:
    """A child without its content; named like its owner unless told otherwise."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": name or deployment.metadata.name,
            "namespace": deployment.metadata.namespace,
            "labels": object_labels(deployment.metadata.name),
            "ownerReferences": [owner_reference(deployment.metadata.name, deployment.metadata.uid)],
        },
    }


def owner_reference(name: str, uid: str) -> dict[str, Any]:
    """The reference to a ModelDeployment by which Kubernetes deletes the child with it, and by which a child is known to be ours."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
