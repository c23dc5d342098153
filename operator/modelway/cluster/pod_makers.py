"""The Deployments and the Jobs of a model, as far as their pods may be refused. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelway.api import conditions
from modelway.api.labels import PROOF_LABEL, REVISION_LABEL
from modelway.cluster import kinds
from modelway.desired.plan import Plan, Step
from modelway.observed import ChildId, Condition, DeploymentView, JobView, Key, Observed

JOB_SECONDS = 3.0
"""For how long a Job may have no pod before one is tried."""


@dataclass(frozen=True, slots=True)
class PodMaker:
    """A child that makes pods of one template."""

    id: ChildId
    uid: str
    revision: str
    """What its pods run."""
    pod: Mapping[str, Any] = field(repr=False)
    """A pod as its controller would make it."""
    failure: str | None
    """What its controller says of refused pods, empty where it says nothing; None if none are refused."""
    behind: bool
    """Whether its controller has yet to look at it."""
    misses_pods: bool
    has_pods: bool
    """Whether pods of this revision are there."""
    patience: float = 0.0
    """Seconds until a first try."""


def makers_of(plan: Plan, observed: Observed) -> tuple[PodMaker, ...]:
    """The children of a plan whose pods may be refused.

    Args:
        plan: what was applied.
        observed: what exists.
    """
    steps = {step.id: step for step in plan.steps if not step.handover}
    deployments = (_deployment(one, observed) for one in steps.values() if one.id.kind == "Deployment")
    jobs = (_job(one, observed) for one in steps.values() if one.id.kind == "Job")
    return tuple(one for one in (*deployments, *jobs) if one is not None)


def _deployment(step: Step, observed: Observed) -> PodMaker | None:
    present = observed.owned(step.id)
    if not isinstance(present, DeploymentView):
        return None
    template = step.body["spec"]["template"]
    revision = template["metadata"]["labels"][REVISION_LABEL]
    failure = _failure(present)
    return PodMaker(
        id=present.id,
        uid=present.uid,
        revision=revision,
        pod=_pod(template, observed.owner.key, f"{present.id.name}-", {}),
        failure=failure.message if failure else None,
        behind=present.observed_generation < present.generation,
        misses_pods=present.updated < present.size,
        has_pods=any(pod.revision == revision for pod in observed.pods_of(present)),
    )


def _job(step: Step, observed: Observed) -> PodMaker | None:
    present = observed.owned(step.id)
    if not isinstance(present, JobView) or present.finished or present.deleting:
        return None
    template, proof = step.body["spec"]["template"], present.proof
    around = (*observed.preflight_pods, *observed.replay_pods)
    pods = [pod for pod in around if pod.proof == proof and not pod.deleting and pod.eviction is None]
    return PodMaker(
        id=present.id,
        uid=present.uid,
        revision=template["metadata"]["labels"][PROOF_LABEL],
        pod=_pod(template, observed.owner.key, f"{present.id.name}-", _labels_of_job(present)),
        failure=None if pods else "",
        behind=False,
        misses_pods=not pods,
        has_pods=bool(pods),
        patience=JOB_SECONDS,
    )


def _labels_of_job(job: JobView) -> dict[str, str]:
    """The labels that the Job controller gives to pods."""
    names = {"controller-uid": job.uid, "job-name": job.id.name}
    return names | {f"batch.kubernetes.io/{name}": value for name, value in names.items()}


def _pod(template: Mapping[str, Any], key: Key, prefix: str, labels: Mapping[str, str]) -> dict[str, Any]:
    metadata = {
        **template["metadata"],
        "labels": {**template["metadata"]["labels"], **labels},
        "generateName": prefix,
        "namespace": key.namespace,
    }
    return {"apiVersion": kinds.POD.api_version, "kind": kinds.POD.name, "metadata": metadata, "spec": template["spec"]}


def _failure(deployment: DeploymentView) -> Condition | None:
    if deployment.observed_generation < deployment.generation:  # it is about the Deployment as it was
        return None
    failure = conditions.find(deployment.conditions, "ReplicaFailure")
    return failure if failure is not None and failure.status == "True" else None
