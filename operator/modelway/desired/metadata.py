"""The metadata that ties every child to its ModelDeployment: name, labels and owner. Pure."""

from typing import Any

from modelway.api.labels import object_labels
from modelway.api.meta import API_VERSION, KIND
from modelway.api.v1alpha1 import ModelDeployment


def child(api_version: str, kind: str, deployment: ModelDeployment, *, name: str | None = None) -> dict[str, Any]:
    """A child without content; it has the name of its owner unless `name` is given."""
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
    """The reference to a ModelDeployment. It marks a child as ours, and Kubernetes deletes the child with its owner."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
