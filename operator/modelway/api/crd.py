"""The CustomResourceDefinition of `ModelDeployment`: names, columns and subresources around the schema of its types."""

from copy import deepcopy
from typing import Any

from modelway.api.meta import GROUP, KIND, PLURAL, VERSION
from modelway.api.schema import Schema, structural_schema
from modelway.api.status import UNSEEN_STATUS, ModelDeploymentStatus
from modelway.api.v1alpha1 import ModelDeployment, ModelDeploymentSpec

CRD_NAME = f"{PLURAL}.{GROUP}"


def custom_resource_definition() -> dict[str, Any]:
    """The whole object, ready to be applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME, "labels": {"app.kubernetes.io/name": "modelway"}},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["mdep"],
                "categories": ["modelway"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": _columns(),
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.scaling.replicas",
                            "statusReplicasPath": ".status.replicas",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "schema": {"openAPIV3Schema": _root_schema()},
                }
            ],
        },
    }


def _root_schema() -> Schema:
    return {
        "description": " ".join((ModelDeployment.__doc__ or "").split()),
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"The version of this API: {GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"The kind of this object: {KIND}."},
            "metadata": {"type": "object"},
            "spec": structural_schema(ModelDeploymentSpec),
            # Tools that wait (Helm, Flux: kstatus) take a resource without any status for one that is finished; people see a blank.
            "status": {**structural_schema(ModelDeploymentStatus), "default": deepcopy(UNSEEN_STATUS)},
        },
        "x-kubernetes-validations": [rule.as_validation() for rule in ModelDeployment.rules],
    }


def _columns() -> list[dict[str, Any]]:
    ready = '.status.conditions[?(@.type=="Ready")]'
    return [
        _column("Ready", f"{ready}.status", "Whether the present spec is fully served."),
        _column("Reason", f"{ready}.reason", "Why it is or is not."),
        _column("Model", ".spec.model.uri", "The model asked for."),
        _column("Pods", ".status.pods", "Pods that serve, of those wanted."),
        _column("Age", ".metadata.creationTimestamp", "Since when it exists.", kind="date"),
        _column("Revision", ".status.stable.revision", "The revision that answers requests.", priority=1),
        _column("Digest", ".status.stable.digest", "The SHA-256 of its model file.", priority=1),
        _column("Engine", ".status.stable.engine", "What evaluates it: see docs/engines.md.", priority=1),
        _column("Rollout", ".status.rollout.phase", "How far the last candidate has come.", priority=1),
        _column("Canary", ".status.rollout.traffic", "What a candidate gets of the requests.", priority=1),
        _column("URL", ".status.url", "Where the model is reached.", priority=1),
        _column("Message", f"{ready}.message", "What is so and what to do, in words."),
    ]


def _column(name: str, path: str, description: str, *, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return {**column, "priority": priority} if priority else column
