"""The objects of the benchmark: ModelDeployments, and what the operator makes of each, for the bare client to apply."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import build_children, job
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.settings import Settings

Object = dict[str, Any]

HOLLOW_IMAGE = "sandbox/hollow:1"
PROVING_IMAGE = "bench/proving:1"
"""Its pods are hollow, too, and those of a preflight's Job have proved their revision."""
KINDS = ("controllerrevisions", "services", "poddisruptionbudgets", "deployments")
"""Every child of a model of fixed size."""
WITH_PREFLIGHT = (*KINDS, "jobs")
"""The same where a Job proves it first."""
GROUPS = {
    "controllerrevisions": "/apis/apps/v1",
    "deployments": "/apis/apps/v1",
    "services": "/api/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "horizontalpodautoscalers": "/apis/autoscaling/v2",
    "jobs": "/apis/batch/v1",
    "modeldeployments": "/apis/modelway.dev/v1alpha1",
}
_PLURALS = {
    "ControllerRevision": "controllerrevisions",
    "Deployment": "deployments",
    "Service": "services",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Job": "jobs",
}


@dataclass(frozen=True)
class Model:
    """One ModelDeployment of the benchmark."""

    namespace: str
    name: str
    autoscaled: bool = False

    @property
    def path(self) -> str:
        """Where the API server keeps it."""
        return path("modeldeployments", self.namespace, self.name)

    @property
    def manifest(self) -> Object:
        """As a user would write it."""
        scaling = {"scaling": {"min": 1, "max": 3}} if self.autoscaled else {}
        return {
            "apiVersion": "modelway.dev/v1alpha1",
            "kind": "ModelDeployment",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"model": {"uri": f"s3://models/{self.name}/model.joblib"}, **scaling},
        }


def path(plural: str, namespace: str, name: str = "") -> str:
    """The path of an object, or of its collection."""
    return f"{GROUPS[plural]}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def models(count: int, namespaces: Sequence[str], prefix: str = "m") -> list[Model]:
    """So many models, spread over namespaces."""
    return [Model(namespaces[number % len(namespaces)], f"{prefix}{number}") for number in range(count)]


def children_of(answer: Mapping[str, Any], *, preflight: bool = False) -> list[tuple[str, Object]]:
    """Path and body of every child of a ModelDeployment as the API server has it, in the operator's order."""
    settings = Settings(server_image=PROVING_IMAGE if preflight else HOLLOW_IMAGE)
    deployment = ModelDeployment.parse(answer)
    revision = revision_of(deployment)
    template = pod_template(deployment, revision, settings)
    replicas = None if deployment.spec.scaling else 1
    bodies = build_children(deployment, revision, template, replicas=replicas, settings=settings)
    bodies += [job.build(deployment, revision, settings)] if preflight else []
    namespace = answer["metadata"]["namespace"]
    return [(path(_PLURALS[body["kind"]], namespace, body["metadata"]["name"]), body) for body in bodies]


def twins_of(answer: Mapping[str, Any]) -> list[tuple[tuple[str, str, str], Object]]:
    """The same children and where each is, but nobody's, and with labels that no operator watches."""
    twins = [json.loads(json.dumps(body).replace("modelway", "bench")) for _, body in children_of(answer)]
    for body in twins:
        del body["metadata"]["ownerReferences"]
    return [((_PLURALS[one["kind"]], one["metadata"]["namespace"], one["metadata"]["name"]), one) for one in twins]


def status_of(answer: Mapping[str, Any]) -> Object:
    """A status as large as the one that the operator writes first."""
    metadata = answer["metadata"]
    condition = {
        "status": "False",
        "observedGeneration": metadata["generation"],
        "lastTransitionTime": metadata["creationTimestamp"],
        "reason": "Progressing",
        "message": "0 of 1 pods serve this revision; the first one is being started.",
    }
    kinds = ("Ready", "Reconciling", "Stalled", "ModelAccepted", "Available")
    return {
        "observedGeneration": metadata["generation"],
        "conditions": [{"type": kind, **condition} for kind in kinds],
        "url": f"http://{metadata['name']}.{metadata['namespace']}.svc:80",
        "replicas": 0,
        "readyReplicas": 0,
        "selector": f"modelway.dev/name={metadata['name']},modelway.dev/track=stable",
    }
