"""Why the pods of a revision are not ready: ordered rules over the reports of scheduler, node and server. Pure.

The last end of a container counts while the container is not ready, so that the reason stays while it restarts. The oldest pod comes first,
so that the verdict does not jump between pods.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from modelway.observed import ContainerView, Observed, PodView, Termination
from modelway.status import termination, unschedulable
from modelway.status.reasons import Reason
from modelway.status.verdict import Readiness, last_verdict

LONGEST_QUOTE = 700
"""Characters that a message quotes from the cluster."""

_REPLACED_WITHIN = timedelta(seconds=60)
"""A pod created within this time after another one's end replaces it."""

_IMAGE_TROUBLE = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONFIG_TROUBLE = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError"}
)
_START_TROUBLE = frozenset({"StartError", "ContainerCannotRun"})
_WRONG_USAGE = 2
"""The exit code of a program that does not understand its arguments."""

_SIGNALS = {0: "was told to stop", 137: "was killed (SIGKILL)", 143: "was told to stop (SIGTERM)"}
_REFUSED = re.compile(
    r"unauthorized|denied|forbidden|authorization failed|authentication required|no basic auth|\b40[13]\b",
    re.IGNORECASE,
)
_BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*"(?:: (?:ErrImagePull: )?|$)')
_SECRET_MISSING = re.compile(r'secret "([^"]+)" not found')


def failure_of(observed: Observed, revision: str) -> Readiness | None:
    """What keeps the pods of a revision from being ready; None if no cause is known."""
    return next((verdict for rule in RULES if (verdict := rule(observed, revision))), None)


def detail(message: str) -> str:
    """The cluster's words as the end of a clause."""
    text = message.strip().rstrip(".")[:LONGEST_QUOTE]
    return f": {text}" if text else ""


def _image_cannot_be_pulled(observed: Observed, revision: str) -> Readiness | None:
    for pod, container in _unready_containers(observed, revision):
        if container.waiting_reason == "InvalidImageName":
            message = f"{container.image or 'The server image'} is not the name of an image, so pod {pod.name} cannot start. Correct {_image_setting(observed)}."
            return Readiness(Reason.INVALID_IMAGE_NAME, message)
        if container.waiting_reason in _IMAGE_TROUBLE:
            return _image_trouble(pod, container, observed)
    return None


def _image_trouble(pod: PodView, container: ContainerView, observed: Observed) -> Readiness:
    # The back-off repeats the failure in other words, and older kubelets leave it out. Status must not change with each try.
    words = _BACK_OFF.sub("", container.waiting_message)
    before = last_verdict(observed)
    if not words and before and before.reason in {Reason.IMAGE_PULL_DENIED, Reason.IMAGE_PULL_FAILED}:
        return before
    what = f"Image {container.image} of pod {pod.name}" if container.image else f"The image of pod {pod.name}"
    namespace, setting = observed.owner.key.namespace, _image_setting(observed)
    if _REFUSED.search(words):
        remedy = f"Name a pull Secret in server.imagePullSecrets of the chart's values and create it in namespace {namespace}, or correct {setting}: some registries say so of a name that does not exist"
        return Readiness(Reason.IMAGE_PULL_DENIED, f"{what} is refused by its registry{detail(words)}. {remedy}.")
    remedy = f"Check {setting}, and that the nodes reach the registry"
    return Readiness(Reason.IMAGE_PULL_FAILED, f"{what} cannot be pulled{detail(words)}. {remedy}.")


def _has_own_image(observed: Observed) -> bool:
    """Whether the user chose the image of the pods."""
    return bool((observed.owner.document["spec"].get("runtime") or {}).get("image"))


def _image_setting(observed: Observed) -> str:
    return "spec.runtime.image" if _has_own_image(observed) else "server.image in the chart's values"


def _container_cannot_be_made(observed: Observed, revision: str) -> Readiness | None:
    for pod, container in _unready_containers(observed, revision):
        if container.waiting_reason not in _CONFIG_TROUBLE:
            continue
        missing = _SECRET_MISSING.search(container.waiting_message)
        if missing:
            name, namespace = missing[1].rpartition("/")[2], observed.owner.key.namespace
            message = f"There is no Secret {name} in namespace {namespace}. Create it, or correct spec.model.storage.secretRef.name; pods start by themselves once it exists."
            return Readiness(Reason.SECRET_NOT_FOUND, message)
        return _cannot_start(pod, container, container.waiting_message, observed)
    return None


def _cannot_start(pod: PodView, container: ContainerView, words: str, observed: Observed) -> Readiness:
    remedy = "Use an operator and a server image of one release"
    if _has_own_image(observed):
        remedy = "Make the image of spec.runtime.image from the server image of the operator's release"
    message = f"Container {container.name} of pod {pod.name} cannot be started{detail(words)}. {remedy}, or ask whoever runs the cluster."
    return Readiness(Reason.CONTAINER_CONFIG_ERROR, message)


def _process_failed(observed: Observed, revision: str) -> Readiness | None:
    for pod, container in _unready_containers(observed, revision):
        verdict = container.failure and _end_of(pod, container, container.failure, observed)
        if verdict:
            return verdict
    return None


def _end_of(pod: PodView, container: ContainerView, end: Termination, observed: Observed) -> Readiness | None:
    if end.reason == "OOMKilled":
        return _out_of_memory(pod, container)
    if end.reason in _START_TROUBLE:
        return _cannot_start(pod, container, end.message, observed)
    known = termination.explain(end, container.name)
    if known is not None:
        return _complete(Readiness(*known), pod, container, end, observed)
    if end.exit_code in _SIGNALS:
        message = f"Container {container.name} of pod {pod.name} {_SIGNALS[end.exit_code]} and is started again. If that repeats, read why: kubectl describe pod {pod.name} (a failed probe, too little memory, somebody's kill)."
        return Readiness(Reason.KILLED, message)
    return _crash_loop(pod, container, end) if container.restarts > 0 else None


def _complete(
    verdict: Readiness, pod: PodView, container: ContainerView, end: Termination, observed: Observed
) -> Readiness:
    """The server's report of its end, completed with what only the cluster knows."""
    match verdict.reason:
        case Reason.LOAD_CRASHED:
            return _crash(verdict, pod, container, end)
        case Reason.OUT_OF_MEMORY:
            return _out_of_memory(pod, container)
        case Reason.CONTAINER_CONFIG_ERROR:
            return _cannot_start(
                pod, container, end.message or "the server does not understand its arguments", observed
            )
        case Reason.ACCESS_DENIED:
            return replace(verdict, message=verdict.message + _credentials_used(observed))
        case _:
            return verdict


def _out_of_memory(pod: PodView, container: ContainerView) -> Readiness:
    limit = f" of {container.memory_limit}" if container.memory_limit else ""
    message = f"Container {container.name} of pod {pod.name} needed more memory than its limit{limit}. Raise spec.runtime.resources.limits.memory."
    return Readiness(Reason.OUT_OF_MEMORY, message)


def _crash(verdict: Readiness, pod: PodView, container: ContainerView, end: Termination) -> Readiness:
    what = f"A native library crashed container {container.name} of pod {pod.name} (exit code {end.exit_code})."
    if end.message:  # the process itself survived and reports its child
        what = verdict.message.partition(". ")[0] + "."
    message = f"{what} Read where: kubectl logs {pod.name} -c {container.name} --previous; then save the model again with the versions of the server's image."
    return Readiness(Reason.LOAD_CRASHED, message)


def _credentials_used(observed: Observed) -> str:
    """The Secret of the refused credentials, since the server knows only its keys."""
    model = observed.owner.document["spec"].get("model") or {}
    name = ((model.get("storage") or {}).get("secretRef") or {}).get("name")
    namespace = observed.owner.key.namespace
    return f" The keys are looked up in Secret {name} of namespace {namespace}." if name else ""


def _crash_loop(pod: PodView, container: ContainerView, end: Termination) -> Readiness:
    last = f" Its last words: {end.message.strip()[:LONGEST_QUOTE]}" if end.message.strip() else ""
    # The number of restarts is left out on purpose: it would change the status at every restart.
    message = f"Container {container.name} of pod {pod.name} ends with exit code {end.exit_code} each time it is started. Read why: kubectl logs {pod.name} -c {container.name} --previous.{_hint(end)}{last}"
    return Readiness(Reason.CRASH_LOOP, message)


def _hint(end: Termination) -> str:
    """What an exit code may mean that a model can have chosen, too."""
    if end.exit_code != _WRONG_USAGE:
        return ""
    return " A server ends so that does not understand its arguments: an operator and a server image of one release understand each other."


def _pod_cannot_be_scheduled(observed: Observed, revision: str) -> Readiness | None:
    for pod in _unready_pods(observed, revision):
        if pod.unschedulable is not None:
            return Readiness(
                Reason.UNSCHEDULABLE, f"No node takes pod {pod.name}: {unschedulable.explain(pod.unschedulable)}"
            )
    return None


def _node_is_silent(observed: Observed, revision: str) -> Readiness | None:
    for pod in _unready_pods(observed, revision):
        if pod.node_lost:
            message = f"Node {pod.node} no longer reports, so pod {pod.name} counts as lost. Wait until the node is back or the pod is replaced (5 minutes by default), or ask whoever runs the cluster: kubectl describe node {pod.node}."
            return Readiness(Reason.NODE_LOST, message)
    return None


def _pod_was_evicted(observed: Observed, revision: str) -> Readiness | None:
    evicted = [pod for pod in _unready_pods(observed, revision) if pod.eviction is not None]
    started = [pod for pod in _unready_pods(observed, revision) if pod.eviction is None]
    if not evicted or any(not _replaces(pod, evicted[-1]) for pod in started):
        return None
    message = f"Node {evicted[-1].node} stopped pod {evicted[-1].name}{detail(evicted[-1].eviction or '')}. Another one is being started; if it happens again, raise spec.runtime.resources.requests."
    return Readiness(Reason.EVICTED, message)


def _replaces(pod: PodView, ended: PodView) -> bool:
    """Whether a pod was created because another one ended; an old end does not explain what is missing today."""
    if not (pod.created and ended.readiness_time):
        return True
    return datetime.fromisoformat(pod.created) - datetime.fromisoformat(ended.readiness_time) < _REPLACED_WITHIN


Rule = Callable[[Observed, str], Readiness | None]

RULES: tuple[Rule, ...] = (
    _image_cannot_be_pulled,
    _container_cannot_be_made,
    _process_failed,
    _pod_cannot_be_scheduled,
    _node_is_silent,
    _pod_was_evicted,
)


def _unready_pods(observed: Observed, revision: str) -> list[PodView]:
    """The pods of a revision that are neither ready nor being deleted, oldest first."""
    pods = (pod for pod in observed.pods if pod.revision == revision and not pod.ready and not pod.deleting)
    return sorted(pods, key=lambda pod: (pod.created, pod.name))


def _unready_containers(observed: Observed, revision: str) -> Iterator[tuple[PodView, ContainerView]]:
    """The containers of unready pods that were not evicted."""
    pods = (pod for pod in _unready_pods(observed, revision) if pod.eviction is None)
    return ((pod, container) for pod in pods for container in pod.containers)
