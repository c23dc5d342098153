"""Why a ModelDeployment is or is not ready: ordered rules over what was observed, read from top to bottom.

The first rule that has something to say wins. Rules about pods look at the wanted revision alone, and at how a container ended last, so
that the reason stays while a failing container is started again and again.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelway.reasons import Reason
from modelway.state import Condition, ContainerView, DeploymentView, Observed, PodView, Readiness, Termination
from modelway.termination import explained

_LONGEST_QUOTE = 700
"""Characters that a message quotes from the cluster."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the Deployment."""

    revision: str
    """Hash of the revision that should serve."""
    available: int
    """Pods that must serve before the ModelDeployment counts as ready."""


Rule = Callable[[Observed, Wanted], Readiness | None]


def judge(observed: Observed, wanted: Wanted) -> Readiness:
    """The verdict of the first rule that applies."""
    verdicts = (rule(observed, wanted) for rule in RULES)
    return next(verdict for verdict in verdicts if verdict is not None)


def serving(observed: Observed) -> int:
    """How many pods of any revision answer requests."""
    return observed.deployment.available if observed.deployment else 0


def rolled_out(deployment: DeploymentView, revision: str) -> bool:
    """Whether every pod of the Deployment is of this revision; says nothing of how many are up."""
    told = deployment.observed_generation >= deployment.generation
    return told and deployment.revision == revision and deployment.replicas == deployment.updated > 0


_IMAGE_TROUBLE = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
    }
)
_CONFIG_TROUBLE = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError"}
)
_SECRET_MISSING = re.compile(r'secret "([^"]+)" not found')
_QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")


def _everything_serves(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or not rolled_out(deployment, wanted.revision) or deployment.available < wanted.available:
        return None
    return Readiness(
        Reason.SERVING, f"Revision {wanted.revision} serves all requests with {_pods(deployment.available)}."
    )


def _image_cannot_be_pulled(observed: Observed, wanted: Wanted) -> Readiness | None:
    for pod, container in _troubled(observed, wanted):
        if container.waiting_reason in _IMAGE_TROUBLE:
            detail = _detail(container.waiting_message)
            message = f"The server image of pod {pod.name} cannot be pulled{detail}. Check the image name and the pull secrets in the operator's settings."
            invalid = container.waiting_reason == "InvalidImageName"
            return Readiness(Reason.INVALID_IMAGE_NAME if invalid else Reason.IMAGE_PULL_FAILED, message)
    return None


def _secret_does_not_exist(observed: Observed, wanted: Wanted) -> Readiness | None:
    for _, container in _troubled(observed, wanted):
        missing = _SECRET_MISSING.search(container.waiting_message)
        if container.waiting_reason in _CONFIG_TROUBLE and missing:
            name, namespace = missing[1].rpartition("/")[2], observed.owner.key.namespace
            message = f"There is no Secret {name} in namespace {namespace}. Create it, or correct spec.model.storage.secretRef.name; pods start by themselves once it exists."
            return Readiness(Reason.SECRET_NOT_FOUND, message)
    return None


def _container_cannot_be_made(observed: Observed, wanted: Wanted) -> Readiness | None:
    for pod, container in _troubled(observed, wanted):
        if container.waiting_reason in _CONFIG_TROUBLE:
            message = (
                f"Container {container.name} of pod {pod.name} cannot be started{_detail(container.waiting_message)}."
            )
            return Readiness(Reason.CONTAINER_CONFIG_ERROR, message)
    return None


def _process_failed(observed: Observed, wanted: Wanted) -> Readiness | None:
    for pod, container in _troubled(observed, wanted):
        if container.failure is None:
            continue
        told = explained(container.failure)
        if told is not None:
            return Readiness(*told)
        if container.restarts > 0:
            return _crash_loop(pod, container, container.failure)
    return None


def _crash_loop(pod: PodView, container: ContainerView, end: Termination) -> Readiness:
    last = f" Its last words: {end.message.strip()[:_LONGEST_QUOTE]}" if end.message.strip() else ""
    # The number of restarts is left out on purpose: it would change the message, and with it the status, at every restart.
    message = f"Container {container.name} of pod {pod.name} ends with exit code {end.exit_code} each time it is started. Read why: kubectl logs {pod.name} -c {container.name} --previous.{last}"
    return Readiness(Reason.CRASH_LOOP, message)


def _pods_are_refused(observed: Observed, wanted: Wanted) -> Readiness | None:
    failure = _condition(observed.deployment, "ReplicaFailure")
    if failure is None or failure.status != "True" or not _told_of(observed, wanted):
        return None
    quota = _QUOTA.search(failure.message)
    if quota:
        message = f"Quota {quota[1]} of namespace {observed.owner.key.namespace} leaves no room for another pod. Lower spec.runtime.resources or spec.scaling, or ask for more quota. ({failure.message[:_LONGEST_QUOTE]})"
        return Readiness(Reason.QUOTA_EXCEEDED, message)
    return Readiness(
        Reason.POD_REFUSED,
        f"The cluster refuses the model's pods{_detail(failure.message)}. Change what it names, or ask whoever runs the cluster.",
    )


def _pod_cannot_be_scheduled(observed: Observed, wanted: Wanted) -> Readiness | None:
    for pod in _pods_of(observed, wanted.revision):
        if pod.unschedulable is not None:
            message = f"No node has room for pod {pod.name}{_detail(pod.unschedulable)}. Lower spec.runtime.resources.requests, correct spec.scheduling, or add nodes."
            return Readiness(Reason.UNSCHEDULABLE, message)
    return None


def _pod_was_evicted(observed: Observed, wanted: Wanted) -> Readiness | None:
    evicted = [pod for pod in _pods_of(observed, wanted.revision) if pod.evicted is not None]
    if not evicted or serving(observed):
        return None
    return Readiness(
        Reason.NOT_ENOUGH_REPLICAS,
        f"Pod {evicted[-1].name} was stopped by its node{_detail(evicted[-1].evicted or '')}. Another one is being started.",
    )


def _deadline_passed(observed: Observed, wanted: Wanted) -> Readiness | None:
    progress = _condition(observed.deployment, "Progressing")
    if progress is None or progress.reason != "ProgressDeadlineExceeded" or not _told_of(observed, wanted):
        return None
    message = f"Revision {wanted.revision} did not become ready in time{_detail(progress.message)}. Look at its pods: kubectl describe pods -l modelway.dev/revision={wanted.revision}."
    return Readiness(Reason.PROGRESS_DEADLINE_EXCEEDED, message)


def _too_few_serve(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or not rolled_out(deployment, wanted.revision) or not _was_ready(observed):
        return None
    message = f"{deployment.available} of {_pods(wanted.available)} serve; the others are being started."
    return Readiness(Reason.NOT_ENOUGH_REPLICAS, message)


def _still_rolling_out(observed: Observed, wanted: Wanted) -> Readiness | None:
    # Counts are left to status.replicas and status.readyReplicas: in the message each new pod would cost one more write of status.
    rest = "; the previous one serves until then" if serving(observed) else ""
    return Readiness(Reason.PROGRESSING, f"Revision {wanted.revision} is being started{rest}.")


RULES: tuple[Rule, ...] = (
    _everything_serves,
    _image_cannot_be_pulled,
    _secret_does_not_exist,
    _container_cannot_be_made,
    _process_failed,
    _pods_are_refused,
    _pod_cannot_be_scheduled,
    _pod_was_evicted,
    _deadline_passed,
    _too_few_serve,
    _still_rolling_out,
)


def _pods_of(observed: Observed, revision: str) -> Iterator[PodView]:
    """The pods of a revision that are not ready and not going, oldest first, so that the verdict does not jump between pods."""
    pods = (pod for pod in observed.pods if pod.revision == revision and not pod.ready and not pod.deleting)
    return iter(sorted(pods, key=lambda pod: (pod.created, pod.name)))


def _troubled(observed: Observed, wanted: Wanted) -> Iterator[tuple[PodView, ContainerView]]:
    return ((pod, container) for pod in _pods_of(observed, wanted.revision) for container in pod.containers)


def _told_of(observed: Observed, wanted: Wanted) -> bool:
    """Whether the Deployment's conditions speak of the wanted revision already."""
    deployment = observed.deployment
    return (
        deployment is not None
        and deployment.revision == wanted.revision
        and deployment.observed_generation >= deployment.generation
    )


def _condition(deployment: DeploymentView | None, kind: str) -> Condition | None:
    return next((one for one in deployment.conditions if one.type == kind), None) if deployment else None


def _was_ready(observed: Observed) -> bool:
    """Whether this generation has been ready before: then missing pods are a loss, not a rollout."""
    conditions = observed.owner.status.get("conditions") or ()
    return any(
        one.get("type") == "Ready"
        and one.get("observedGeneration") == observed.owner.generation
        and (one.get("status") == "True" or one.get("reason") == Reason.NOT_ENOUGH_REPLICAS)
        for one in conditions
    )


def _detail(message: str) -> str:
    text = message.strip().rstrip(".")[:_LONGEST_QUOTE]
    return f": {text}" if text else ""


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"
