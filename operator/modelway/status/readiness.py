"""Why a ModelDeployment is or is not ready: ordered rules over what was observed, read from top to bottom.

The first rule that has something to say wins. Rules look at the wanted revision alone. What was told before matters where nothing is known
now: a reason stays until the model serves or another cause is seen, so that status does not flap while pods are tried again.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from modelway.api import conditions
from modelway.api.labels import REVISION_LABEL
from modelway.observed import ChildId, Condition, DeploymentView, Observed
from modelway.status.pod_failures import detail, failure_of
from modelway.status.reasons import Reason, Topic
from modelway.status.rejections import pods_refused
from modelway.status.verdict import Readiness, last_verdict

_REPLICA_SET = re.compile(r'^ReplicaSet "([^"]+)"')
_AGAIN = "Pods are being started again. Before: "
_LASTING = frozenset({Topic.MODEL, Topic.POD, Topic.CLUSTER})
"""Topics whose reasons stay while pods are started again."""


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


def reachable(observed: Observed) -> bool:
    """Whether there is a Service by which clients find the pods."""
    service = observed.owned(ChildId("Service", observed.owner.key.name))
    return service is not None and not service.deleting


def others_serve(observed: Observed, revision: str) -> bool:
    """Whether pods of another revision than this one answer requests."""
    deployment = observed.deployment
    counted = deployment is not None and deployment.reports_on(revision) and deployment.replicas > deployment.updated
    return counted or any(pod.revision != revision and pod.ready and not pod.deleting for pod in observed.pods)


def _is_scaled_to_nothing(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or deployment.size > 0:
        return None
    namespace, name = observed.owner.key
    so = "what serves is being ended" if serving(observed) else "nothing serves"
    message = f"Deployment {name} was scaled to 0 pods, so {so}, and an autoscaler does not start from 0. Scale it up: kubectl scale deployment/{name} -n {namespace} --replicas={wanted.available}"
    return Readiness(Reason.SCALING_DISABLED, f"{message}.")


def _controller_is_behind(observed: Observed, wanted: Wanted) -> Readiness | None:
    """Somebody has just scaled, paused or annotated the Deployment: its controller counts anew within moments, and until then nothing is unsaid."""
    deployment, before = observed.deployment, last_verdict(observed)
    if deployment is None or deployment.revision != wanted.revision or deployment.reports_on(wanted.revision):
        return None
    if before is None or not _may_hold(before, deployment, observed, wanted):
        return None
    return replace(before, recovering=before.message.startswith(_AGAIN))


def _may_hold(before: Readiness, deployment: DeploymentView, observed: Observed, wanted: Wanted) -> bool:
    match before.reason:
        case Reason.SERVING:
            return deployment.available >= wanted.available and reachable(observed)
        case Reason.NO_SERVICE:
            return not reachable(observed)
        case Reason.ROLLOUT_PAUSED:
            return deployment.paused
        case reason:
            return reason.topic is Topic.CLUSTER or reason is Reason.PROGRESS_DEADLINE_EXCEEDED


def _everything_serves(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or not deployment.is_rolled_out(wanted.revision) or deployment.available < wanted.available:
        return None
    if not reachable(observed):
        message = f"Service {observed.owner.key.name} is not there, so nobody reaches the pods; it is being made."
        return Readiness(Reason.NO_SERVICE, message)
    served = f"Revision {wanted.revision} serves all requests with"
    if deployment.available >= deployment.size:
        return Readiness(Reason.SERVING, f"{served} {_pods(deployment.available)}.{_paused(observed)}")
    counts, others = f"{deployment.available} of {_pods(deployment.size)}", deployment.size - deployment.available
    failure = _pods_fail(observed, wanted) or _pods_are_refused(observed, wanted)
    missing = (
        f"{others} cannot be started ({failure.reason}): {failure.message}"
        if failure
        else f"{others} {_are(others)} being started."
    )
    return Readiness(Reason.SERVING, f"{served} {counts}. {missing}{_paused(observed)}")


def _pods_fail(observed: Observed, wanted: Wanted) -> Readiness | None:
    return failure_of(observed, wanted.revision)


def _some_pods_fail(observed: Observed, wanted: Wanted) -> Readiness | None:
    """Pods of the wanted revision serve, and others of it cannot be started: a change of size that fails, say."""
    deployment = observed.deployment
    if deployment is None or not deployment.is_rolled_out(wanted.revision) or not deployment.available:
        return None
    failure = _pods_fail(observed, wanted) or _pods_are_refused(observed, wanted)
    others = deployment.size - deployment.available
    if failure is None or others <= 0:
        return failure
    counts = (
        f"{deployment.available} of {_pods(deployment.size)} {_serve(deployment.available)}; {others} cannot be started"
    )
    return replace(failure, message=f"{counts}: {failure.message}")


def _pods_are_refused(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment, failure = observed.deployment, _condition(observed.deployment, "ReplicaFailure")
    if deployment is None or failure is None or failure.status != "True" or not deployment.reports_on(wanted.revision):
        return None
    if deployment.updated >= deployment.size:  # none is missing that could be refused: the size was another one then
        return None
    return pods_refused(failure.message, namespace=observed.owner.key.namespace)


def _rollout_is_paused(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment = observed.deployment
    if deployment is None or not deployment.paused or not deployment.reports_on(wanted.revision):
        return None
    if deployment.is_rolled_out(wanted.revision):
        return None
    namespace, name = observed.owner.key
    rest = "; the previous one serves until then" if serving(observed) else ""
    message = f"Somebody paused Deployment {name}, so revision {wanted.revision} is not started{rest}. Go on: kubectl rollout resume deployment/{name} -n {namespace}."
    return Readiness(Reason.ROLLOUT_PAUSED, message)


def _deadline_passed(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment, progress = observed.deployment, _condition(observed.deployment, "Progressing")
    late = progress is not None and progress.reason == "ProgressDeadlineExceeded"
    if progress is None or not late or deployment is None or not deployment.reports_on(wanted.revision):
        return None
    if not _names_a_set_of(observed, wanted.revision, progress):
        return None
    message = f"Revision {wanted.revision} did not become ready in time{detail(progress.message)}. Look at its pods: kubectl describe pods -l {REVISION_LABEL}={wanted.revision}."
    return Readiness(Reason.PROGRESS_DEADLINE_EXCEEDED, message)


def _names_a_set_of(observed: Observed, revision: str, condition: Condition) -> bool:
    """Whether the ReplicaSet that a condition names is that of a revision: the Deployment keeps what it said of the one before.

    A set without pods is known by none: then it is the newest revision's, if that was there before the condition was.
    """
    named = _REPLICA_SET.search(condition.message)
    sets = {pod.name.rpartition("-")[0] for pod in observed.pods if pod.revision == revision}
    if named is None or sets:
        return named is None or named[1] in sets
    newest = max(observed.revisions, key=lambda one: one.number, default=None)
    return newest is not None and newest.revision == revision and "" < newest.created <= condition.since


def _counts_are_late(observed: Observed, wanted: Wanted) -> Readiness | None:
    """Enough pods are ready, only the Deployment does not say so yet."""
    pods = [pod for pod in observed.pods if pod.revision == wanted.revision and pod.ready and not pod.deleting]
    return last_verdict(observed) if len(pods) >= wanted.available else None


def _too_few_serve(observed: Observed, wanted: Wanted) -> Readiness | None:
    """Pods are missing that were there: a loss, not a rollout."""
    deployment, before = observed.deployment, last_verdict(observed)
    if before is None or before.reason not in {Reason.SERVING, Reason.NOT_ENOUGH_REPLICAS}:
        return None
    if deployment and (deployment.revision != wanted.revision or deployment.replicas > deployment.updated):
        return None
    return Readiness(Reason.NOT_ENOUGH_REPLICAS, _counted(observed, wanted))


def _tried_again(observed: Observed, _: Wanted) -> Readiness | None:
    before = last_verdict(observed)
    if before is None or before.reason.topic not in _LASTING:
        return None
    return replace(before, message=_AGAIN + before.message.removeprefix(_AGAIN), recovering=True)


def _still_rolling_out(observed: Observed, wanted: Wanted) -> Readiness | None:
    deployment, up = observed.deployment, serving(observed)
    if deployment is None or not up:
        return Readiness(Reason.PROGRESSING, f"Revision {wanted.revision} is being started.")
    if deployment.revision != wanted.revision or others_serve(observed, wanted.revision):
        message = f"Revision {wanted.revision} is being started; the previous one serves until then."
        return Readiness(Reason.PROGRESSING, message)
    return Readiness(Reason.PROGRESSING, _counted(observed, wanted, of=f" of revision {wanted.revision}"))


RULES: tuple[Rule, ...] = (
    _is_scaled_to_nothing,
    _controller_is_behind,
    _everything_serves,
    _some_pods_fail,
    _pods_fail,
    _pods_are_refused,
    _rollout_is_paused,
    _deadline_passed,
    _counts_are_late,
    _too_few_serve,
    _tried_again,
    _still_rolling_out,
)


def _condition(deployment: DeploymentView | None, kind: str) -> Condition | None:
    return conditions.find(deployment.conditions, kind) if deployment else None


def _paused(observed: Observed) -> str:
    """What to know of a Deployment that serves and that somebody paused."""
    if observed.deployment is None or not observed.deployment.paused:
        return ""
    namespace, name = observed.owner.key
    return f" Deployment {name} is paused, so the next change will wait: kubectl rollout resume deployment/{name} -n {namespace}."


def _counted(observed: Observed, wanted: Wanted, of: str = "") -> str:
    """How many pods serve of those asked for, which an autoscaler may have made more than the fewest."""
    up, deployment = serving(observed), observed.deployment
    size = max(deployment.size if deployment else 0, wanted.available)
    missing = size - up
    rest = f"; {missing} {_are(missing)} being started" if missing > 0 else ""
    return f"{up} of {_pods(size)}{of} {_serve(up)}{rest}."


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _serve(count: int) -> str:
    return "serves" if count == 1 else "serve"
